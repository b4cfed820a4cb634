"""The family ``widths``: scores of thin and of wide cracks apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crackwise.evaluation.protocols.answer import Answer, Mask, box
from crackwise.evaluation.protocols.score import Protocol, Score, harmonic, ratio
from crackwise.tally import FloatArray, within

__all__ = ["WIDTH_BINS", "WIDTH_SCORES", "ByWidth", "count_widths", "label_widths_px"]

EDGES_PX = (2, 5, 15)
TOLERANCE_PX = 2
FINE = 2
"""On a grid twice as fine every width is even, and the pixels beside the middle lie exactly half of it from the rim."""


class ByWidth(NamedTuple):
    """Counts of one picture, or of a sum of them; (..., 4) one per bin of crack width. Of cracked pictures alone."""

    cracked: FloatArray
    crack_free: FloatArray
    pictures: FloatArray
    """(..., 4) pictures with a true pixel in the bin."""
    true_positives: FloatArray
    predicted: FloatArray
    """(..., 4) predicted pixels; each is of the bin of the nearest true pixel."""
    true: FloatArray
    predicted_near_2: FloatArray
    true_near_2: FloatArray


def count_widths(answer: Answer) -> ByWidth:
    """The counts of one picture."""
    cracked, crack_free = answer.kind
    if not cracked:
        return ByWidth(np.zeros(()), np.array(float(crack_free)), *np.zeros((6, len(WIDTH_BINS))))
    lines = np.argwhere(answer.true_lines)
    true, predicted = np.argwhere(answer.truth), np.argwhere(answer.found)
    whole_px = np.rint(label_widths_px(answer.truth, answer.true_lines))
    bin_of_line = np.searchsorted(EDGES_PX, whole_px, side="left")
    of_true = bin_of_line[cKDTree(lines).query(true)[1]]
    bins = np.zeros(answer.target.shape, np.intp)
    bins[answer.truth] = of_true
    of_predicted = bins[answer.found]
    outside = ~answer.truth[answer.found]
    of_predicted[outside] = of_true[cKDTree(true).query(predicted[outside])[1]]

    near_true, near_found = within(answer.truth, TOLERANCE_PX), within(answer.found, TOLERANCE_PX)
    n_true = binned(of_true)
    return ByWidth(
        np.ones(()),
        np.zeros(()),
        np.sign(n_true),
        binned(of_true[answer.found[answer.truth]]),
        binned(of_predicted),
        n_true,
        binned(of_predicted[near_true[answer.found]]),
        binned(of_true[near_found[answer.truth]]),
    )


def binned(bins: NDArray[np.intp]) -> FloatArray:
    """How many pixels (n,) are of each bin (4,)."""
    return np.bincount(bins, minlength=len(WIDTH_BINS)).astype(np.float64)


def label_widths_px(mask: Mask, lines: Mask) -> FloatArray:
    """The width (n,) of a mask (h, w) at each pixel of its thinned lines, row by row.

    Twice the distance to the background less one is a pixel short for every even width; on a grid twice as fine the
    distance from the middle to the background is the width itself, exactly for level cracks. Slanted ones are within
    0.7 px of their width.
    """
    rows, columns = (
        slice(max(0, cut.start - 1), cut.stop + 1) for cut in box(mask)
    )  # no background beyond the picture
    fine = np.repeat(np.repeat(mask[rows, columns], FINE, axis=0), FINE, axis=1)
    depth = cv2.distanceTransform(fine.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deepest = np.maximum.reduce([depth[i::FINE, j::FINE] for i in range(FINE) for j in range(FINE)])
    ridge = cv2.dilate(deepest, np.ones((3, 3), np.uint8))  # thinned lines run a pixel beside the middle, and at ends
    return np.asarray(ridge[lines[rows, columns]] * (2 / FINE), np.float64)


def iou(c: ByWidth) -> FloatArray:
    """Pooled IoU of every bin."""
    return np.where(c.true > 0, ratio(c.true_positives, c.predicted + c.true - c.true_positives), np.nan)


def recall_2(c: ByWidth) -> FloatArray:
    """Pooled recall of every bin within 2 px."""
    return ratio(c.true_near_2, c.true)


def f1_2(c: ByWidth) -> FloatArray:
    """Pooled F1 of every bin within 2 px."""
    return harmonic(ratio(c.predicted_near_2, c.predicted), recall_2(c))


def in_bin(c: ByWidth, formula: Callable[[ByWidth], FloatArray], index: int) -> FloatArray:
    """What a formula says of one bin."""
    return np.asarray(formula(c)[..., index])


def words_of(low: float, high: float) -> str:
    """A bin in words."""
    if low == 0:
        return f"up to {high:g} px wide"
    return f"over {low:g} px wide" if np.isinf(high) else f"over {low:g} to {high:g} px wide"


WIDTH_BINS: dict[str, str] = {
    f"width_{low:g}_{high:g}": words_of(low, high) for low, high in pairwise((0, *EDGES_PX, np.inf))
}
"""Keys and words, from thin to wide."""
RULE = (
    "the width is the label's, in whole px, where its centreline is nearest; a predicted pixel goes to the "
    "bin of the nearest true one; pictures with a crack only, counted together"
)

WIDTH_SCORES: dict[str, Score] = {
    f"{key}_{name}": Score(
        partial(in_bin, formula=formula, index=index),
        Protocol("pooled", "cracked", tolerance_px),
        f"{title}, {words}",
        f"{definition} of cracks {words}; {RULE}",
        family="widths",
        pictures=partial(in_bin, formula=attrgetter("pictures"), index=index),
    )
    for index, (key, words) in enumerate(WIDTH_BINS.items())
    for name, formula, tolerance_px, title, definition in (
        ("crack_iou", iou, 0, "crack IoU", "TP / (TP + FP + FN)"),
        ("f1@2", f1_2, TOLERANCE_PX, "F1 within 2 px", "F1 within 2 px"),
        (
            "recall@2",
            recall_2,
            TOLERANCE_PX,
            "recall within 2 px",
            "share of the pixels within 2 px of a found one",
        ),
    )
}
"""Undefined for a bin without a true pixel."""
