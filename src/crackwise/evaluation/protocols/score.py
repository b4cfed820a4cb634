"""What all families of scores have in common: what a row of their tables says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from crackwise.evaluation.protocols.answer import Answer
from crackwise.tally import FloatArray

__all__ = ["Counts", "Family", "Protocol", "Score", "harmonic", "ratio"]

Counts = tuple[Any, ...]
"""A `NamedTuple` of additive numbers and vectors: what one picture, or a sum of them, contributes to a family.

It has fields ``cracked`` and ``crack_free``, the number of pictures with a true pixel and without one; a picture
without any labelled pixel counts 0 in every field. In a formula each field may have further leading axes.
"""


Family = Callable[[Answer], Counts]


class Protocol(NamedTuple):
    """What must stand beside a number before it may be compared with another."""

    averaging: Literal["pooled", "per image"]
    """Summed over all pictures before dividing, or divided per picture and then averaged."""
    over: Literal["all", "cracked", "crack-free"]
    """Which pictures count."""
    tolerance_px: float | None = 0
    """None: a share of the diagonal, which the definition names."""
    thresholds: Literal["one", "best of the set", "best of each picture", "all"] = "one"
    """One that was chosen elsewhere; the best ones are chosen on the very labels that are scored."""


@dataclass(frozen=True, slots=True)
class Score:
    """One row of `SCORES`."""

    formula: Callable[[Any], FloatArray]
    """From the summed `Counts` of the family to the score, nan where it is undefined."""
    protocol: Protocol
    title: str
    definition: str
    is_share: bool = True
    """Lies between 0 and 1."""
    family: str = "mask"
    """Key of `FAMILIES`."""
    pictures: Callable[[Any], FloatArray] | None = None
    """How many pictures of a sum it rests on, if these are not all that ``protocol.over`` names."""


def ratio(part: ArrayLike, whole: ArrayLike) -> FloatArray:
    """``part / whole``, nan where the whole is 0."""
    whole = np.asarray(whole)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def harmonic(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """F1 of two shares: 0 where nothing is hit, also if nothing is predicted; nan where there is nothing to find."""
    precision = np.nan_to_num(precision)
    return np.where(recall == 0, 0.0, ratio(2 * precision * recall, precision + recall))
