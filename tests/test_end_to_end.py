"""The whole way by the command line: a drawn set is trained on, evaluated, exported; the file inspects photographs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from crackwise.cli import app

RECIPE = """
# Drawn zigzags, a minute's training.
model: {{name: hrsegnet, options: {{base: 16, variant: tiled}}}}
data:
  train: ["{folder}:train"]
  val: ["{folder}:val"]
  batch_size: 4
  steps_per_epoch: 12
  augment: {{crop_px: 64, scale: [0.9, 1.1], grey_p: 0, gamma_p: 0, shadow_p: 0, blur_p: 0, noise_p: 0, jpeg_p: 0}}
optim: {{lr: 0.01, epochs: 3, warmup_steps: 5}}
trainer: {{accelerator: cpu, threads: 1, score: f1@2}}
"""


def run(*arguments: object) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.mark.slow
def test_from_a_drawn_set_to_measured_cracks(drawn_set: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "drawn.yaml"
    recipe.write_text(RECIPE.format(folder=drawn_set))
    trained = tmp_path / "run"
    run("train", recipe, "--set", "seed=2", "--out", trained)
    run("evaluate", trained, "--data", f"{drawn_set}:val", "--out", tmp_path / "scores")
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert scores["schema"].startswith("crackwise.scores/")
    model = tmp_path / "drawn.onnx"
    assert "agree" in run("export", trained, "--to", "onnx", "--out", model)
    photos, out = drawn_set / "images" / "val", tmp_path / "out"
    report = json.loads(run("inspect", photos, "--model", model, "--scale", "0.5mm", "--out", out, "--json"))
    assert len(report) == 4
    assert all(r["mm_per_px"] == 0.5 and r["model"]["name"] == "drawn" for r in report)
    assert max(len(r["cracks"]) for r in report) > 0
    assert "drawn" in (out / "report.html").read_text()
    assert cv2.imread(str(out / "masks" / "val_1.png"), cv2.IMREAD_UNCHANGED).shape == (64, 64)
    assert run("show", model).count("drawn")


PLAIN_SAM = """
# Not trained at all.
model: {{name: sam, options: {{size: tiny, input_px: 64, prompt: {prompt}, points_per_side: 3, predicted_iou: -9}}}}
tuning: head
data: {{train: ["{folder}:train"], val: ["{folder}:val"], augment: {{crop_px: 64}}}}
optim: {{epochs: 0}}
trainer: {{accelerator: cpu, threads: 1}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["grid", "automatic"])
def test_plain_sam_is_judged_as_it_is(prompt: str, drawn_set: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "plain.yaml"
    recipe.write_text(PLAIN_SAM.format(prompt=prompt, folder=drawn_set))
    plain, photo = tmp_path / "run", drawn_set / "images" / "val" / "val_1.png"
    run("train", recipe, "--out", plain)
    run("evaluate", plain, "--data", f"{drawn_set}:val", "--out", tmp_path / "scores")
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    (judged,) = scores["sets"].values()
    assert judged["subsets"]["all"]["pictures"] == 4
    run("inspect", photo, "--model", plain, "--out", tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "masks" / "val_1.png"), cv2.IMREAD_UNCHANGED).shape == (64, 64)


TINY = sorted((Path(__file__).parents[1] / "recipes" / "tiny").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TINY, ids=lambda path: path.stem)
@pytest.mark.parametrize("source", ["drawn", pytest.param("real", marks=pytest.mark.real)])
def test_every_foundation_model_goes_the_whole_way(
    recipe: Path, source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if source == "real":
        root = request.getfixturevalue("shared_data")
        settings, judged = [f"data.root={root}"], ["--data", "conglomerate_walls:val", "--root", root]
    else:
        folder = request.getfixturevalue("drawn_set")
        values = {"train": [f"{folder}:train"], "val": [f"{folder}:val"], "classes": ["crack"]}
        settings, judged = (
            [f"data.{key}={json.dumps(value)}" for key, value in values.items()],
            ["--data", f"{folder}:val"],
        )
    trained = tmp_path / "run"
    run("train", recipe, "--out", trained, *(word for setting in settings for word in ("--set", setting)))
    assert (trained / "weights.safetensors").stat().st_size < 20e6
    run("model", "merge", trained, "--out", tmp_path / "whole")
    run("export", tmp_path / "whole", "--out", tmp_path / "whole.onnx")
    for model, out in ((trained, "tuned"), (tmp_path / "whole.onnx", "exported")):
        run("evaluate", model, *judged, "--out", tmp_path / out)
    tuned, exported = (
        json.loads((tmp_path / out / "scores.json").read_text())["sets"] for out in ("tuned", "exported")
    )
    for name, of_set in tuned.items():
        f1, again = (record["subsets"]["all"]["scores"]["f1@2"]["value"] for record in (of_set, exported[name]))
        assert again == pytest.approx(f1, abs=1e-3)
