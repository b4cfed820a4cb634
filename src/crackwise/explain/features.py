"""The parts of a picture that are there or not, and what stands in their place when they are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from crackwise.errors import CrackwiseError

__all__ = ["BASELINES", "baseline_of", "cells", "mix", "superpixels"]

Pixels = NDArray[np.uint8]
Parts = NDArray[np.intp]

BLUR_PX = 16
COMPACTNESS = 10.0


def superpixels(pixels: Pixels, count: int) -> Parts:
    """About ``count`` regions of like colour (h, w), from 0 on (Achanta et al., SLIC, IEEE TPAMI 34(11), 2012)."""
    parts = slic(pixels, n_segments=count, compactness=COMPACTNESS, start_label=0)
    return np.asarray(np.unique(parts, return_inverse=True)[1].reshape(parts.shape), np.intp)


def cells(height: int, width: int, rows: int, columns: int, *, side: int = 1) -> Parts:
    """A grid of rectangles (h, w), numbered row by row, or of squares of ``side`` times ``side`` of them.

    One for each pixel where there are more than that.
    """
    rows, columns = min(rows, height), min(columns, width)
    down, across = np.arange(height) * rows // height // side, np.arange(width) * columns // width // side
    return np.asarray(down[:, None] * (across[-1] + 1) + across, np.intp)


def blur(pixels: Pixels) -> Pixels:
    """The mean of every square of 16 x 16 px, in its place."""
    height, width = pixels.shape[:2]
    place = cells(height, width, -(-height // BLUR_PX), -(-width // BLUR_PX))
    counts = np.bincount(place.ravel())
    means = [np.bincount(place.ravel(), pixels[..., c].ravel().astype(np.float64)) / counts for c in range(3)]
    return np.rint(np.stack(means, -1)).astype(np.uint8)[place]


def mean(pixels: Pixels) -> Pixels:
    """The mean colour of the picture, everywhere."""
    return np.broadcast_to(np.rint(pixels.mean((0, 1))).astype(np.uint8), pixels.shape)


def median(pixels: Pixels) -> Pixels:
    """The median over squares of an eighth of the picture: the wall without what is narrower than half of that."""
    side = max(3, min(pixels.shape[:2]) // 8) | 1
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(pixels), side), np.uint8)


def zeros(pixels: Pixels) -> Pixels:
    """Black."""
    return np.zeros_like(pixels)


BASELINES: Mapping[str, Callable[[Pixels], Pixels]] = {"blur": blur, "mean": mean, "median": median, "zeros": zeros}


def baseline_of(name: str, pixels: Pixels) -> Pixels:
    """The picture with nothing there.

    Raises:
        CrackwiseError: there is no such baseline.
    """
    if name not in BASELINES:
        raise CrackwiseError(f"No baseline {name!r}; there are {', '.join(BASELINES)}.")
    return BASELINES[name](pixels)


def mix(pixels: Pixels, baseline: Pixels, kept: NDArray[np.bool_]) -> Pixels:
    """The picture where ``kept`` (h, w), the baseline elsewhere."""
    return np.where(kept[..., None], pixels, baseline)
