"""The command `sweep`."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from crackwise.cli.sweep import register
from crackwise.errors import RecipeError


@pytest.fixture
def page(tmp_path: Path, drawn_set: Path) -> Path:
    recipe = {
        "seed": 3,
        "model": {"name": "hrsegnet", "options": {"base": 2, "depth": 1}},
        "data": {"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"], "augment": {"crop_px": 64}},
        "optim": {"epochs": 0},
        "trainer": {"accelerator": "cpu", "threads": 1},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(recipe))
    case = {"data": f"{drawn_set}:val", "scores": ["f1@2"]}
    sweep = {"base": "small.yaml", "grid": {"model.options.base": [2, 4]}, "evaluate": [case]}
    (tmp_path / "widths.yaml").write_text(yaml.safe_dump(sweep))
    return tmp_path / "widths.yaml"


def invoke(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(lambda: None)  # one more, or typer would drop the command's name
    register(app)
    return CliRunner().invoke(app, ["sweep", *map(str, arguments)], catch_exceptions=False)


def test_a_sweep_is_carried_out_and_its_files_are_named(page: Path, tmp_path: Path) -> None:
    result = invoke(page, "--out", tmp_path / "out", "--set", "model.options.depth=2")
    assert result.exit_code == 0, result.output
    assert "base=2, seed 3: finished" in result.stdout
    assert str(tmp_path / "out" / "sweep.html") in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "runs",
        "sweep.html",
        "sweep.json",
        "sweep.yaml",
        "table.csv",
    }
    recipe = yaml.safe_load((tmp_path / "out" / "runs" / "base=4" / "seed3" / "recipe.yaml").read_text())
    assert recipe["model"]["options"] == {"base": 4, "depth": 2}


def test_a_dry_run_counts_and_writes_nothing(page: Path, tmp_path: Path) -> None:
    result = invoke(page, "--out", tmp_path / "out", "--dry-run", "--only", "base=4")
    assert result.exit_code == 0
    assert result.stdout.startswith("base=4: ")
    assert "parameters learn" in result.stdout
    assert not (tmp_path / "out").exists()
    search = {"trials": 7, "space": {"model.options.base": {"choices": [2, 4]}}}
    values = yaml.safe_load(page.read_text()) | {"search": search}
    values.pop("grid")
    page.write_text(yaml.safe_dump(values))
    assert "7 points" in invoke(page, "--out", tmp_path / "out", "--dry-run", "--set", "optim.epochs=1").stdout


def test_a_run_that_fails_ends_the_command_with_1(page: Path, tmp_path: Path, drawn_set: Path) -> None:
    for picture in (drawn_set / "masks" / "val").iterdir():
        picture.write_bytes(b"no picture")
    result = invoke(page, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "2 failed, see error.txt" in result.output
    assert "base=2" in result.output
    assert (tmp_path / "out" / "sweep.html").is_file()


def test_a_wrong_page_is_one_sentence(page: Path, tmp_path: Path) -> None:
    page.write_text("grid: {optim.lr: [1]}\nbase: lost.yaml\n")
    with pytest.raises(RecipeError, match="run 'lr=1': Cannot read"):
        invoke(page, "--out", tmp_path / "out")
