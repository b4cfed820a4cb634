"""Every network has a page, and it says what the table says."""

import runpy
from pathlib import Path

import pytest

from crackwise.models import MODELS

FOLDER = Path(__file__).parents[2] / "docs" / "models"
MAKE = runpy.run_path(str(FOLDER / "make.py"))


@pytest.mark.parametrize("name", MODELS)
def test_a_row_has_its_page(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text().startswith(MAKE["page_of"](name)), "run: python docs/models/make.py"


def test_what_was_written_by_hand_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "hrsegnet.md"
    assert MAKE["by_hand"](page) == "\n"
    page.write_text(MAKE["page_of"]("hrsegnet") + "\n\nBy hand.\n")
    assert MAKE["by_hand"](page) == "\n\nBy hand.\n"
    page.write_text("By hand throughout.\n")
    assert MAKE["by_hand"](page) == "\n\nBy hand throughout.\n"
