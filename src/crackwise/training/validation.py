"""Scores of one validation pass at every threshold, and the one threshold that serves all sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from crackwise.tally import ALARM_PX, NOT_LABELLED, largest_component_px, within

__all__ = ["THRESHOLDS", "SetCounts", "best_threshold", "joined_counts", "validation_scores"]

THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.05), 2)
TOLERANCE_PX = 2
PLATEAU = 0.01
"""Mean scores nearer than a point are equal: one picture of a small set moves them as much."""


@dataclass(slots=True)
class SetCounts:
    """Pixel counts of one validation set, a row per threshold."""

    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((len(THRESHOLDS), 6)))
    """Columns: predicted, true, both, predicted near a true one, true near a predicted one, alarms."""
    crack_free: int = 0
    cracked: int = 0
    loss: float = 0.0
    """Sum over the pictures with any label."""
    pictures: int = 0

    def add_loss(self, loss: float) -> None:
        """Count the loss of one picture."""
        self.loss += loss
        self.pictures += 1

    def add(self, probability: NDArray[np.float32], target: NDArray[np.uint8]) -> None:
        """Count one picture; both (h, w)."""
        known = target != NOT_LABELLED
        if not known.any():
            return
        truth = target == 1
        self.crack_free += not truth.any()
        self.cracked += bool(truth.any())
        near_truth = within(truth, TOLERANCE_PX)
        for row, threshold in zip(self.counts, THRESHOLDS, strict=True):
            predicted = (probability >= threshold) & known
            near_predicted = within(predicted, TOLERANCE_PX)
            row[:5] += (
                predicted.sum(),
                truth.sum(),
                (predicted & truth).sum(),
                (predicted & near_truth).sum(),
                (truth & near_predicted).sum(),
            )
            row[5] += not truth.any() and largest_component_px(predicted) >= ALARM_PX


def joined_counts(parts: Sequence[SetCounts]) -> SetCounts:
    """The counts of all pictures of a set from those of its parts."""
    names = [field.name for field in fields(SetCounts)]
    return SetCounts(*(sum(getattr(part, name) for part in parts) for name in names))


def scores_by_threshold(counts: SetCounts) -> dict[str, NDArray[np.float64]]:
    """Pooled ``iou``, ``f1``, ``f1@2`` at every threshold; without cracks, 1 - share of pictures with an alarm."""
    predicted, true, both, predicted_near, true_near, alarms = counts.counts.T
    if not counts.cracked:
        quiet = 1 - alarms / max(1, counts.crack_free)
        return {"iou": quiet, "f1": quiet, "f1@2": quiet}
    precision = predicted_near / np.maximum(predicted, 1)
    recall = true_near / np.maximum(true, 1)
    return {
        "iou": both / np.maximum(predicted + true - both, 1),
        "f1": 2 * both / np.maximum(predicted + true, 1),
        "f1@2": 2 * precision * recall / np.maximum(precision + recall, 1e-9),
    }


def validation_scores(counts: SetCounts, *, at: float) -> dict[str, float]:
    """The scores at one of ``THRESHOLDS``."""
    index = int(np.argmin(np.abs(THRESHOLDS - at)))
    return {name: float(values[index]) for name, values in scores_by_threshold(counts).items()}


def best_threshold(sets: list[SetCounts], score: str) -> tuple[float, float]:
    """The threshold that serves all sets, and the mean score over them there.

    The optimum is flat and validation sets are small: of all thresholds within `PLATEAU` of the highest mean score it
    is the one nearest to a half.
    """
    mean = np.mean([scores_by_threshold(counts)[score] for counts in sets], axis=0)
    good = np.flatnonzero(mean >= mean.max() - PLATEAU)
    index = int(good[np.abs(THRESHOLDS[good] - 0.5).argmin()])
    return float(THRESHOLDS[index]), float(mean[index])
