"""The notebooks, executed as a reader would, from a copy of their folder's place in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"


def executed(name: str) -> list[str]:
    """What the cells of a notebook print and show, one text for each cell; a cell that fails is an error."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(FOLDER / name, 4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        "".join(output.get("text", "") or "".join(map(str, output.get("data", {}).values())) for output in cell.outputs)
        for cell in cells
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inspect_and_measure.ipynb", ["| photo | crack | length mm |", "wall joint crossing", "cracks,"]),
        ("fine_tune_with_lora.ipynb", ["12 pictures to learn from, 4 to judge by", "MB were learnt and saved"]),
    ],
)
def test_a_notebook_runs_from_the_first_cell_to_the_last(name: str, expected: list[str]) -> None:
    text = "\n".join(executed(name))
    assert [part for part in expected if part not in text] == []
    if "F1 over all" in text:
        before, after = (float(word) for word in text.split("F1 over all validation pixels: ")[1].split()[:3:2])
        assert after > before + 0.2
