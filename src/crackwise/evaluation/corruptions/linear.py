"""Stored values of sRGB to light and back: light adds up, stored values do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.corruptions.row import Pixels

__all__ = ["Light", "to_light", "to_pixels"]

Light = NDArray[np.float32]
"""(h, w, 3), linear; 1 is the brightest that a pixel holds."""

STEPS = 1 << 16
STORED = np.arange(256) / 255
LIGHT = np.where(STORED <= 0.04045, STORED / 12.92, ((STORED + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""IEC 61966-2-1."""
FINE = np.arange(STEPS) / (STEPS - 1)
PIXELS = np.rint(255 * np.where(FINE <= 0.0031308, 12.92 * FINE, 1.055 * FINE ** (1 / 2.4) - 0.055)).astype(np.uint8)


def to_light(pixels: Pixels) -> Light:
    """The light behind stored values."""
    return LIGHT[pixels]


def to_pixels(light: Light) -> Pixels:
    """What is stored of light; what is too bright for a pixel is cut off."""
    return np.asarray(PIXELS[np.rint(np.clip(light, 0, 1) * (STEPS - 1)).astype(np.uint16)], np.uint8)
