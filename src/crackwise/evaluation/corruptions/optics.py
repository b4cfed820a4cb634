"""Corruptions between wall and sensor: focus, movement, distance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.corruptions.linear import to_light, to_pixels
from crackwise.evaluation.corruptions.row import Noise, Pixels

__all__ = ["OPTICS"]

Kernel = NDArray[np.float32]
FINENESS = 8
"""Points along each side of a pixel that say how much of it a disk covers."""


def defocus(pixels: Pixels, radius_px: float, _rng: np.random.Generator) -> Pixels:
    """Every point a disk of light."""
    return convolved(pixels, disk(radius_px))


def motion_blur(pixels: Pixels, length_px: float, rng: np.random.Generator) -> Pixels:
    """Every point a line of light, in a direction of the photograph's own."""
    return convolved(pixels, line(length_px, rng.uniform(0, np.pi)))


def down_sampling(pixels: Pixels, factor: float, _rng: np.random.Generator) -> Pixels:
    """So many times smaller (area means), and cubic back: a photograph from further away."""
    h, w = pixels.shape[:2]
    size = max(1, round(w / factor)), max(1, round(h / factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC), np.uint8)


def convolved(pixels: Pixels, kernel: Kernel) -> Pixels:
    """The light spread by a kernel; beyond the border the photograph is mirrored."""
    return to_pixels(np.asarray(cv2.filter2D(to_light(pixels), -1, kernel), np.float32))


def disk(radius_px: float) -> Kernel:
    """A disk of sum 1; pixels on its rim by the share that lies inside."""
    reach = int(np.ceil(radius_px + 0.5))
    fine = (np.arange((2 * reach + 1) * FINENESS) + 0.5) / FINENESS - reach - 0.5
    inside = fine[:, None] ** 2 + fine**2 <= radius_px**2
    shares = inside.reshape(2 * reach + 1, FINENESS, 2 * reach + 1, FINENESS).mean((1, 3))
    return np.asarray(shares / shares.sum(), np.float32)


def line(length_px: float, angle: float) -> Kernel:
    """A line through the middle of sum 1, one pixel wide; ``angle`` in radians from the rows."""
    reach = int(np.ceil(length_px / 2))
    along = np.linspace(-0.5, 0.5, int(FINENESS * length_px)) * (length_px - 1)
    x, y = along * np.cos(angle) + reach, along * np.sin(angle) + reach
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for right in (0, 1):
        for down in (0, 1):
            share = (1 - np.abs(x - column - right)) * (1 - np.abs(y - row - down))
            np.add.at(kernel, (row + down, column + right), share)
    kernel = kernel[:-1, :-1]
    return np.asarray(kernel / kernel.sum(), np.float32)


OPTICS: dict[str, Noise] = {
    "defocus": Noise(
        defocus,
        {1: 1, 2: 2, 3: 3, 4: 4.5, 5: 6.5},
        "px (radius)",
        "optics",
        "linear light spread over a disk",
    ),
    "motion_blur": Noise(
        motion_blur,
        {1: 4, 2: 8, 3: 13, 4: 19, 5: 27},
        "px (length)",
        "optics",
        "linear light spread along a straight line, in one direction for each photograph",
    ),
    "down_sampling": Noise(
        down_sampling,
        {1: 1.5, 2: 2, 3: 3, 4: 4, 5: 6},
        "times smaller",
        "optics",
        "area means of so many pixels along each side, then cubic back to the size of before",
    ),
}
