"""A run folder predicts, and a network that reads answers other phrases than it was built with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from crackwise.backends import load_predictor
from crackwise.backends.export import drawn_photo, export
from crackwise.cli import app
from crackwise.errors import ModelError
from crackwise.models.blocks import TakesPrompts

WriteRun = Callable[[Path, str, dict[str, object]], Path]


@pytest.fixture
def clipseg_run(tmp_path: Path, write_run: WriteRun) -> Path:
    prompts = {"crack": ["segment crack"]}
    return write_run(tmp_path / "run", "clipseg", {"size": "tiny", "prompts": prompts})


def test_prompts_become_classes_and_the_phrase_it_learnt_gives_its_own_map(clipseg_run: Path) -> None:
    photo = drawn_photo(60, 80, seed=1)
    own = load_predictor(clipseg_run)(photo)
    asked = load_predictor(clipseg_run, prompts=("segment joint/tape", "segment crack"))
    maps = asked(photo)
    assert asked.card.classes == ("segment joint/tape", "segment crack")
    assert asked.card.prompts == {phrase: (phrase,) for phrase in asked.card.classes}
    assert load_predictor(clipseg_run).card.prompts == {"crack": ("segment crack",)}
    assert maps.shape == (2, 60, 80)
    np.testing.assert_allclose(maps[1], own[0], rtol=0, atol=1e-6)
    assert np.abs(maps[0] - own[0]).max() > 1e-4


def test_inspect_writes_a_mask_of_every_prompt(clipseg_run: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), drawn_photo(60, 80, seed=1))
    options = ["--model", str(clipseg_run), "--prompt", "segment crack", "--prompt", "segment drywall seam"]
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "wall.png"), "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    masks = {p.relative_to(tmp_path / "out" / "masks").as_posix() for p in (tmp_path / "out" / "masks").rglob("*.png")}
    assert masks == {"wall.png", "1-segment-crack/wall.png", "2-segment-drywall-seam/wall.png"}


def test_evaluate_scores_every_phrase_alone(clipseg_run: Path, drawn_set: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["evaluate", str(clipseg_run), "--data", f"{drawn_set}:val", "--out", str(tmp_path / "out"), "--each-phrase"],
    )
    assert result.exit_code == 0, result.output
    own, alone = json.loads((tmp_path / "out" / "scores.json").read_text())["sets"].values()
    assert (own["phrase"], alone["phrase"]) == (None, "segment crack")
    assert own["subsets"] == alone["subsets"]  # the only phrase is the class


def test_a_network_that_reads_must_say_how() -> None:
    with pytest.raises(TypeError, match="abstract"):
        TakesPrompts()  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("prompts", "said"), [(("crack", "crack"), "different phrases"), (("crack", " "), "none of them empty")]
)
def test_prompts_that_say_nothing_are_refused(clipseg_run: Path, prompts: tuple[str, ...], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_predictor(clipseg_run, prompts=prompts)


def test_a_model_that_cannot_read_says_so(tmp_path: Path, write_run: WriteRun, drawn_set: Path) -> None:
    run = write_run(tmp_path / "hrsegnet", "hrsegnet", {"base": 4, "depth": 1})
    with pytest.raises(ModelError, match="takes no prompts"):
        load_predictor(run, prompts=("segment crack",))
    data, out = str(drawn_set), str(tmp_path / "out")
    result = CliRunner().invoke(app, ["evaluate", str(run), "--data", data, "--out", out, "--each-phrase"])
    assert "takes no prompts" in str(result.exception)
    export(run)
    with pytest.raises(ModelError, match="Pass the run folder"):
        load_predictor(run / "model.onnx", prompts=("segment crack",))
