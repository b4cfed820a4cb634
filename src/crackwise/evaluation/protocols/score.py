"""What all families of scores have in common: the answer they look at, and what a row of a table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.tally import NOT_LABELLED, FloatArray

__all__ = ["Answer", "Counts", "Family", "Protocol", "Score", "ratio"]

Counts = tuple[Any, ...]
"""A `NamedTuple` of additive numbers and vectors: what one picture, or a sum of them, contributes to a family.

It has fields ``cracked`` and ``crack_free``, the number of pictures with a true pixel and without one; a picture
without any labelled pixel counts 0 in every field. In a formula each field may have further leading axes.
"""


@dataclass(frozen=True)
class Answer:
    """One labelled picture and what is said of it. What has no label is out of the masks, and counts nowhere."""

    probability: NDArray[np.float32]
    """(h, w)."""
    predicted: NDArray[np.bool_]
    """(h, w), at the threshold."""
    target: NDArray[np.uint8]
    """(h, w): 0 absent, 1 present, 255 not labelled."""

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """(h, w)."""
        return np.not_equal(self.target, NOT_LABELLED)

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """(h, w): the true crack."""
        return np.equal(self.target, 1)

    @cached_property
    def found(self) -> NDArray[np.bool_]:
        """(h, w): the predicted mask where there is a label."""
        return self.predicted & self.labelled

    @cached_property
    def kind(self) -> tuple[bool, bool]:
        """Whether the picture shows a crack, and whether it shows none; neither without a labelled pixel."""
        cracked = bool(self.truth.any())
        return cracked, not cracked and bool(self.labelled.any())


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


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """``part / whole``, nan where the whole is 0."""
    whole = np.asarray(whole)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))
