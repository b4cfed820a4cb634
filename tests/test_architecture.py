"""What the code promises about itself: who imports whom, how large things are, what is public."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "crackwise"
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
FIELD = (
    "crackwise, crackwise.measure, crackwise.inspection, crackwise.batch, crackwise.serve, crackwise.report, "
    "crackwise.backends.onnx, crackwise.backends.remote"
)


def test_the_field_runs_without_torch() -> None:
    code = f"import sys; import {FIELD}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function with its number of lines, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if ast.get_docstring(node) else None
            docstring = 0 if text is None else (text.end_lineno or 0) - text.lineno + 1
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_two_screens_and_a_function_one_step(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert [(name, lines) for name, lines in functions(path) if lines > 45] == []


def public_modules() -> Iterator[str]:
    for path in FILES:
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        if "__all__" in path.read_text(encoding="utf-8") and not name.endswith("__main__"):
            yield name


@pytest.mark.parametrize("name", list(public_modules()))
def test_public_names_are_sorted_and_exist(name: str) -> None:
    pytest.importorskip("torch")
    module = importlib.import_module(name)
    names = list(module.__all__)
    constants, classes, rest = (
        [n for n in names if n.isupper()],
        [n for n in names if n[0].isupper() and not n.isupper()],
        [n for n in names if not n[0].isupper()],
    )
    assert names == sorted(constants) + sorted(classes) + sorted(rest)
    assert all(hasattr(module, n) for n in names)


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_a_folder_holds_at_most_fifteen_files(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 15
