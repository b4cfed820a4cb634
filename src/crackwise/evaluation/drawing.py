"""Labelled pictures for the eye: what is found, false and missed, in colours that all eyes tell apart."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.imaging.overlay import encode_jpeg, encode_png

__all__ = [
    "FALSE_RGB",
    "FOUND_RGB",
    "MISSED_RGB",
    "UNKNOWN_RGB",
    "draw_errors",
    "jpeg_source",
    "paint",
    "png_source",
    "side_by_side",
]

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

FOUND_RGB = (86, 180, 233)
FALSE_RGB = (213, 94, 0)
MISSED_RGB = (240, 228, 66)
UNKNOWN_RGB = (128, 128, 128)
"""Of ``report/frame.html`` too; from Okabe and Ito, *Color universal design*, 2008."""
GAP_PX = 4


def draw_errors(pixels: Pixels, target: NDArray[np.uint8], predicted: Mask) -> Pixels:
    """The picture (h, w, 3) with every labelled crack pixel found or missed, every false one, and what has no label."""
    truth, unknown = target == 1, target == 255
    drawn = paint(pixels, unknown, UNKNOWN_RGB)
    drawn = paint(drawn, truth & predicted, FOUND_RGB)
    drawn = paint(drawn, ~truth & predicted & ~unknown, FALSE_RGB)
    return paint(drawn, truth & ~predicted, MISSED_RGB)


def paint(pixels: Pixels, mask: Mask, colour: tuple[int, int, int]) -> Pixels:
    """A copy of the picture with a mask (h, w) in one colour."""
    painted = pixels.copy()
    painted[mask] = colour
    return painted


def side_by_side(panels: Sequence[Pixels], longest_px: int) -> Pixels:
    """Pictures of one size beside each other, each with its longer side at most ``longest_px``."""
    height, width = panels[0].shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    gap = np.full((size[1], GAP_PX, 3), 255, np.uint8)
    first, *rest = [cv2.resize(panel, size, interpolation=cv2.INTER_AREA) for panel in panels]
    return np.hstack([first, *(part for panel in rest for part in (gap, panel))]).astype(np.uint8)


def jpeg_source(pixels: Pixels, *, quality: int = 80) -> str:
    """An RGB picture as the address of an ``img`` element."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(pixels, quality=quality)).decode()}"


def png_source(pixels: Pixels) -> str:
    """The same without loss: for masks and maps."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"
