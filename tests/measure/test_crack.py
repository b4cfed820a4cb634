"""What `measure` accepts, what a `Crack` says, and the JSON of both."""

from __future__ import annotations

import json
import math
from importlib import import_module

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.errors import ImageError, ModelError, ScaleUnknownError
from crackwise.measure import WIDTHS, Crack, measure, totals

KEYS = [
    "id",
    "label",
    "length_px",
    "mean_width_px",
    "median_width_px",
    "p95_width_px",
    "max_width_px",
    "width_uncertainty_px",
    "orientation_deg",
    "length_mm",
    "mean_width_mm",
    "median_width_mm",
    "p95_width_mm",
    "max_width_mm",
    "width_uncertainty_mm",
    "bbox_px",
    "centreline_px",
    "widths_px",
]
MM = [key for key in KEYS if key.endswith("_mm")]


def bar(*, vertical: bool = False) -> NDArray[np.bool_]:
    """A band 5 px wide and 160 px long in a picture of 60 x 200, or upright."""
    mask = np.zeros((60, 200), np.bool_)
    mask[28:33, 20:180] = True
    return mask.T if vertical else mask


def diagonal(*, rising: bool) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:150, :150]
    mask = (np.abs(rows - columns) <= 4) & (columns > 20) & (columns < 130)
    return mask[::-1] if rising else mask


def test_public_names_are_sorted() -> None:
    assert import_module("crackwise.measure").__all__ == ["WIDTHS", "Crack", "measure", "totals"]
    assert set(WIDTHS) == {"intensity", "probability"}


def test_a_bar_is_one_crack_of_its_length_width_and_place() -> None:
    (crack,) = measure(None, bar())
    assert (crack.id, crack.label) == (1, "crack")
    assert crack.length_px == pytest.approx(160, abs=0.5)
    assert crack.mean_width_px == pytest.approx(5, abs=0.01)
    assert crack.bbox_px == (20, 28, 180, 33)
    assert crack.centreline[:, 0] == pytest.approx(30, abs=0.05)
    assert sorted(crack.centreline[[0, -1], 1]) == pytest.approx([19.5, 179.5], abs=0.3)


@pytest.mark.parametrize(
    ("mask", "degrees"),
    [(bar(), 0), (bar(vertical=True), 90), (diagonal(rising=True), 45), (diagonal(rising=False), 135)],
)
def test_orientation_is_counted_from_the_horizontal_upwards(mask: NDArray[np.bool_], degrees: float) -> None:
    (crack,) = measure(None, mask)
    assert 0 <= crack.orientation_deg < 180
    assert min((crack.orientation_deg - degrees) % 180, (degrees - crack.orientation_deg) % 180) < 0.5


@pytest.mark.parametrize("name", MM)
def test_millimetres_without_a_scale_are_refused(name: str) -> None:
    (crack,) = measure(None, bar())
    with pytest.raises(ScaleUnknownError, match=r"pass mm_per_px=... or --scale 0.2mm"):
        getattr(crack, name)


@pytest.mark.parametrize("name", MM)
def test_millimetres_are_pixels_times_the_scale(name: str) -> None:
    (crack,) = measure(None, bar(), mm_per_px=0.2)
    assert getattr(crack, name) == pytest.approx(0.2 * getattr(crack, name.replace("_mm", "_px")))


@pytest.mark.parametrize("scale", [None, 0.25])
def test_the_json_of_a_crack_has_exactly_the_published_keys(scale: float | None) -> None:
    (crack,) = measure(None, bar(), mm_per_px=scale)
    row = json.loads(json.dumps(crack.to_dict(), allow_nan=False))
    assert list(row) == KEYS
    assert all((row[key] is None) == (scale is None) for key in MM)
    assert len(row["centreline_px"]) == len(row["widths_px"]) == len(crack.centreline)
    x, y = row["centreline_px"][0]
    assert (x, y) == pytest.approx(tuple(crack.centreline[0, ::-1]), abs=0.01)
    assert row["bbox_px"] == [20, 28, 180, 33]


def test_totals_add_up() -> None:
    mask = bar()
    cracks = measure(None, mask, mm_per_px=0.5)
    row = totals(cracks, mask, mask.shape, 0.5)
    assert row["crack_count"] == 1
    assert row["crack_length_px"] == pytest.approx(160, abs=0.5)
    assert row["crack_length_mm"] == pytest.approx(80, abs=0.3)
    assert row["crack_area_px"] == 800
    assert row["crack_area_mm2"] == 200
    assert row["crack_density_m_per_m2"] == pytest.approx(0.080 / (0.060 * 0.200 * 0.25), rel=0.01)
    assert totals(cracks, 800.0, mask.shape, 0.5) == row


def test_totals_without_scale_or_pixels_are_null() -> None:
    row = totals((), np.zeros((0, 0), np.bool_), (0, 0), None)
    assert row["crack_count"] == row["crack_length_px"] == row["crack_area_px"] == 0
    assert row["crack_length_mm"] is row["crack_area_mm2"] is row["crack_density_m_per_m2"] is None
    assert totals((), 0.0, (0, 0), 0.2)["crack_density_m_per_m2"] is None


def test_all_kinds_of_map_mean_the_same() -> None:
    mask = bar()
    maps = [mask, mask.astype(np.uint8), mask.astype(np.uint8) * 255, mask.astype(np.float32)[None], mask.astype(float)]
    lengths = {measure(None, plane)[0].length_px for plane in maps}
    assert len(lengths) == 1


def test_every_class_gets_its_plane_and_ids_go_on() -> None:
    planes = np.stack([bar(), np.roll(bar(), 15, axis=0)]).astype(np.float32)
    cracks = measure(None, planes, classes=("crack", "joint"))
    assert [(crack.id, crack.label) for crack in cracks] == [(1, "crack"), (2, "joint")]


def test_a_higher_threshold_leaves_less() -> None:
    plane = bar() * np.float32(0.6)
    assert len(measure(None, plane, threshold=0.5)) == 1
    assert measure(None, plane, threshold=0.7) == ()


def test_a_grey_photograph_serves_like_a_coloured_one() -> None:
    grey = np.where(bar(), 50, 180).astype(np.uint8)
    flat, coloured = (measure(photo, bar())[0] for photo in (grey, np.repeat(grey[..., None], 3, axis=2)))
    assert flat.mean_width_px == coloured.mean_width_px == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    ("image", "plane", "said"),
    [
        (None, np.zeros((2, 5, 5), np.float32), "one plane for each of 1 classes"),
        (None, np.full((5, 5), np.nan, np.float32), "from 0 to 1"),
        (None, np.full((5, 5), 7.0, np.float32), "from 0 to 1"),
        (np.zeros((5, 6, 3), np.uint8), np.zeros((5, 5), np.float32), "5x5 px"),
        (np.zeros((5, 5, 3), np.float32), np.zeros((5, 5), np.float32), "uint8"),
    ],
)
def test_what_does_not_fit_together_is_refused(image: NDArray[np.uint8] | None, plane: np.ndarray, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        measure(image, plane)


EDGE_CASES = {
    "nothing": np.zeros((0, 0), np.bool_),
    "no rows": np.zeros((0, 7), np.bool_),
    "empty": np.zeros((40, 50), np.bool_),
    "full": np.ones((40, 50), np.bool_),
    "one pixel": np.pad(np.ones((1, 1), np.bool_), 9),
    "only a pixel": np.ones((1, 1), np.bool_),
    "one row": np.ones((1, 30), np.bool_),
    "one column": np.ones((30, 1), np.bool_),
    "two pixels": np.ones((2, 1), np.bool_),
    "along the border": np.eye(1, 30, dtype=np.bool_).repeat(30, axis=0),
    "corner to corner": np.eye(40, dtype=np.bool_),
    "chessboard": np.indices((20, 20)).sum(axis=0) % 2 == 0,
}


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("with_photo", [False, True])
def test_odd_masks_are_fine(name: str, with_photo: bool) -> None:
    mask = EDGE_CASES[name]
    photo = np.random.default_rng(0).integers(0, 255, (*mask.shape, 3), dtype=np.uint8) if with_photo else None
    for crack in measure(photo, mask):
        check(crack)


def check(crack: Crack) -> None:
    row = crack.to_dict()
    json.dumps(row, allow_nan=False)
    assert (crack.widths_px > 0).all()
    assert np.isfinite(crack.width_sigmas_px).all()
    assert crack.length_px > 0
    assert math.isfinite(crack.width_uncertainty_px)
    x0, y0, x1, y1 = crack.bbox_px
    assert 0 <= x0 < x1
    assert 0 <= y0 < y1


def test_specks_are_no_cracks_and_short_lines_are() -> None:
    assert measure(None, EDGE_CASES["one pixel"]) == ()
    assert len(measure(None, EDGE_CASES["one row"])) == 1
    assert len(measure(None, np.pad(np.ones((1, 6), np.bool_), 5))) == 1


def test_the_95th_percentile_never_exceeds_the_largest_width(rng: np.random.Generator) -> None:
    for _ in range(5):
        mask = np.zeros((80, 160), np.uint8)
        for column in range(10, 150):
            half = int(rng.integers(1, 6))
            mask[40 - half : 40 + half, column] = 255
        for crack in measure(None, mask):
            assert crack.median_width_px <= crack.p95_width_px <= crack.max_width_px


def test_a_picture_wider_than_opencv_can_remap_is_measured() -> None:
    mask = np.zeros((60, 40_000), np.uint8)
    mask[28:32, 100:39_900] = 255
    photo = np.where(mask > 0, np.uint8(50), np.uint8(180))
    for image in (None, photo):
        (crack,) = measure(image, mask)
        assert crack.length_px == pytest.approx(39_800, rel=0.01)
        assert crack.mean_width_px == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("scale", [-0.2, 0.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(ScaleUnknownError):
        measure(None, np.zeros((20, 30), np.float32), mm_per_px=scale)


@pytest.mark.parametrize("threshold", [0.0, 1.0, 128, float("nan")])
def test_an_impossible_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(ModelError, match="between 0 and 1"):
        measure(None, np.zeros((20, 30), np.float32), threshold=threshold)
