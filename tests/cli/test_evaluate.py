"""The command `evaluate`, with a model file that takes darkness for cracks."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from crackwise.cli.evaluate import register
from crackwise.errors import CrackwiseError, DataError, ModelError
from crackwise.evaluation.metrics import scores_in
from drawn_onnx import write_darkness


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_darkness(tmp_path / "dark.onnx")


def invoke(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(lambda: None)  # one more, or typer would drop the command's name
    register(app)
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def test_a_model_is_scored_on_a_drawn_set(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "scores"
    result = invoke(model, "--data", f"{drawn_set}:val", "--out", out)
    assert result.exit_code == 0
    assert "crack IoU" in result.stdout
    assert f"{drawn_set}:val"[:16] in result.stdout
    assert str(out / "report.html") in result.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        *("counts.npz", "masks", "report.html", "scores.csv", "scores.json"),
    ]
    record = json.loads((out / "scores.json").read_text())
    part = record["sets"][f"{drawn_set}:val"]["subsets"]["all"]
    assert (part["pictures"], part["photographs"], part["crack_free_pictures"]) == (4, 4, 1)
    assert part["scores"]["pooled_crack_iou"]["value"] > 0.95
    assert part["scores"]["false_alarm_share"]["value"] == 0
    assert record["sets"][f"{drawn_set}:val"]["leaks"]["checked"] == [f"{drawn_set}:train"]
    assert record["model"]["runtime"] == "onnxruntime"


def test_noise_is_asked_for_and_recorded(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    shares = {}
    for noise in ("blur", None):
        options = ["--noise", noise] if noise else []
        assert invoke(model, "--data", f"{drawn_set}:val", "--out", tmp_path, *options).exit_code == 0
        (scores,) = json.loads((tmp_path / "scores.json").read_text())["sets"].values()
        assert scores["noise"] == noise
        shares[noise] = scores["subsets"]["all"]["scores"]["pooled_recall"]["value"]
    assert shares["blur"] < 0.9 < shares[None]


def test_pictures_are_judged_where_asked_for(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    result = invoke(model, "--data", f"{drawn_set}:val", "--out", tmp_path, "--per-picture")
    assert result.exit_code == 0
    assert "crack IoU" in result.stdout
    assert "AUROC" in result.stdout
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["sets"].values()
    assert scores["judgements"]["all"]["confusion"]["true_positives"] == 3


def test_a_screen_looks_first_and_is_recorded(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    options = ["--data", f"{drawn_set}:val", "--out", tmp_path, "--screen", model]
    assert invoke(model, *options, "--screen-threshold", 0.99).exit_code == 0
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["cascade"]["screen"]["threshold"] == 0.99
    (scores,) = record["sets"].values()
    assert scores["triage"] == {"parts": 4, "suspected": 0, "segmented_share": 0}
    assert scores["subsets"]["all"]["scores"]["pooled_recall"]["value"] == 0
    assert invoke(model, *options[:4], "--screen-threshold", 0.5).exit_code == 2
    with pytest.raises(ModelError, match="A screen knows no phrases"):
        invoke(model, *options, "--each-phrase")


@pytest.mark.parametrize("style", ["repeated", "one after the other"])
def test_several_sets_at_once(model: Path, drawn_set: Path, tmp_path: Path, style: str) -> None:
    first, second = f"{drawn_set}:val", f"{drawn_set}:train"
    sets = ["--data", first, "--data", second] if style == "repeated" else ["--data", first, second]
    assert invoke(model, *sets, "--out", tmp_path / "out").exit_code == 0
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys((row["set"], row["subset"]) for row in rows)) == [
        (first, "all"),
        (second, "all"),
    ]


def test_a_given_threshold_is_used_and_recorded(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    invoke(model, "--data", f"{drawn_set}:val", "--out", tmp_path / "out", "--threshold", 0.95)
    record = json.loads((tmp_path / "out" / "scores.json").read_text())["sets"][f"{drawn_set}:val"]
    assert (record["threshold"], record["threshold_source"]) == (0.95, "given")
    assert record["subsets"]["all"]["scores"]["pooled_recall"]["value"] == 0


def test_what_is_not_there_is_named_and_nothing_written(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No data set at"):
        invoke(model, "--data", "nowhere", "--out", tmp_path / "out")
    with pytest.raises(ModelError, match="No model at"):
        invoke(tmp_path / "lost.onnx", "--data", f"{drawn_set}:val", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["--data", "--out"])
def test_sets_and_an_output_folder_are_needed(model: Path, tmp_path: Path, missing: str) -> None:
    options = {"--data": str(tmp_path), "--out": str(tmp_path / "out")}
    options.pop(missing)
    result = invoke(model, *(word for option in options.items() for word in option))
    assert result.exit_code == 2


def answers_in(out: Path) -> dict[str, Any]:
    """The one set of a record."""
    (of_set,) = json.loads((out / "scores.json").read_text())["sets"].values()
    return dict(of_set)


def of_masks(out: Path) -> dict[str, Any]:
    """The scores that follow from masks alone."""
    scores = answers_in(out)["subsets"]["all"]["scores"]
    return {name: scores[name] for name in (*scores_in("mask"), *scores_in("lines"), *scores_in("widths"))}


def test_kept_masks_are_predictions_again(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    own, again = tmp_path / "own", tmp_path / "again"
    data = ["--data", f"{drawn_set}:val"]
    assert invoke(model, *data, "--out", own).exit_code == 0
    (kept,) = (own / "masks").iterdir()
    result = invoke("--predictions", kept, *data, "--out", again)
    assert result.exit_code == 0
    assert of_masks(again) == of_masks(own)
    assert (answers_in(again)["threshold"], answers_in(again)["threshold_source"]) == (0.5, "default")
    record = json.loads((again / "scores.json").read_text())
    assert record["model"] is None
    assert (record["predictions"]["files"], record["predictions"]["kind"]) == (4, "masks")
    assert "pixel_ece" not in answers_in(again)["subsets"]["all"]["scores"]
    assert answers_in(again)["trust"] is None
    with pytest.raises(DataError, match="New masks would take the place"):
        invoke("--predictions", kept, *data, "--out", own)
    assert len(list(kept.rglob("*.png"))) == 4


@pytest.mark.parametrize(
    "options",
    [("--noise", "blur"), ("--screen", "packaged"), ("--each-phrase",), ("--screen-threshold", "0.5")],
)
def test_predictions_cannot_be_made_again_in_another_way(drawn_set: Path, tmp_path: Path, options: list[str]) -> None:
    result = invoke("--predictions", tmp_path, "--data", drawn_set, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert options[0] in result.stderr


def test_a_model_or_predictions_are_scored_and_not_both(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    for made in ((), (model, "--predictions", tmp_path)):
        result = invoke(*made, "--data", drawn_set, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert "--predictions FOLDER" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_threshold_comes_from_one_place(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    several = ["--threshold", 0.5, "--threshold-swept-on-test"]
    assert invoke(model, "--data", drawn_set, "--out", tmp_path / "out", *several).exit_code == 2


def test_a_threshold_from_other_pictures_is_recorded(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    train, out = f"{drawn_set}:train", tmp_path / "out"
    result = invoke(model, "--data", f"{drawn_set}:val", "--threshold-from", train, "--out", out)
    assert result.exit_code == 0
    found = answers_in(out)
    assert found["threshold_source"] == "chosen on other pictures"
    assert (found["threshold_chosen"]["on"], found["threshold_chosen"]["pictures"]) == (train, 8)
    assert "chosen on other pictures: f1" in result.stdout
    with pytest.raises(DataError, match="show photographs that are scored"):
        invoke(model, "--data", train, "--threshold-from", train, "--out", tmp_path / "same")
    shared = invoke(model, "--data", f"{drawn_set}:val", "--threshold-from", drawn_set, "--out", out)
    assert shared.exit_code == 0
    assert answers_in(out)["threshold_chosen"]["pictures"] == 8


def test_a_threshold_swept_on_the_test_set_says_so_everywhere(model: Path, drawn_set: Path, tmp_path: Path) -> None:
    result = invoke(model, "--data", f"{drawn_set}:val", "--threshold-swept-on-test", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "swept on the test set, which flatters the scores: f1" in result.stdout
    found = answers_in(tmp_path / "out")
    assert found["threshold_source"] == "swept on the test set"
    assert found["threshold_chosen"]["on"] == f"{drawn_set}:val"
    best = found["subsets"]["all"]["scores"]["pooled_f1"]["value"]
    assert found["threshold_chosen"]["value"] == best
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["thresholds"] == "one"]
    assert {row["threshold_source"] for row in rows} == {"swept on the test set"}


def test_predictions_for_pictures_that_choose_the_threshold_are_needed_too(drawn_set: Path, tmp_path: Path) -> None:
    options = ["--data", f"{drawn_set}:val", "--threshold-from", f"{drawn_set}:train", "--out", tmp_path / "out"]
    with pytest.raises(DataError, match="8 without a prediction: walls/train/train_0"):
        invoke("--predictions", drawn_set / "masks" / "val", *options)
    result = invoke("--predictions", drawn_set / "masks", *options)
    assert result.exit_code == 0
    assert answers_in(tmp_path / "out")["subsets"]["all"]["scores"]["pooled_f1"]["value"] == 1


def test_whole_pictures_are_judged_from_predictions(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for part, level in (("crack", 255), ("no_crack", 0)):
        (tmp_path / "tiles" / part).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (20, 10), 40 * i).save(tmp_path / "tiles" / part / f"{part} {i}.png")
            Image.new("L", (20, 10), level).save(tmp_path / "given" / f"{part} {i}.png")
    options = ["--predictions", tmp_path / "given", "--data", tmp_path / "tiles", "--out", tmp_path / "out"]
    result = invoke(*options)
    assert result.exit_code == 0, result.output
    assert answers_in(tmp_path / "out")["judgements"]["all"]["scores"]["accuracy"]["value"] == 1
    with pytest.raises(DataError, match="is of the whole picture"):
        invoke(*options, "--threshold-swept-on-test")


def test_an_output_folder_that_is_a_file_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    with pytest.raises(CrackwiseError, match="is a file"):
        invoke(model, "--data", "nowhere", "--out", model)
