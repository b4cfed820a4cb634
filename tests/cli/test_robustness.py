"""The command `robustness`, with model files that take darkness for cracks."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from crackwise.cli.robustness import register
from crackwise.errors import DataError
from drawn_onnx import write_darkness


def invoke(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(lambda: None)  # one more, or typer would drop the command's name
    register(app)
    return CliRunner().invoke(app, ["robustness", *map(str, arguments)], catch_exceptions=False)


def test_two_models_are_laid_beside_each_other(drawn_set: Path, tmp_path: Path) -> None:
    models = [write_darkness(tmp_path / f"{name}.onnx", threshold) for name, threshold in (("a", 0.55), ("b", 0.45))]
    out = tmp_path / "new" / "held"
    options = ("--only", "fog", "--only", "dark", "--severities", "1,3", "--pictures", 3, "--score", "f1@2")
    result = invoke(*models, "--data", f"{drawn_set}:val", "--out", out, *options)
    assert result.exit_code == 0
    assert "relative" in result.stdout
    assert str(out / "report.html") in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["kept", "report.html", "robustness.csv", "robustness.json"]
    record = json.loads((out / "robustness.json").read_text())
    assert list(record["conditions"]) == ["fog:1", "fog:3", "dark"]
    assert list(record["protocols"]) == ["f1@2"]
    assert record["baseline"] == str(models[0])
    (of_set,) = record["sets"].values()
    assert len(of_set["pictures"]) == 3
    assert list(of_set["models"]) == [str(model) for model in models]
    assert of_set["models"][str(models[0])]["leaks"]["checked"] == [f"{drawn_set}:train"]


def test_what_cannot_be_asked_for_is_refused_before_a_picture_is_read(drawn_set: Path, tmp_path: Path) -> None:
    model = write_darkness(tmp_path / "a.onnx", 0.5)
    for options, says in (
        (("--severities", "1;3"), "numbers with commas"),
        (("--severities", "7"), "severities are 1, 2, 3, 4, 5"),
        (("--only", "mist"), "No noise named"),
        (("--score", "iou"), "No score"),
    ):
        with pytest.raises(DataError, match=says):
            invoke(model, "--data", f"{drawn_set}:val", "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
