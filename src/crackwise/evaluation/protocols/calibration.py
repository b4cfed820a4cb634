"""Whether the probabilities of pixels can be taken at their word: of 100 pixels at 0.8, are 80 crack?

Background is right nearly everywhere and hides what happens at cracks, so every score comes twice: over all labelled
pixels, and over those at most 5 px from a true or a predicted crack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.score import Protocol, Score, ratio
from crackwise.tally import FloatArray, within

__all__ = ["BINS", "CALIBRATION_SCORES", "NEAR_PX", "CalibrationCounts", "RegionCounts", "count_calibration", "region"]

BINS = 15
"""Of equal width on the probability; a bin holds its lower end, the last one 1 as well."""
NEAR_PX = 5
SUREST = 1e-7
"""A probability nearer to 0 or 1 counts as this in the log loss, which would be infinite."""


class RegionCounts(NamedTuple):
    """Some pixels of a picture, or of a sum of them, by their probability."""

    pixels: FloatArray
    """(..., BINS): how many."""
    probability: FloatArray
    """(..., BINS): the sum of theirs."""
    cracks: FloatArray
    """(..., BINS): how many of them are crack."""
    squared_error: FloatArray
    """(...): the sum of (probability - label)^2."""
    log_loss: FloatArray
    """(...): the sum of -log of the probability of what the label says, natural."""


class CalibrationCounts(NamedTuple):
    """What a picture contributes to the calibration of pixels; `region` takes all or the near ones of it."""

    cracked: FloatArray
    crack_free: FloatArray
    pixels: FloatArray
    probability: FloatArray
    cracks: FloatArray
    squared_error: FloatArray
    log_loss: FloatArray
    near_pixels: FloatArray
    near_probability: FloatArray
    near_cracks: FloatArray
    near_squared_error: FloatArray
    near_log_loss: FloatArray
    near: FloatArray
    """Pictures with a pixel near a true or predicted crack."""


def region(counts: CalibrationCounts, *, near: bool) -> RegionCounts:
    """The counts of all labelled pixels, or of those near a true or predicted crack."""
    return RegionCounts(*(getattr(counts, f"near_{name}" if near else name) for name in RegionCounts._fields))


def count_calibration(answer: Answer) -> CalibrationCounts:
    """The counts of one picture."""
    near = answer.labelled & within(answer.truth | answer.found, NEAR_PX)
    parts = [count_region(answer.probability[where], answer.truth[where]) for where in (answer.labelled, near)]
    cracked, crack_free = np.array(answer.kind, np.float64)
    return CalibrationCounts(cracked, crack_free, *parts[0], *parts[1], np.array(near.any(), np.float64))


def count_region(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> RegionCounts:
    """The counts of pixels (n,)."""
    p, y = probability.astype(np.float64), truth.astype(np.float64)
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    pixels, probabilities, cracks = (summed_by(place, each) for each in (np.ones_like(p), p, y))
    said = np.clip(np.where(truth, p, 1 - p), SUREST, 1)
    return RegionCounts(pixels, probabilities, cracks, np.square(p - y).sum(), -np.log(said).sum())


def summed_by(place: NDArray[np.integer], summand: FloatArray) -> FloatArray:
    """(BINS,): the sum of what (n,) falls into each place."""
    return np.bincount(place, summand, BINS).astype(np.float64)


def expected_error(part: RegionCounts) -> FloatArray:
    """Mean over the pixels of the distance, in their bin, of the mean probability from the share that is crack."""
    return ratio(np.abs(part.probability - part.cracks).sum(-1), part.pixels.sum(-1))


def largest_error(part: RegionCounts) -> FloatArray:
    """The largest such distance of a bin that holds pixels."""
    gaps = ratio(np.abs(part.probability - part.cracks), part.pixels)
    held = part.pixels.sum(-1) > 0
    return np.where(held, np.nan_to_num(gaps).max(-1), np.nan)


def brier(part: RegionCounts) -> FloatArray:
    """Mean squared distance of probability and label."""
    return ratio(part.squared_error, part.pixels.sum(-1))


def log_loss(part: RegionCounts) -> FloatArray:
    """Mean negative log-likelihood."""
    return ratio(part.log_loss, part.pixels.sum(-1))


def of_region(
    formula: Callable[[RegionCounts], FloatArray], *, near: bool
) -> Callable[[CalibrationCounts], FloatArray]:
    """The formula on the counts of one of the two regions."""
    return lambda counts: formula(region(counts, near=near))


def rows(near: bool) -> dict[str, Score]:
    """The scores of one of the two regions."""
    where = f"over the pixels within {NEAR_PX} px of a true or predicted crack" if near else "over all labelled pixels"
    said = ", near cracks" if near else ""
    told: dict[str, tuple[Callable[[RegionCounts], FloatArray], str, str, bool]] = {
        "ece": (
            expected_error,
            "calibration error of pixels",
            f"mean distance of probability and share of crack in {BINS} bins of equal width (ECE)",
            False,
        ),
        "mce": (largest_error, "largest calibration error", "the largest of these distances (MCE)", False),
        "brier": (brier, "Brier score of pixels", "mean squared distance of probability and label", True),
        "log_loss": (log_loss, "log loss of pixels", "mean negative log-likelihood, in nats", False),
    }
    return {
        f"pixel_{name}{'_near' if near else ''}": Score(
            of_region(formula, near=near),
            Protocol("pooled", "all", 0),
            f"{title}{said}",
            f"{definition}, {where}; 0 is right",
            is_share=is_share,
            family="calibration",
            pictures=(lambda counts: np.asarray(counts.near)) if near else None,
        )
        for name, (formula, title, definition, is_share) in told.items()
    }


CALIBRATION_SCORES: dict[str, Score] = rows(near=False) | rows(near=True)
"""Scores of the family ``calibration``."""
