"""What one picture contributes to scores; contributions add up. Training and evaluation count by the same rules."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["ALARM_PX", "NOT_LABELLED", "FloatArray", "Tally", "largest_component_px", "tally", "within"]

ALARM_PX = 50
"""A connected false component of so many pixels is what an inspector would stop at."""
NOT_LABELLED = 255

FloatArray: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


class Tally(NamedTuple):
    """What a picture, or a sum of pictures, contributes; each field a number or an array with one entry per sum.

    Pixels that carry no label count nowhere. A picture without any labelled pixel is a tally of zeros.
    """

    true_positives: FloatArray
    false_positives: FloatArray
    false_negatives: FloatArray
    true_negatives: FloatArray
    predicted_near_2: FloatArray
    """Predicted pixels at most 2 px (Euclidean, centre to centre) from a true one."""
    true_near_2: FloatArray
    """True pixels at most 2 px from a predicted one."""
    predicted_near_5: FloatArray
    true_near_5: FloatArray
    cracked: FloatArray
    """Pictures with a true pixel."""
    crack_free: FloatArray
    """Pictures without one."""
    cracked_iou: FloatArray
    """Sum over the cracked pictures of each one's own IoU; the same for the next three."""
    cracked_f1: FloatArray
    cracked_precision: FloatArray
    cracked_recall: FloatArray
    alarms: FloatArray
    """Crack-free pictures with any predicted pixel."""
    large_alarms: FloatArray
    """Crack-free pictures with a predicted 8-connected component of at least 50 px."""
    crack_free_predicted_px: FloatArray
    crack_free_px: FloatArray


def tally(predicted: Mask, target: NDArray[np.uint8]) -> Tally:
    """The tally of one picture: a predicted mask (h, w) and a target (h, w) of 0, 1 and 255 = not labelled."""
    labelled = target != NOT_LABELLED
    truth = target == 1
    predicted = predicted & labelled
    tp, n_predicted, n_true = int((predicted & truth).sum()), int(predicted.sum()), int(truth.sum())
    n_labelled = int(labelled.sum())
    cracked, crack_free = n_true > 0, n_true == 0 and n_labelled > 0
    counts = (
        (tp, n_predicted - tp, n_true - tp, n_labelled - n_predicted - n_true + tp)
        + (*near(predicted, truth, 2), *near(predicted, truth, 5))
        + (cracked, crack_free)
        + (cracked_scores(tp, n_predicted, n_true) if cracked else (0, 0, 0, 0))
        + (
            (n_predicted > 0, largest_component_px(predicted) >= ALARM_PX, n_predicted, n_labelled)
            if crack_free
            else (0,) * 4
        )
    )
    return Tally(*np.array(counts, dtype=np.float64))


def cracked_scores(tp: int, n_predicted: int, n_true: int) -> tuple[float, float, float, float]:
    """IoU, F1, precision and recall of one picture with a crack; all 0 where nothing is predicted."""
    return (
        tp / (n_predicted + n_true - tp),
        2 * tp / (n_predicted + n_true),
        tp / max(1, n_predicted),
        tp / n_true,
    )


def near(predicted: Mask, truth: Mask, tolerance_px: int) -> tuple[int, int]:
    """How many predicted pixels lie within the tolerance of a true one, and how many true ones of a predicted one."""
    return (
        int((predicted & within(truth, tolerance_px)).sum()),
        int((truth & within(predicted, tolerance_px)).sum()),
    )


def within(mask: Mask, tolerance_px: int) -> Mask:
    """Pixels (h, w) at most ``tolerance_px`` (Euclidean, centre to centre) from one of the mask."""
    y, x = np.ogrid[-tolerance_px : tolerance_px + 1, -tolerance_px : tolerance_px + 1]
    disk = (x * x + y * y <= tolerance_px * tolerance_px).astype(np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk), dtype=bool)


def largest_component_px(mask: Mask) -> int:
    """Pixels of the largest 8-connected component."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
