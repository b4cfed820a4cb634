"""Irregular fields, as clouds, stains and wet walls have them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Field", "covered", "smooth_field"]

Field = NDArray[np.float32]
"""(h, w)."""


def smooth_field(
    shape: tuple[int, int], rng: np.random.Generator, *, coarse: float, octaves: int, stretch: float = 1.0
) -> Field:
    """A field (h, w) of mean 0 and deviation 1: random values on grids, each twice as fine and half as strong.

    ``coarse``: cells of the first grid along the picture's shorter side. ``stretch``: how many times longer cells are
    down the picture than across.
    """
    h, w = shape
    cell_px = max(1.0, min(h, w) / coarse)
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows, columns = h / (cell_px * stretch), w / cell_px
        grid = rng.standard_normal((int(rows * 2**octave) + 4, int(columns * 2**octave) + 4)).astype(np.float32)
        field += upsampled(grid, shape, cell_px / 2**octave, stretch) * np.float32(0.5**octave)
    spread = float(field.std())
    return np.asarray((field - field.mean()) / (spread or 1.0), np.float32)


def upsampled(grid: Field, shape: tuple[int, int], cell_px: float, stretch: float) -> Field:
    """Values between those of a grid, cubic, (h, w) of them."""
    to_grid = np.array([[1 / cell_px, 0, 1], [0, 1 / (cell_px * stretch), 1]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(grid, to_grid, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped, np.float32)


def covered(field: Field, share: float, *, edge: float) -> Field:
    """1 where the field is highest, on ``share`` of it, 0 elsewhere; between them over ``edge`` of its deviation.

    A larger share holds all of a smaller one.
    """
    level = np.quantile(field, 1 - share)
    return np.asarray(np.clip((field - level) / edge + 0.5, 0, 1), np.float32)
