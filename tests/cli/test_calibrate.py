"""The command `calibrate`, and what `inspect` then says of photographs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from crackwise.backends import load_predictor
from crackwise.cli import app
from crackwise.errors import DataError
from crackwise.predictor import ModelCard
from drawn_onnx import write_brightness


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    """Six dark lines of different strength on a light wall, their labels a little beside them, and a test part."""
    rng = np.random.default_rng(0)
    for i in range(6):
        wall = rng.normal(190, 15, (40, 60))
        wall[18:22] -= 70 + 15 * i
        label = np.zeros((40, 60), np.uint8)
        label[19:22] = 255
        for part in ("val", "test"):
            for kind, pixels in (("images", np.clip(wall, 0, 255).astype(np.uint8)), ("masks", label)):
                (tmp_path / "walls" / kind / part).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(tmp_path / "walls" / kind / part / f"{part}{i}.png"), pixels)
    return tmp_path / "walls"


def test_a_calibrated_file_marks_what_needs_review_and_draws_the_same_masks(walls: Path, tmp_path: Path) -> None:
    model = write_brightness(tmp_path / "dark.onnx", ModelCard(name="dark", version="1"), black=200, white=40)
    told = run("calibrate", model, "--data", f"{walls}:val", "--out", tmp_path / "new.onnx", "--review-share", 0.34)
    card = load_predictor(tmp_path / "new.onnx").card
    assert f"temperature        {card.temperature:.3f}" in told
    assert "6 pictures of 6 photographs" in told
    assert card.review is not None
    photos = walls / "images" / "val"
    for name in ("dark", "new"):
        run("inspect", photos, "--model", tmp_path / f"{name}.onnx", "--out", tmp_path / name)
    for photo in photos.iterdir():
        old, new = ((tmp_path / name / "masks" / photo.name).read_bytes() for name in ("dark", "new"))
        assert old == new
    results = [json.loads(path.read_text()) for path in sorted((tmp_path / "new" / "results").iterdir())]
    assert {result["model"]["temperature"] for result in results} == {card.temperature}
    needed = [result["review"]["needed"] for result in results]
    assert sum(needed) == 2
    rows = list(csv.DictReader((tmp_path / "new" / "cracks.csv").read_text().splitlines()))
    assert {row["stem"] for row in rows if row["needs_review"] == "yes"} == {
        f"val{i}" for i, each in enumerate(needed) if each
    }
    assert "needs review" in (tmp_path / "new" / "report.html").read_text()
    assert "needs review" not in (tmp_path / "dark" / "report.html").read_text()


def test_test_data_and_a_name_that_is_taken_are_refused_before_anything_is_written(walls: Path, tmp_path: Path) -> None:
    model = write_brightness(tmp_path / "dark.onnx", ModelCard(name="dark", version="1"), black=200, white=40)
    with pytest.raises(DataError, match="is test data"):
        CliRunner().invoke(
            app,
            ["calibrate", str(model), "--data", f"{walls}:test", "--out", str(tmp_path / "new.onnx")],
            catch_exceptions=False,
        )
    assert not (tmp_path / "new.onnx").exists()


def test_uncertainty_is_a_map_and_a_number_of_its_own(walls: Path, tmp_path: Path) -> None:
    model = write_brightness(tmp_path / "dark.onnx", ModelCard(name="dark", version="1"), black=200, white=40)
    photo = walls / "images" / "val" / "val5.png"
    run("inspect", photo, "--model", model, "--uncertainty", "--out", tmp_path / "out")
    result = json.loads((tmp_path / "out" / "results" / "val5.json").read_text())
    assert result["uncertainty"]["views"] == 8
    assert result["uncertainty"]["disagreement"] == 0  # brightness is the same in every view
    levels = cv2.imread(str(tmp_path / "out" / "maps" / "val5_uncertainty.tif"), cv2.IMREAD_UNCHANGED)
    assert levels.dtype == np.uint16
    assert levels.mean() / 65535 == pytest.approx(result["uncertainty"]["mean_entropy_bits"], abs=1e-4)
    assert not (tmp_path / "out" / "maps" / "val5.png").exists()
