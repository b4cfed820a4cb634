"""The commands `explain` and `faithfulness`, with the packaged network as run folder and as file."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from crackwise.cli.explain import read_pixel, register, split_targets
from crackwise.errors import CrackwiseError, ModelError
from drawn_onnx import write_darkness

RUN = str(Path(__file__).parents[2] / "recipes" / "crackwise-small")


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A wall with a crack down its middle."""
    wall = np.random.default_rng(0).normal(170, 4, (64, 64, 1)).repeat(3, 2)
    wall[:, 30:34] = 45
    cv2.imwrite(str(tmp_path / "wall.png"), np.clip(wall, 0, 255))
    return str(tmp_path / "wall.png")


def call(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_maps_of_two_models_lie_side_by_side(picture: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    methods = ["--method", "kernelshap", "--method", "activation", "--features", "patches"]
    where = ["--pixel", "31,20"]
    call("explain", RUN, "packaged", picture, *methods, *where, "--samples", "32", "--out", str(out))
    record = json.loads((out / "explain.json").read_text())
    assert record["schema"] == "crackwise.explanation/1"
    assert [model["name"] for model in record["models"]] == ["crackwise-small", "packaged"]
    maps = record["pictures"][0]["maps"]
    assert len(maps) == 2 * 5
    for each in maps:
        array = np.load(out / each["array"])
        assert array.shape == (64, 64)
        assert array.max() == pytest.approx(each["greatest"])
        assert cv2.imread(str(out / each["overlay"])).shape == (64, 64, 3)
    shares = [each for each in maps if each["method"] == "kernelshap"]
    for each in shares:
        total = np.load(out / each["array"])[::16, ::16].sum()
        assert total == pytest.approx(each["score"] - each["score_of_baseline"], abs=1e-5)
    np.testing.assert_allclose(*(np.load(out / each["array"]) for each in shares), atol=1e-3)
    page = (out / "explain.html").read_text()
    assert page.count("<figure>") == 12
    assert "<script" not in page


def test_a_pixel_is_explained_by_the_network(picture: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call("explain", RUN, picture, "--pixel", "31,20", "--out", str(out))
    (only,) = json.loads((out / "explain.json").read_text())["pictures"][0]["maps"]
    assert only["layer"] == "encoder.stages.4.2"
    assert only["about"].startswith("pixel 31,20")
    assert only["array"] == "wall_crackwise-small_seg_gradcam.npy"


def test_a_picture_without_a_crack_costs_itself_alone(picture: str, tmp_path: Path) -> None:
    file = str(write_darkness(tmp_path / "dark.onnx"))
    light = str(tmp_path / "light.png")
    cv2.imwrite(light, np.full((64, 64, 3), 240, np.uint8))
    options = ["--method", "kernelshap", "--features", "patches", "--samples", "32", "--out", str(tmp_path / "out")]
    with pytest.raises(CrackwiseError, match=r"Nothing was explained. light.png"):
        call("explain", file, light, *options)
    result = call("explain", file, light, picture, *options)
    assert result.exit_code == 1
    record = json.loads((tmp_path / "out" / "explain.json").read_text())
    assert [each["source"] for each in record["pictures"]] == ["wall.png"]
    (error,) = record["errors"]
    assert (error["source"], error["model"]) == ("light.png", "dark")
    assert error["error"] in result.output
    assert "light.png" in (tmp_path / "out" / "explain.html").read_text()


def test_wrong_words_are_answered_with_right_ones(picture: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(ModelError, match="needs the gradients of a network"):
        call("explain", "packaged", picture, *out)
    with pytest.raises(CrackwiseError, match="No picture among packaged"):
        split_targets(["packaged"])
    with pytest.raises(CrackwiseError, match="No model among"):
        split_targets([picture])
    with pytest.raises(CrackwiseError, match="--pixel takes X,Y"):
        read_pixel("12;5")
    with pytest.raises(CrackwiseError, match="--score is probability or logit"):
        call("explain", "packaged", picture, "--score", "loss", *out)
    assert not (tmp_path / "out").exists()


def test_faithfulness_prints_a_line_per_method(drawn_set: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out", f"{drawn_set}:val"
    methods = ["--method", "activation", "--method", "chance"]
    model = str(write_darkness(tmp_path / "dark.onnx"))
    result = call("faithfulness", model, "--data", data, "--pictures", "3", *methods, "--steps", "3", "--out", str(out))
    lines = result.stdout.splitlines()
    assert any(line.startswith("activation") for line in lines)
    assert any(line.startswith("chance") for line in lines)
    record = json.loads((out / "faithfulness.json").read_text())
    scores = record["found"]["dark"]["activation"]["scores"]
    assert scores["deletion"]["value"] < record["found"]["dark"]["chance"]["scores"]["deletion"]["value"]
    assert scores["forgetting"]["value"] is None
