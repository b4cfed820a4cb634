"""Lines of points (n, 2), row and column, about one pixel apart: lengths, normals, smoothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

__all__ = ["Points", "arc_lengths", "normals", "resample", "smooth"]

Points = NDArray[np.float64]


def arc_lengths(points: Points) -> NDArray[np.float64]:
    """Length from the first point to each, px."""
    steps = np.diff(points, axis=0)
    return np.concatenate(([0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))


def resample(points: Points) -> Points:
    """The same line with points as near to one pixel apart as fits."""
    along = arc_lengths(points)
    at = np.linspace(0, along[-1], max(round(along[-1]), 1) + 1)
    return np.column_stack((np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])))


def smooth(points: Points, radius: float) -> Points:
    """A line without the stairs of its pixels: local parabolas over about three half widths."""
    window = min(2 * round(1.5 * radius) + 13, len(points) - (len(points) + 1) % 2)
    if window < 5:
        return np.linspace(points[0], points[-1], len(points))
    weights, half = parabola_weights(window), window // 2
    smoothed = correlate1d(points, weights[half], axis=0)
    smoothed[:half] = weights[:half] @ points[:window]
    smoothed[-half:] = weights[-half:] @ points[-window:]
    return np.asarray(smoothed)


@lru_cache(maxsize=256)
def parabola_weights(window: int) -> NDArray[np.float64]:
    """Weights (window, window) that turn values at equal steps into those of their best parabola (Savitzky-Golay)."""
    powers = np.linspace(-1, 1, window)[:, None] ** np.arange(3)
    return np.asarray(powers @ np.linalg.pinv(powers))


def normals(points: Points) -> Points:
    """Unit vectors (n, 2) across the line."""
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    across = np.empty_like(points)
    np.divide(-along[:, 1], length, out=across[:, 0])
    np.divide(along[:, 0], length, out=across[:, 1])
    return across
