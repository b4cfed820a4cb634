"""The public names: few, sorted, quick to import, and without torch."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import crackwise


def in_a_new_process(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_public_names_are_sorted_and_there() -> None:
    assert crackwise.__all__ == sorted(crackwise.__all__)
    assert dir(crackwise) == crackwise.__all__
    for name in crackwise.__all__:
        assert getattr(crackwise, name) is not None


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mesure'"):
        _ = crackwise.mesure


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project.get("version", crackwise.__version__) == crackwise.__version__


@pytest.mark.parametrize(
    "before", ["", "import crackwise.measure", "import crackwise.inspection", "from crackwise.measure import totals"]
)
def test_measure_is_the_function_whatever_was_imported_before(before: str) -> None:
    script = f"{before}\nfrom crackwise import measure\nimport crackwise\nassert crackwise.measure is measure"
    assert in_a_new_process(f"{script}\nprint(measure.__name__)") == "measure"


def test_importing_crackwise_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'scipy', 'cv2', 'onnxruntime', 'torch', 'typer'}"
    assert in_a_new_process(f"import sys, crackwise; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_the_field_never_imports_torch() -> None:
    script = (
        "import sys\n"
        "from crackwise import inspect_image, load_predictor, measure, read_image\n"
        "import crackwise.batch, crackwise.cli, crackwise.backends.onnx\n"
        "print('torch' in sys.modules, 'lightning' in sys.modules)"
    )
    assert in_a_new_process(script) == "False False"
