"""From a teacher to a stream: the commands of docs/chain.md on drawn walls, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drive import Camera, Pan, draw_wall
from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.errors import without_secrets
from crackwise.imaging.image import read_image, read_mask

pytestmark = pytest.mark.openvino

TEACHER = """
model: {{name: hrsegnet, options: {{base: 8, variant: tiled}}}}
data:
  train: ["{folder}:train"]
  val: ["{folder}:val"]
  batch_size: 4
  steps_per_epoch: 80
  augment: {{crop_px: 64, kind: plain}}
optim: {{lr: 0.01, epochs: 2, warmup_steps: 5}}
trainer: {{accelerator: cpu, threads: 1}}
"""
STUDENT = """
extends: teacher.yaml
model: {{options: {{base: 4}}}}
loss: {{distill: {{teacher: {teacher}, temperature: 3, weight: 1}}}}
"""


def run(*arguments: object) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_teacher_teaches_a_student_that_watches_a_stream(drawn_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "teacher.yaml").write_text(TEACHER.format(folder=drawn_set))
    (tmp_path / "student.yaml").write_text(STUDENT.format(teacher=tmp_path / "teacher"))
    run("train", tmp_path / "teacher.yaml", "--out", tmp_path / "teacher")
    run("train", tmp_path / "student.yaml", "--out", tmp_path / "student")
    student = tmp_path / "student.xml"
    photos = drawn_set / "images" / "train"
    run(
        "export", tmp_path / "student", "--to", "openvino", "--precision", "f16", "--out", student,
        "--parity-on", photos,
    )  # fmt: skip
    wall = draw_wall(600, 130, [[(10, 30), (590, 100)]])
    with Camera(Pan(wall, 160, 120, 60), fps=10) as camera:
        out = tmp_path / "watched"
        said = run(
            "watch", camera.url, "--model", student, "--out", out, "--threads", "1", "--frames", "5",
            "--save", "frames", "--save", "masks", "--threshold", "0.4",
        )  # fmt: skip
    assert "on 5 of" in said
    summary = json.loads((out / "summary.json").read_bytes())
    assert (summary["model"]["runtime"], summary["source"]) == ("openvino", without_secrets(camera.url))
    frames, masks = (sorted((out / kind).iterdir()) for kind in ("frames", "masks"))
    assert [file.stem for file in frames] == [file.stem for file in masks]
    assert len(frames) == 5
    assert read_image(frames[0]).shape[:2] == read_mask(masks[0]).shape == (120, 160)
