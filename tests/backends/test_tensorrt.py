"""Where there is no TensorRT, it is said what to run where it is; nothing more can be tested without a GPU."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from crackwise import load_predictor
from crackwise.backends import tensorrt
from crackwise.backends.export import export
from crackwise.backends.shown import drawn_photo
from crackwise.cli import app
from crackwise.errors import ModelError
from crackwise.predictor import ModelCard
from drawn_onnx import write_smoothed


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt, "gpu_name", lambda: "")


@pytest.mark.usefixtures("without_gpu")
def test_an_export_elsewhere_is_told_as_a_command(tmp_path: Path) -> None:
    path = write_smoothed(tmp_path / "model.onnx", ModelCard(name="smoothed", version="1"))
    with pytest.raises(ModelError, match=r"TensorRT needs .*an NVIDIA GPU, not found here") as caught:
        export(path, "tensorrt", precision="f16", fixed_px=(320, 448))
    assert f"crackwise export {path} --to tensorrt --precision f16 --input 448x320" in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.usefixtures("without_gpu")
def test_the_command_holds_everything_that_was_asked_for(tmp_path: Path) -> None:
    path = write_smoothed(tmp_path / "model.onnx", ModelCard(name="smoothed", version="1"))
    walls = tmp_path / "my walls"
    walls.mkdir()
    cv2.imwrite(str(walls / "wall.png"), drawn_photo(40, 50, seed=1))
    asked = ["--precision", "f32", "--input", "64x64", "--out", "eng.trt", "--parity-on", str(walls), "--root", "."]
    result = CliRunner().invoke(app, ["export", str(path), "--to", "tensorrt", *asked])
    assert isinstance(result.exception, ModelError)
    command = str(result.exception).partition(" && ")[2]
    assert shlex.split(command) == ["crackwise", "export", str(path), "--to", "tensorrt", *asked]


@pytest.mark.usefixtures("without_gpu")
def test_a_file_for_tensorrt_is_not_run_by_anything_else(tmp_path: Path) -> None:
    path = write_smoothed(tmp_path / "model.onnx", ModelCard(name="smoothed", version="1", fixed_px=(64, 64)))
    shutil.move(path, path.with_suffix(".trt"))
    with pytest.raises(ModelError, match="TensorRT needs"):
        load_predictor(path.with_suffix(".trt"))


def test_engines_are_kept_by_gpu_and_version() -> None:
    where = tensorrt.engines_of(Path("models/a.trt"), "NVIDIA GeForce RTX 2070", "10.3.0")
    assert where == Path("models/a.engines/NVIDIA-GeForce-RTX-2070-10.3.0")
