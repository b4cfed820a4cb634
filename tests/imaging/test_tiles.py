"""Tiles cover the picture, cost little, and leave no seam."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.imaging.tiles import GRID_PX, fades, largest_tile_px, predict_tiled, split_axis, split_fixed, stretches
from crackwise.predictor import ModelCard


@dataclass
class Darkness:
    """Probability is darkness; remembers the tiles it saw."""

    card: ModelCard = field(default_factory=lambda: ModelCard(name="darkness", version="1", tile_px=128, overlap_px=32))
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    uneasy: float = 0.0
    """Added noise that differs from tile to tile, strongest at borders."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.shapes.append(pixels.shape)
        maps = 1 - pixels.mean(axis=2, dtype=np.float32)[None] / 255
        if self.uneasy:
            height, width = pixels.shape[:2]
            border = np.minimum.outer(np.minimum(np.arange(height), np.arange(height)[::-1]), np.full(width, 99))
            border = np.minimum(border, np.minimum(np.arange(width), np.arange(width)[::-1]))
            maps = maps + self.uneasy * np.exp(-border / 6).astype(np.float32) * (-1) ** len(self.shapes)
        return np.clip(maps, 0, 1).astype(np.float32)


@pytest.mark.parametrize("length", [1, 31, 1024, 1536, 1537, 2000, 3000, 4000, 5472, 9999, 65_000])
@pytest.mark.parametrize(("tile", "overlap"), [(1024, 64), (448, 64), (256, 0), (64, 60)])
def test_spans_cover_a_side_and_begin_on_the_grid(length: int, tile: int, overlap: int) -> None:
    spans = split_axis(length, tile, overlap)
    covered = np.zeros(length, int)
    for start, stop in spans:
        covered[start:stop] += 1
        assert start % GRID_PX == 0
        assert stop - start <= max(1.5 * tile, tile + GRID_PX)
    assert covered.min() == 1
    assert covered.max() <= 2
    np.testing.assert_allclose(
        np.sum([np.pad(w, (s, length - e)) for w, (s, e) in zip(fades(spans), spans, strict=True)], axis=0),
        1,
        atol=1e-6,
    )


@pytest.mark.parametrize(("tile", "overlap"), [(1024, 64), (448, 64), (256, 0), (64, 60), (40, 0), (16, 64)])
def test_no_tile_is_larger_than_the_largest(tile: int, overlap: int) -> None:
    card = ModelCard(name="any", version="1", tile_px=tile, overlap_px=overlap)
    longest = max(stop - start for side in range(1, 6000, 7) for start, stop in split_axis(side, tile, overlap))
    assert longest <= largest_tile_px(card)[0] <= max(1.5 * tile, tile + GRID_PX)
    assert largest_tile_px(card.model_copy(update={"fixed_px": (400, 700)})) == (400, 700)
    assert max(stop - start for start, stop in split_fixed(5000, 400, overlap)) == 400


@pytest.mark.parametrize(
    "shape", [(3000, 4000), (4000, 3000), (3464, 3464), (3648, 5472), (2000, 12_000), (8000, 8000)]
)
def test_few_pixels_are_predicted_twice(shape: tuple[int, int]) -> None:
    rows, columns = (sum(stop - start for start, stop in split_axis(side, 1024, 64)) for side in shape)
    assert rows * columns / (shape[0] * shape[1]) <= 1.15


def test_the_middle_of_a_tile_is_known_to_weigh_one() -> None:
    assert stretches(np.array([0, 0.5, 1, 1, 1, 0.2], np.float32)) == [(0, 2), (2, 5), (5, 6)]
    assert stretches(np.ones(4, np.float32)) == [(0, 4)]
    assert stretches(np.array([0.2, 0.8, 0.3], np.float32)) == [(0, 3)]


def test_tiles_are_of_one_size() -> None:
    lengths = [stop - start for start, stop in split_axis(4000, 1024, 64)]
    assert max(lengths) - min(lengths) <= 2 * GRID_PX


@pytest.mark.parametrize("shape", [(1, 1), (5, 190), (100, 1000), (301, 257), (700, 640)])
def test_tiles_of_a_map_that_looks_at_one_pixel_equal_the_whole(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (*shape, 3), np.uint8)
    predictor = Darkness()
    maps = predict_tiled(predictor, pixels)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, Darkness()(pixels), atol=2e-7)
    assert (len(predictor.shapes) > 1) == (max(shape) > 192)


def test_a_small_photo_is_one_call(rng: np.random.Generator) -> None:
    predictor = Darkness()
    predict_tiled(predictor, rng.integers(0, 256, (190, 170, 3), np.uint8))
    assert predictor.shapes == [(190, 170, 3)]


def test_no_seam_shows_where_tiles_disagree_at_their_borders() -> None:
    pixels = np.full((500, 700, 3), 128, np.uint8)
    maps = predict_tiled(Darkness(uneasy=0.3), pixels)[0]
    inside = maps[24:-24, 24:-24]
    steps = max(np.abs(np.diff(inside, axis=0)).max(), np.abs(np.diff(inside, axis=1)).max())
    assert steps < 0.02  # without blending: 0.6
    assert cv2.Laplacian(inside, cv2.CV_32F).max() < 0.02


def test_probabilities_stay_probabilities() -> None:
    maps = predict_tiled(Darkness(), np.zeros((900, 900, 3), np.uint8))
    assert maps.max() <= 1
    assert maps.min() > 0.999


def test_every_class_keeps_its_plane(rng: np.random.Generator) -> None:
    class Two(Darkness):
        def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
            one = super().__call__(pixels)
            return np.concatenate([one, 1 - one])

    maps = predict_tiled(Two(), rng.integers(0, 256, (400, 300, 3), np.uint8))
    assert maps.shape == (2, 400, 300)
    np.testing.assert_allclose(maps.sum(axis=0), 1, atol=1e-6)
