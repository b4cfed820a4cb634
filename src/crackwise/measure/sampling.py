"""Values of a plane between its pixels."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["sample"]

Floats = NDArray[np.float32]

MOST_ROWS = 8192
"""OpenCV remaps neither from nor to pictures of more than 32,767 rows or columns: a long line is read in pieces."""


def sample(plane: NDArray[Any], rows: Floats, columns: Floats, border: int) -> Floats:
    """Values (n, t) of a plane (h, w) of any size at places (n, t), bilinear; `border` is OpenCV's rule outside it."""
    parts = [
        sample_window(plane, rows[i : i + MOST_ROWS], columns[i : i + MOST_ROWS], border)
        for i in range(0, len(rows), MOST_ROWS)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), dtype=np.float32)


def sample_window(plane: NDArray[Any], rows: Floats, columns: Floats, border: int) -> NDArray[Any]:
    """As `sample`, from the part of the plane around the places alone."""
    (top, bottom), (left, right) = (span(at, side) for at, side in zip((rows, columns), plane.shape, strict=True))
    window = plane[top:bottom, left:right]
    return np.asarray(cv2.remap(window, columns - left, rows - top, cv2.INTER_LINEAR, borderMode=border))


def span(at: Floats, side: int) -> tuple[int, int]:
    """First and last + 1 whole pixel on one axis that the places lie between, at least one."""
    first = min(max(math.floor(at.min()) - 1, 0), side - 1)
    return first, min(max(math.ceil(at.max()) + 2, first + 1), side)
