"""Whether a picture shows something new, and how far the view has moved since the one before."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Glance", "glance", "is_still", "scene_shift"]

LONGEST_PX = 320
"""A glance is a picture made so small: enough for texture, too little for the noise of a sensor."""
STILL_LEVELS = 8.0
"""Grey levels of 255 that nothing may change by; sensor noise stays below 4, a new hairline does not."""
NOISE_PX = 1.5
"""What varies within less than this on a glance is noise."""
LIGHT_PX = 8.0
"""What changes more slowly across a glance is light, not texture."""
ALIKE = 0.35
"""Correlation of what two views share from which on it is the same place."""
FLAT_LEVELS = 0.1
"""Texture of less is none."""
SMALLEST_SHARE = 0.15
"""Of the view that must be in both to tell."""


class Glance(NamedTuple):
    """A picture, small and grey."""

    grey: NDArray[np.float32]
    """(h, w), 0 to 255."""
    px: float
    """Pixels of the picture that one of the glance covers."""


def glance(pixels: NDArray[np.uint8]) -> Glance:
    """A picture (h, w, 3) in grey, its longer side brought to 320 px."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    px = max(1.0, max(grey.shape) / LONGEST_PX)
    size = (max(1, round(grey.shape[1] / px)), max(1, round(grey.shape[0] / px)))
    return Glance(cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32), px)


def is_still(before: Glance, now: Glance) -> bool:
    """Whether two pictures show the same from the same place; light that rises everywhere alike is no change."""
    if before.grey.shape != now.grey.shape:
        return False
    change = cv2.GaussianBlur(now.grey - before.grey, (0, 0), NOISE_PX)
    return bool(np.abs(change - np.median(change)).max() < STILL_LEVELS)


def scene_shift(before: Glance, now: Glance) -> tuple[float, float] | None:
    """How far the scene moved down and to the right in the picture, px; None where it is another scene.

    Phase correlation of the texture (Kuglin and Hines, 1975), its answer, which is cyclic, then checked on what the two
    would share. Turning, nearing and parallax are not modelled.
    """
    if before.grey.shape != now.grey.shape:
        return None
    first, second = texture(before.grey), texture(now.grey)
    (right, down), _ = cv2.phaseCorrelate(first, second, window(first.shape))
    height, width = first.shape
    candidates = product((down, down - np.copysign(height, down)), (right, right - np.copysign(width, right)))
    alike, shift = max((likeness(first, second, *shift), shift) for shift in candidates)
    return (float(shift[0]) * now.px, float(shift[1]) * now.px) if alike >= ALIKE else None


def texture(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """What varies within a few pixels: light, shade and vignetting are the camera's, not the wall's."""
    return grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), LIGHT_PX), np.float32)


@lru_cache(maxsize=2)
def window(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Fades the borders out, which the cyclic transform would take for texture."""
    return np.asarray(cv2.createHanningWindow(shape[::-1], cv2.CV_32F), np.float32)


def likeness(first: NDArray[np.float32], second: NDArray[np.float32], down: float, right: float) -> float:
    """Correlation of what both show if the scene moved so, -1 to 1; -1 where that is too little."""
    height, width = first.shape
    rows, columns = round(down), round(right)
    if (height - abs(rows)) * (width - abs(columns)) < SMALLEST_SHARE * first.size or abs(rows) >= height:
        return -1.0
    old = first[max(0, -rows) : height - max(0, rows), max(0, -columns) : width - max(0, columns)]
    new = second[max(0, rows) : height + min(0, rows), max(0, columns) : width + min(0, columns)]
    power = float(np.sqrt(np.square(old).mean() * np.square(new).mean()))
    return float((old * new).mean()) / power if power > FLAT_LEVELS**2 else -1.0
