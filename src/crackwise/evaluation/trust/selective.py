"""How many errors are spared if a person looks at the photographs that the model is least sure of.

Photographs are taken in the order of their confidence. *Coverage* is the share that has been taken, *selective risk*
the mean risk of these; the area below (AURC) is small where confidence tells right from wrong. Less the area of the
best order that these risks allow it is the excess, E-AURC (Geifman, Uziel and El-Yaniv, ICLR 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from crackwise.errors import DataError
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.score import ratio
from crackwise.tally import FloatArray, Tally

__all__ = [
    "RISK",
    "Curve",
    "area",
    "excess_area",
    "kept_risk",
    "level_of_risk",
    "level_of_share",
    "risk_coverage",
    "risks_of",
]

ROUNDING = 1e-9
RISK = "1 - F1 within 2 px of the picture; without a crack 0 if nothing is predicted on it, else 1"


def risks_of(tallies: Sequence[Tally]) -> FloatArray:
    """(n,): the risk of each picture; nan without a labelled pixel."""
    together = Tally(*np.array(tallies, dtype=np.float64).reshape(-1, len(Tally._fields)).T)
    wrong = np.where(together.cracked > 0, 1 - scores_of(together)["f1@2"], together.alarms)
    return np.where(together.cracked + together.crack_free > 0, wrong, np.nan)


class Curve(NamedTuple):
    """Coverage and selective risk after each level of confidence, the highest first."""

    level: FloatArray
    """(u,): every confidence that occurs, descending."""
    coverage: FloatArray
    """(..., u)."""
    risk: FloatArray
    """(..., u)."""


class Levels(NamedTuple):
    """Pictures by their confidence."""

    level: FloatArray
    pictures: FloatArray
    """(..., u): how many have it."""
    risk: FloatArray
    """(..., u): the sum of their risks."""


def by_level(confidence: FloatArray, risk: FloatArray, times: FloatArray | None) -> Levels:
    """Pictures (n,), each counted ``times`` (..., n), by their confidence from the highest down."""
    times = np.ones(len(risk)) if times is None else times
    level, place = np.unique(-confidence, return_inverse=True)
    member = (place[:, None] == np.arange(len(level))).astype(np.float64)
    return Levels(-level, times @ member, (times * risk) @ member)


def risk_coverage(confidence: FloatArray, risk: FloatArray, times: FloatArray | None = None) -> Curve:
    """The curve of pictures with a confidence (n,) and a risk (n,), each counted ``times`` (..., n); None: once."""
    levels = by_level(confidence, risk, times)
    taken = np.cumsum(levels.pictures, -1)
    return Curve(levels.level, taken / np.maximum(taken[..., -1:], 1), ratio(np.cumsum(levels.risk, -1), taken))


def area(confidence: FloatArray, risk: FloatArray, times: FloatArray | None = None) -> FloatArray:
    """(...): AURC, the mean over the pictures of the selective risk when each is taken.

    Of pictures with the same confidence any may come first: the mean over all their orders. After s of risk in k
    pictures, m more of the mean risk r sum up to m r + (s - k r) (1 / (k + 1) + ... + 1 / (k + m)).
    """
    _, pictures, risks = by_level(confidence, risk, times)
    before, risk_before = np.cumsum(pictures, -1) - pictures, np.cumsum(risks, -1) - risks
    mean = np.nan_to_num(ratio(risks, pictures))
    harmonic = digamma(before + pictures + 1) - digamma(before + 1)
    return ratio((risks + (risk_before - before * mean) * harmonic).sum(-1), pictures.sum(-1))


def excess_area(confidence: FloatArray, risk: FloatArray, times: FloatArray | None = None) -> FloatArray:
    """(...): E-AURC, the area less that of taking the pictures in the order of their risk."""
    return area(confidence, risk, times) - area(-risk, risk, times)


def kept_risk(
    confidence: FloatArray, risk: FloatArray, below: float, times: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """(...): the share of pictures that are not below a confidence, and their mean risk."""
    times = np.ones(len(risk)) if times is None else times
    kept = times * (confidence >= below)
    return ratio(kept.sum(-1), times.sum(-1)), ratio((kept * risk).sum(-1), kept.sum(-1))


def level_of_share(confidence: FloatArray, share: float) -> float:
    """The confidence that about this share of the pictures (n,) stays below.

    Raises:
        DataError: it is less than half a picture.
    """
    if not round(share * len(confidence)):
        raise DataError(
            f"A share of {share:g} of {len(confidence)} pictures to review is none of them. "
            f"Give {math.floor(0.5 / share) + 1} pictures or more, or a higher --review-share."
        )
    return between(np.sort(confidence)[::-1], len(confidence) - round(share * len(confidence)))


def level_of_risk(confidence: FloatArray, risk: FloatArray, most: float) -> float:
    """The confidence from which on as many pictures as possible are kept with a mean risk of at most ``most``.

    Raises:
        DataError: not even the surest of them are that good.
    """
    curve = risk_coverage(confidence, risk)
    good = np.flatnonzero(curve.risk <= most + ROUNDING)
    if not len(good):
        raise DataError(
            f"The photographs that the model is surest of have a mean risk of {curve.risk[0]:.3f}; no level of "
            f"confidence keeps it to {most:g}. Allow a higher --review-risk, or ask for a --review-share."
        )
    return between(curve.level, int(good[-1]) + 1)


def between(descending: NDArray[np.float64], kept: int) -> float:
    """A level between two of the confidences (n,), so that about so many are kept; 0 keeps all."""
    if kept >= len(descending):
        return 0.0
    return 1.0 if kept == 0 else float((descending[kept - 1] + descending[kept]) / 2)
