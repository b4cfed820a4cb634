"""Deletion and insertion: what becomes of the answer as the pixels that a map calls important go, or come.

Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models", BMVC 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.explain.features import mix

__all__ = ["Curves", "area", "curves_of"]

LEAST_SPAN = 0.1
"""The answer to the baseline must be lower by this: a curve scaled up by more than ten shows the wobble of an answer,
and one such picture decides the mean of all."""

Array = NDArray[np.float64]


class Curves(NamedTuple):
    """The answer at each step, 1 that to the whole picture, 0 that to the baseline.

    nan where the latter is not lower by `LEAST_SPAN`.
    """

    deletion: Array
    """(steps + 1,) pixels of the picture replaced by the baseline, the most important first."""
    insertion: Array
    """(steps + 1,) pixels of the picture put into the baseline, the most important first."""


def curves_of(
    value: Callable[[NDArray[np.uint8]], float],
    pixels: NDArray[np.uint8],
    baseline: NDArray[np.uint8],
    heat: NDArray[np.floating],
    *,
    steps: int,
    seed: int = 0,
) -> Curves:
    """Both curves of a map (h, w), the same share of pixels in each step; equal values go in an order by chance."""
    order = np.lexsort((np.random.default_rng(seed).random(heat.size), -heat.ravel().astype(np.float64)))
    rank = np.argsort(order).reshape(heat.shape)
    full, empty = value(pixels), value(baseline)
    inner = [rank < round(step * heat.size / steps) for step in range(1, steps)]
    deletion = [full, *(value(mix(pixels, baseline, ~gone)) for gone in inner), empty]
    insertion = [empty, *(value(mix(pixels, baseline, there)) for there in inner), full]
    span = full - empty if full - empty >= LEAST_SPAN else np.nan
    return Curves((np.array(deletion) - empty) / span, (np.array(insertion) - empty) / span)


def area(curve: Array) -> float:
    """The area under a curve over shares from 0 to 1, by trapezia."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
