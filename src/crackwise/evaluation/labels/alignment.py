"""Where a label lies beside the dark line it means, and whether it fits its picture better than it would by chance.

The middle line of the label is laid onto a map of the picture's local darkness at every whole-pixel step there is, all
at once as a correlation by Fourier transforms. Near the step zero the map of mean darkness has its peak where the
label lies on the crack; far from it the same map shows what a line of this form meets by chance on this picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

__all__ = ["REACH_PX", "Alignment", "Fit", "align", "darkness_of", "to_step"]

Floats = NDArray[np.float64]

REACH_PX = 10
"""A label is looked for up to so many pixels beside its place, in either direction."""
GROUND_PX, DETAIL_PX = 15.0, 0.8
"""Gaussians whose difference is the local darkness."""
GROUND_STROKES = 2.0
COARSE = 4
"""The wide Gaussian is taken on a picture so many times smaller."""
MOST_DARK = 4.0
"""Standard deviations at which darkness is cut off: a black hole is no more crack than a crack."""
LEANING = 0.1
"""Share of the peak that a step of `REACH_PX` must gain over none, one of half of it a quarter of that: along a
straight line every step is as good."""


class Alignment(NamedTuple):
    """How one label lies on its picture."""

    right_px: float
    down_px: float
    """Where the label lies as seen from the dark line."""
    here: float
    """Mean darkness under the label's middle line, in standard deviations of the picture's."""
    best: float
    """... at its best place within `REACH_PX`."""
    chance: float
    """Share of the places elsewhere on the picture that offer this line a best place as dark; nan if none is left."""

    @property
    def distance_px(self) -> float:
        """Length of the displacement."""
        return float(np.hypot(self.right_px, self.down_px))


def darkness_of(grey: NDArray[np.uint8], stroke_px: float = 0.0) -> NDArray[np.float32]:
    """How much darker than its surroundings each pixel (h, w) is, in standard deviations of the picture.

    The surroundings are larger where the strokes of the label are wider.
    """
    plane = grey.astype(np.float32)
    size = plane.shape[1], plane.shape[0]
    coarse = cv2.resize(plane, [-(-side // COARSE) for side in size], interpolation=cv2.INTER_AREA)
    ground = cv2.GaussianBlur(coarse, (0, 0), max(GROUND_PX, GROUND_STROKES * stroke_px) / COARSE)
    dark = cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR) - cv2.GaussianBlur(plane, (0, 0), DETAIL_PX)
    spread = float(dark.std())
    return np.clip(dark / spread, -MOST_DARK, MOST_DARK) if spread > 0 else np.zeros_like(dark)


def step_maps(darkness: NDArray[np.float32], points: Floats) -> tuple[Floats, Floats]:
    """Mean darkness under points (n, 2) of row and column, moved: by every step within `REACH_PX`, and elsewhere.

    The first (2 `REACH_PX` + 1, the same) has the step of none in its middle. The second (m,) is the best within
    `REACH_PX` of steps that are farther than twice that from none; what leaves on one side comes in on the other.
    """
    height, width = darkness.shape
    shape = next_fast_len(height, real=True), next_fast_len(width, real=True)
    pixels = np.rint(points).astype(np.int64)
    line = np.zeros(shape, np.float32)
    np.add.at(line, (pixels[:, 0].clip(0, height - 1), pixels[:, 1].clip(0, width - 1)), 1 / len(pixels))
    padded = np.zeros(shape, np.float32)
    padded[:height, :width] = darkness
    means = irfft2(rfft2(padded) * rfft2(line).conj(), shape)
    means = np.roll(means, (shape[0] // 2, shape[1] // 2), axis=(0, 1)).astype(np.float32)
    middle = shape[0] // 2, shape[1] // 2
    own = tuple(slice(max(at - REACH_PX, 0), at + REACH_PX + 1) for at in middle)
    around = 2 * REACH_PX + 1
    best = cv2.dilate(means, np.ones((around, around), np.uint8))
    elsewhere = np.ones(shape, np.bool_)
    elsewhere[tuple(slice(max(at - around, 0), at + around + 1) for at in middle)] = False
    return means[own].astype(np.float64), best[elsewhere][:: max(1, REACH_PX // 2)].astype(np.float64)


def to_step(means: Floats) -> tuple[float, float]:
    """Right and down, px: the step at the peak of a map of steps, between pixels by a parabola.

    Of steps that are nearly as good the shortest: along a straight line nobody can tell.
    """
    reach = len(means) // 2
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    leaning = means - LEANING * max(float(means.max()), 0.0) * (right**2 + down**2) / reach**2
    row, column = np.unravel_index(int(leaning.argmax()), leaning.shape)
    return (
        float(column - reach + between(means[row], int(column))),
        float(row - reach + between(means[:, column], int(row))),
    )


def between(values: Floats, peak: int) -> float:
    """Where the parabola through a peak and its neighbours is highest, from the peak; at an end, on it."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, at, after = values[peak - 1 : peak + 2]
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -1, 1)) if bend < 0 else 0.0


class Fit(NamedTuple):
    """How a label lies, and what that was read from."""

    alignment: Alignment
    means: Floats
    """(2 `REACH_PX` + 1, the same): mean darkness by step down and right, none in the middle."""


def align(parts: Sequence[tuple[NDArray[np.float32], Floats]]) -> Fit:
    """How a label lies whose middle line is given in parts: darkness (h, w), and points (n, 2) of row and column."""
    maps = [step_maps(darkness, points) for darkness, points in parts]
    weights = [len(points) for _, points in parts]
    means = np.asarray(np.average([own for own, _ in maps], axis=0, weights=weights))
    elsewhere = np.concatenate([far for _, far in maps])
    right, down = to_step(means)
    best = float(means.max())
    chance = float((elsewhere >= best).mean()) if elsewhere.size else np.nan
    return Fit(Alignment(-right, -down, float(means[REACH_PX, REACH_PX]), best, chance), means)
