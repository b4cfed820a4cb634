"""The command `evaluate`, with a model file that takes darkness for cracks."""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner, Result

from crackwise.cli.evaluate import register
from crackwise.errors import DataError, ModelError
from crackwise.predictor import ModelCard


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """uint8 RGB (h, w, 3) to 1 - mean / 255, (1, h, w)."""
    number = {"full": np.float32(255), "one": np.float32(1), "first": np.array([0]), "last": np.array([2])}
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "last"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "full"], ["light"]),
        helper.make_node("Sub", ["one", "light"], ["dark"]),
        helper.make_node("Unsqueeze", ["dark", "first"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dark",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, "height", "width"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in number.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    card = ModelCard(name="dark is crack", version="1", threshold=0.55)
    helper.set_model_props(proto, {"crackwise.card": card.model_dump_json()})
    onnx.save(proto, tmp_path / "dark.onnx")
    return tmp_path / "dark.onnx"


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
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "scores.csv", "scores.json"]
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
