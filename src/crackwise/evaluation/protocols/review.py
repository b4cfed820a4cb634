"""The family ``review``: how confident the map of each picture is, by every way to tell it.

It has no scores: risk and coverage are of pictures one by one, see ``evaluation/trust/selective.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crackwise.evaluation.protocols.answer import Answer
from crackwise.tally import FloatArray
from crackwise.trust.review import CONFIDENCES, confidence_of

__all__ = ["ReviewCounts", "count_review"]


class ReviewCounts(NamedTuple):
    """What is kept of one picture."""

    cracked: FloatArray
    crack_free: FloatArray
    confidence: FloatArray
    """(len(CONFIDENCES),): in their order."""


def count_review(answer: Answer) -> ReviewCounts:
    """The confidence of one picture, told where it is labelled."""
    if not answer.labelled.any():
        return ReviewCounts(np.zeros(()), np.zeros(()), np.zeros(len(CONFIDENCES)))
    probability = np.where(answer.labelled, answer.probability, np.float32(0))
    told = [confidence_of(probability, answer.found, name) for name in CONFIDENCES]
    cracked, crack_free = np.array(answer.kind, np.float64)
    return ReviewCounts(cracked, crack_free, np.array(told))
