"""The command `export` says what it wrote and what that lost; other commands take what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from crackwise.backends.shown import drawn_photo
from crackwise.cli import app
from crackwise.errors import CrackwiseError
from crackwise.predictor import ModelCard
from drawn_onnx import write_smoothed

pytestmark = pytest.mark.openvino


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_smoothed(tmp_path / "model.onnx", ModelCard(name="smoothed", version="1", tile_px=256))


def test_a_model_is_exported_shown_and_inspects(model: Path, tmp_path: Path, drawn_set: Path) -> None:
    pytest.importorskip("torch")  # labelled sets are read by the lab
    said = run("export", model, "--to", "openvino", "--parity-on", f"{drawn_set}:val", "--input", "128x96")
    path = tmp_path / "model-128x96.xml"
    assert f"Wrote {path} (" in said
    assert f"Wrote {path.with_suffix('.bin')} (" in said
    assert f"Parity of openvino f32 with onnxruntime f32 on 4 of {drawn_set}:val, 16 drawn photographs:" in said
    assert "masks          agree on 100.0000% of the pixels" in said
    assert "widths         median" in said
    assert "length is found again" in said
    assert "F1             " in said
    card = json.loads(run("show", path, "--json"))
    assert (card["runtime"], card["precision"], card["fixed_px"]) == ("openvino", "f32", [96, 128])
    assert card["parity"][0]["pictures"] == 20
    cv2.imwrite(str(tmp_path / "wall.png"), drawn_photo(150, 200, seed=7))
    (result,) = json.loads(run("inspect", tmp_path / "wall.png", "--model", path, "--out", tmp_path / "out", "--json"))
    assert (result["model"]["runtime"], result["model"]["precision"]) == ("openvino", "f32")
    assert result["model"]["sha256"] == card["sha256"]
    assert result["cracks"]
    assert "by OpenVINO on the CPU" in run("list", "backends")


@pytest.mark.parametrize("size", ["448", "0x5", "axb", "448x448x3", "-1x5"])
def test_a_size_that_is_none_is_wrongly_asked_for(size: str, model: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(model), "--to", "openvino", f"--input={size}"])
    assert result.exit_code == 2
    assert "WIDTHxHEIGHT" in result.output


def test_what_cannot_be_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(CrackwiseError, match="onnx is written in f32, f16, not in 'bf16'"):
        run("export", tmp_path / "absent.onnx", "--precision", "bf16")
