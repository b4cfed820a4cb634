"""Photographs larger than a tile: windows that fit the picture, blended so that no seam shows."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID_PX", "Span", "fill_up", "largest_tile_px", "predict_tiled", "split_axis", "split_fixed"]

GRID_PX = 32
"""Tiles begin on multiples of this, where networks of stride up to 32 see the same grid as on the whole picture."""
FADE = 0.5
"""Share of an overlap in which one tile fades into the next: the rest is near an edge, where a network sees least."""
SLACK = 1.5
"""A side up to this many tiles long is taken whole."""

Span = tuple[int, int]


class TileCard(Protocol):
    """What a model's card says about tiles."""

    @property
    def tile_px(self) -> int:
        """Side of a tile."""

    @property
    def overlap_px(self) -> int:
        """What neighbours share."""

    @property
    def fixed_px(self) -> tuple[int, int] | None:
        """Height and width of every tile, where the model takes no other."""


class TiledPredictor(Protocol):
    """The part of a predictor that tiling needs."""

    @property
    def card(self) -> TileCard:
        """What the model is."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities (k, h, w) of one tile (h, w, 3)."""


def split_axis(length_px: int, tile_px: int, overlap_px: int) -> tuple[Span, ...]:
    """Spans [start, stop) of about ``tile_px`` that cover a side, equal in length, ``overlap_px`` shared by neighbours.

    >>> split_axis(3000, 1024, 64)
    ((0, 800), (736, 1536), (1472, 2272), (2208, 3000))
    """
    if length_px <= SLACK * tile_px:
        return ((0, length_px),)
    shared = min(overlap_px, tile_px // 2)
    count = math.ceil((length_px - shared) / (tile_px - shared))
    pitch = math.ceil((length_px - shared) / count / GRID_PX) * GRID_PX
    starts = range(0, length_px - shared, pitch)
    return tuple((start, min(start + pitch + shared, length_px)) for start in starts)


def split_fixed(length_px: int, window_px: int, overlap_px: int) -> tuple[Span, ...]:
    """Spans of exactly ``window_px`` that cover a side, spread evenly; a side that is shorter is one span.

    >>> split_fixed(1000, 448, 64)
    ((0, 448), (276, 724), (552, 1000))
    """
    if length_px <= window_px:
        return ((0, length_px),)
    shared = min(overlap_px, window_px // 4)  # so that no more than two of them fade anywhere
    last = math.ceil((length_px - shared) / (window_px - shared)) - 1
    starts = (round(number * (length_px - window_px) / last) for number in range(last + 1))
    return tuple((start, start + window_px) for start in starts)


def largest_tile_px(card: TileCard) -> tuple[int, int]:
    """Height and width that no tile of `predict_tiled` exceeds, however large the picture."""
    if card.fixed_px is not None:
        return card.fixed_px
    shared = min(card.overlap_px, card.tile_px // 2)
    on_grid = math.ceil((card.tile_px - shared) / GRID_PX) * GRID_PX + shared
    side = max(int(SLACK * card.tile_px), on_grid)  # the grid is coarse for the smallest tiles
    return side, side


def fill_up(pixels: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture (h, w, 3) in the upper left corner of a larger one of that height and width, mirrored beyond."""
    missing = [(0, side - there) for side, there in zip(size_px, pixels.shape[:2], strict=True)]
    return np.pad(pixels, (*missing, (0, 0)), mode="symmetric")


def predict_tiled(predictor: TiledPredictor, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities (k, h, w) of a whole picture (h, w, 3): one call where it fits, tiles where it is larger.

    In the middle of an overlap one tile fades into the next along a cosine; elsewhere a value is that of one tile.
    """
    height, width = pixels.shape[:2]
    card = predictor.card
    rows, columns = (
        split_axis(side, card.tile_px, card.overlap_px)
        if card.fixed_px is None
        else split_fixed(side, card.fixed_px[axis], card.overlap_px)
        for axis, side in enumerate((height, width))
    )
    if len(rows) == len(columns) == 1:
        return predictor(pixels)
    maps: NDArray[np.float32] | None = None
    for (top, bottom), fade_rows in zip(rows, fades(rows), strict=True):
        for (left, right), fade_columns in zip(columns, fades(columns), strict=True):
            tile = predictor(np.ascontiguousarray(pixels[top:bottom, left:right]))
            if maps is None:
                maps = np.zeros((len(tile), height, width), np.float32)
            add_faded(maps[:, top:bottom, left:right], tile, fade_rows, fade_columns)
    assert maps is not None
    return np.clip(maps, 0, 1, out=maps)  # two weights may sum to a hair more than one


def add_faded(
    maps: NDArray[np.float32], tile: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> None:
    """Add a tile (k, h, w) to its place, weighed by rows (h,) and columns (w,); most of it weighs one."""
    for (top, bottom), (left, right) in product(stretches(rows), stretches(columns)):
        part = tile[:, top:bottom, left:right]
        weighs_one = rows[top] == columns[left] == 1
        weighed = part if weighs_one else part * (rows[top:bottom, None] * columns[left:right])
        maps[:, top:bottom, left:right] += weighed


def stretches(weights: NDArray[np.float32]) -> list[Span]:
    """Of a span's weights: where they rise to one, where they are one, where they fall; those that there are."""
    whole = np.flatnonzero(weights == 1)
    first, last = (int(whole[0]), int(whole[-1]) + 1) if len(whole) else (len(weights), len(weights))
    return [span for span in pairwise((0, first, last, len(weights))) if span[0] < span[1]]


def fades(spans: tuple[Span, ...]) -> list[NDArray[np.float32]]:
    """The weight of every span at each of its pixels; over all spans they sum to one."""
    weights = [np.ones(stop - start, np.float32) for start, stop in spans]
    for i, (before, after) in enumerate(pairwise(spans)):
        shared = before[1] - after[0]
        place = (np.arange(shared) + 0.5) / max(shared, 1) - 0.5
        rise = (np.sin(np.pi / 2 * np.clip(place / FADE + 0.5, 0, 1)) ** 2).astype(np.float32)
        weights[i][after[0] - before[0] :] *= 1 - rise
        weights[i + 1][:shared] *= rise
    return weights
