"""A part of the results, without the rest."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.batch import PARTS, Settings, find_photos, inspect_batch, name_outputs
from crackwise.imaging.image import read_mask
from crackwise.predictor import ModelCard
from crackwise.report.table import MASK_COLUMNS


class Darkness:
    """Takes dark pixels for cracks; a second class is never there."""

    sha256, runtime, precision = "0" * 64, "numpy", "f32"

    def __init__(self, *classes: str) -> None:
        self.card = ModelCard(name="darkness", version="1", classes=classes or ("crack",))

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        maps = np.zeros((len(self.card.classes), *pixels.shape[:2]), np.float32)
        maps[0] = pixels[:, :, 0] < 110
        return maps


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        wall = np.full((100, 140, 3), 175, np.uint8)
        cv2.line(wall, (10, 30), (130, 60), (40, 40, 40), 4)
        cv2.imwrite(str(folder / name), wall)
    (folder / "c.jpg").write_bytes(b"no picture")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(photos: Path, out: Path, *only: str, predictor: Darkness | None = None, maps: bool = False) -> None:
    jobs = name_outputs(find_photos([photos], out))
    settings = Settings(only=frozenset(only), maps=maps)
    inspect_batch(jobs, out, predictor or Darkness(), settings, workers=2)


def test_masks_alone_are_those_of_a_whole_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(photos, tmp_path / "all")
    monkeypatch.delattr(import_module("crackwise.measure"), "measure")  # not so much as imported
    run(photos, tmp_path / "masks", "masks")
    assert names(tmp_path / "masks") == ["masks.csv", "masks/a.png", "masks/b.png"]
    for name in ("a.png", "b.png"):
        assert (tmp_path / "masks" / "masks" / name).read_bytes() == (tmp_path / "all" / "masks" / name).read_bytes()


def test_the_table_of_masks_says_whose_they_are(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "out", "masks")
    with (tmp_path / "out" / "masks.csv").open(encoding="utf-8", newline="") as file:
        first, _, broken = csv.DictReader(file)
    assert list(first) == list(MASK_COLUMNS)
    area_px = np.count_nonzero(read_mask(tmp_path / "out" / "masks" / "a.png"))
    assert int(first["crack_area_px"]) == area_px > 300
    assert (first["photo_width_px"], first["threshold"], first["runtime"]) == ("140", "0.5", "numpy")
    assert (broken["stem"], broken["crack_area_px"]) == ("c", "")
    assert "is not a JPEG" in broken["error"]


@pytest.mark.parametrize("only", [("results",), ("overlays",), ("masks", "results")])
def test_what_is_measured_has_its_table_and_no_page(photos: Path, tmp_path: Path, only: tuple[str, ...]) -> None:
    run(photos, tmp_path / "all")
    run(photos, tmp_path / "out", *only)
    written = [f"{part}/{stem}{PARTS[part]}" for part in only for stem in "ab"]
    assert names(tmp_path / "out") == sorted(["cracks.csv", *written])
    for name in ("cracks.csv", *written):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_maps_and_masks_of_each_class_are_written_too(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "out", "masks", predictor=Darkness("crack", "joint"), maps=True)
    assert [name for name in names(tmp_path / "out") if "a." in name] == [
        "maps/a.png",
        "maps/a.tif",
        "masks/1-crack/a.png",
        "masks/2-joint/a.png",
        "masks/a.png",
    ]


def test_a_later_run_clears_what_the_first_left(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(photos, out)
    run(photos, out, "masks")
    assert names(out) == ["masks.csv", "masks/a.png", "masks/b.png"]
    run(photos, out)
    assert "masks.csv" not in names(out)
    assert json.loads((out / "results" / "a.json").read_bytes())["totals"]["crack_count"] == 1


def test_masks_of_another_run_are_no_photographs(photos: Path) -> None:
    before = find_photos([photos], photos / "other")
    run(photos, photos / "first", "masks")
    assert find_photos([photos], photos / "other") == before
