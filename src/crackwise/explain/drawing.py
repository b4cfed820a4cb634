"""Maps laid over their picture, in colours that all eyes tell apart."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.explain.heat import Heat, scaled

__all__ = ["REGION_RGB", "draw_heat_over", "draw_key", "draw_region"]

Pixels = NDArray[np.uint8]

LEVELS = (
    (0.0, (68, 1, 84)),
    (0.25, (59, 82, 139)),
    (0.5, (33, 145, 140)),
    (0.75, (94, 201, 98)),
    (1.0, (253, 231, 37)),
)
"""Least to greatest: viridis (Smith and van der Walt, 2015) at five places."""
SIGNED_LEVELS = (
    (-1.0, (5, 48, 97)),
    (-0.5, (67, 147, 195)),
    (0.0, (247, 247, 247)),
    (0.5, (230, 97, 1)),
    (1.0, (127, 39, 4)),
)
"""Against, neutral, for."""
REGION_RGB = (230, 0, 126)
OPACITY, SIGNED_OPACITY = 0.6, 0.7
KEY_PX = (160, 12)


def colours_of(values: NDArray[np.float32], *, signed: bool) -> NDArray[np.float64]:
    """A colour (h, w, 3) for every value of a scaled map."""
    levels = SIGNED_LEVELS if signed else LEVELS
    places = np.array([place for place, _ in levels])
    channels = np.array([colour for _, colour in levels], np.float64).T
    return np.stack([np.interp(values, places, channel) for channel in channels], -1)


def draw_heat_over(pixels: Pixels, heat: Heat) -> Pixels:
    """The grey picture under the map; a signed map covers it the more, the further it is from zero."""
    values = scaled(heat)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float64)[..., None]
    opacity = SIGNED_OPACITY * np.sqrt(np.abs(values))[..., None] if heat.signed else OPACITY
    mixed = (1 - opacity) * grey + opacity * colours_of(values, signed=heat.signed)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


def draw_region(pixels: Pixels, region: NDArray[np.bool_]) -> Pixels:
    """The picture with M outlined; one pixel gets a ring."""
    picture = np.ascontiguousarray(pixels).copy()
    unit = max(1, round(max(picture.shape[:2]) / 400))
    if int(region.sum()) == 1:
        row, column = np.argwhere(region)[0]
        cv2.circle(picture, (int(column), int(row)), 8 * unit, REGION_RGB, 2 * unit, cv2.LINE_AA)
    elif not region.all():
        outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, REGION_RGB, unit)
    return picture


def draw_key(*, signed: bool) -> Pixels:
    """The colours from least to greatest (12, 160, 3)."""
    width, height = KEY_PX
    ramp = np.linspace(-1 if signed else 0, 1, width, dtype=np.float32)[None].repeat(height, 0)
    return np.rint(colours_of(ramp, signed=signed)).astype(np.uint8)
