"""The temperature that labels ask for: what the logits are divided by so that probabilities fit them best.

Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017: the temperature of the highest likelihood, which is a
convex problem in its inverse. Logits are counted in narrow bins, so that millions of pixels are quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from crackwise.errors import DataError
from crackwise.evaluation.protocols.calibration import BINS, RegionCounts, expected_error, summed_by
from crackwise.evaluation.protocols.score import ratio
from crackwise.tally import FloatArray
from crackwise.trust.temperature import SUREST

__all__ = [
    "FOLDS",
    "LogitCounts",
    "count_logits",
    "cross_fitted_error",
    "error_at",
    "fit_temperature",
    "folds_of",
    "log_loss_at",
]

LOGIT_BINS = 1024
LARGEST_LOGIT = 17.0
"""Beyond that of every probability that single precision tells from 0 and 1."""
COLDEST, HOTTEST = 0.2, 20.0
"""Of a card's temperature."""
FOLDS = 5


class LogitCounts(NamedTuple):
    """Pixels by their logit, in ``LOGIT_BINS`` of equal width; counts of several pictures add up."""

    pixels: FloatArray
    logits: FloatArray
    """The sum of those of a bin: its mean stands for all of them."""
    cracks: FloatArray
    crack_logits: FloatArray
    """The sum over its crack pixels."""


def count_logits(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> LogitCounts:
    """The counts of pixels (n,)."""
    p = np.clip(probability.astype(np.float64), SUREST, 1 - SUREST)
    logit = np.log(p) - np.log1p(-p)
    place = ((logit + LARGEST_LOGIT) * (LOGIT_BINS / (2 * LARGEST_LOGIT))).astype(int)
    of_all = np.bincount(place, minlength=LOGIT_BINS), np.bincount(place, logit, LOGIT_BINS)
    of_cracks = (np.bincount(place[truth], weights, LOGIT_BINS) for weights in (None, logit[truth]))
    return LogitCounts(*(field.astype(np.float64) for field in (*of_all, *of_cracks)))


def summed(counts: Sequence[LogitCounts]) -> LogitCounts:
    """The counts of all of them together."""
    return LogitCounts(*(np.sum(field, axis=0) for field in zip(*counts, strict=True)))


def mean_logits(counts: LogitCounts) -> FloatArray:
    """(LOGIT_BINS,): that of each bin, 0 where it is empty."""
    return np.nan_to_num(ratio(counts.logits, counts.pixels))


def log_loss_at(counts: LogitCounts, temperature: float) -> float:
    """Mean negative log-likelihood of the labels, in nats, with the logits divided by a temperature."""
    of_none = counts.pixels @ np.logaddexp(0, mean_logits(counts) / temperature)
    return float((of_none - counts.crack_logits.sum() / temperature) / counts.pixels.sum())


def fit_temperature(counts: LogitCounts) -> float:
    """The temperature of the smallest log loss.

    Raises:
        DataError: the pixels are all of one kind, or no temperature between 0.2 and 20 is the best.
    """
    if not 0 < counts.cracks.sum() < counts.pixels.sum():
        raise DataError("A temperature needs labelled pixels with and without a crack; give more pictures.")
    found = minimize_scalar(
        lambda log_temperature: log_loss_at(counts, float(np.exp(log_temperature))),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    temperature = float(np.exp(found.x))
    if not COLDEST * 1.01 < temperature < HOTTEST / 1.01:
        raise DataError(
            f"No temperature between {COLDEST:g} and {HOTTEST:g} is the best for these labels: the model is right, or "
            "wrong, on nearly every pixel of them. Look at its scores first, or give other pictures."
        )
    return temperature


def error_at(counts: LogitCounts, temperature: float) -> float:
    """Calibration error (ECE) of the pixels with their logits divided by a temperature."""
    return float(expected_error(regrouped(counts, temperature)))


def regrouped(counts: LogitCounts, temperature: float) -> RegionCounts:
    """The pixels by their tempered probability, a bin of logits moved as one; it says nothing of single pixels."""
    probability = expit(mean_logits(counts) / temperature)
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    summands = counts.pixels, counts.pixels * probability, counts.cracks
    pixels, probabilities, cracks = (summed_by(place, each) for each in summands)
    return RegionCounts(pixels, probabilities, cracks, np.array(np.nan), np.array(np.nan))


def folds_of(groups: Sequence[str], seed: int) -> NDArray[np.intp]:
    """(n,): which of up to ``FOLDS`` parts each picture falls into, with its photograph; drawn by the seed.

    Raises:
        DataError: there are fewer than two photographs.
    """
    photographs, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(photographs) < 2:
        raise DataError(f"A temperature is judged on other photographs than it is fitted on; got {len(photographs)}.")
    part = np.random.default_rng(seed).permutation(len(photographs)) % min(FOLDS, len(photographs))
    return part[index]


def cross_fitted_error(judged: Sequence[LogitCounts], temperatures: Sequence[float], folds: NDArray[np.intp]) -> float:
    """Calibration error of pictures, each with the temperature of its fold: one fitted on the other folds."""
    parts = [
        regrouped(summed([counts for counts, fold in zip(judged, folds, strict=True) if fold == number]), temperature)
        for number, temperature in enumerate(temperatures)
    ]
    return float(expected_error(RegionCounts(*(np.sum(field, axis=0) for field in zip(*parts, strict=True)))))
