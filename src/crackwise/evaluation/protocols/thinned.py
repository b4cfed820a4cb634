"""The family ``thinned``: predicted and true masks thinned to lines and compared within a tolerance, as for edges.

A pixel counts as found if any pixel of the other mask is near enough. The code of the BSDS benchmark matches one to
one instead; where two lines run beside one, that matching counts one of them false and this does not.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crackwise.evaluation.protocols.answer import DIAGONAL_SHARE, Answer, Mask, away, box, thin
from crackwise.evaluation.protocols.score import Protocol, Score, harmonic, ratio
from crackwise.tally import FloatArray

__all__ = ["THINNED_SCORES", "THINNED_THRESHOLDS", "Thinned", "count_thinned"]

THINNED_THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""0.05, 0.10 ... 0.95: thinning at 99 would take minutes a set."""
TOLERANCE_PX = 2


class Thinned(NamedTuple):
    """Counts of one picture, or of a sum of them; (..., 19) one per threshold, (..., 19, 2) and tolerance.

    The tolerances are 2 px and 0.75 % of the diagonal.
    """

    cracked: FloatArray
    crack_free: FloatArray
    true_px: FloatArray
    """Pixels of the true lines."""
    predicted_px: FloatArray
    """(..., 19)."""
    predicted_near: FloatArray
    """(..., 19, 2) predicted pixels near a true one."""
    true_near: FloatArray
    """(..., 19, 2) true pixels near a predicted one."""
    best_f1: FloatArray
    """(..., 2) sum of each picture's F1 at the threshold that is best for it."""


def count_thinned(answer: Answer) -> Thinned:
    """The counts of one picture."""
    limits = np.array([TOLERANCE_PX, DIAGONAL_SHARE * answer.diagonal_px])
    lowest = (answer.probability >= THINNED_THRESHOLDS[0]) & answer.labelled
    cut = box(lowest, answer.truth)
    near_truth = away(answer.true_lines[cut])[..., None] <= limits
    true_points = np.argwhere(answer.true_lines[cut])
    counts: list[tuple[int, NDArray[np.intp], NDArray[np.intp]]] = []
    pixels = -1
    for threshold in THINNED_THRESHOLDS:
        mask = (answer.probability[cut] >= threshold) & answer.labelled[cut]
        before, pixels = pixels, int(mask.sum())
        if pixels == before:  # the same pixels, as fewer and fewer remain
            counts.append(counts[-1])
            continue
        lines = thin(mask)
        counts.append((int(lines.sum()), near_truth[lines].sum(axis=0), near(true_points, lines, limits)))
    predicted_px, predicted_near, true_near = (np.array(each, np.float64) for each in zip(*counts, strict=True))
    cracked, crack_free = answer.kind
    n_true = np.array(float(len(true_points)))
    best = np.full(2, float(crack_free and predicted_px.min() == 0))
    if cracked:
        best = f1(predicted_px, predicted_near, n_true, true_near).max(axis=0)
    return Thinned(*map(np.asarray, (cracked, crack_free, n_true, predicted_px, predicted_near, true_near, best)))


def near(points: NDArray[np.intp], lines: Mask, limits: FloatArray) -> NDArray[np.intp]:
    """How many of the points (n, 2) have a pixel of the lines (h, w) within each limit, px."""
    others = np.argwhere(lines)
    if not (len(points) and len(others)):
        return np.zeros(len(limits), np.intp)
    beyond = limits.max() + 1  # no need to search further
    far, _ = cKDTree(others).query(points, distance_upper_bound=beyond)
    return np.asarray((far[:, None] <= limits).sum(axis=0))


def f1(predicted_px: FloatArray, predicted_near: FloatArray, true_px: FloatArray, true_near: FloatArray) -> FloatArray:
    """F1 (..., 19, 2) at each threshold, within each tolerance."""
    whole = np.broadcast_to(np.asarray(true_px)[..., None, None], true_near.shape)
    predicted = np.broadcast_to(predicted_px[..., None], predicted_near.shape)
    return harmonic(ratio(predicted_near, predicted), ratio(true_near, whole))


def ods(c: Thinned, tolerance: int) -> FloatArray:
    """Pooled F1 at the threshold that is best for all pictures together."""
    at = f1(c.predicted_px, c.predicted_near, c.true_px, c.true_near)[..., tolerance]
    return np.asarray(at.max(axis=-1))


def ois(c: Thinned, tolerance: int) -> FloatArray:
    """Mean over all pictures of F1 at the threshold that is best for each."""
    return ratio(c.best_f1[..., tolerance], c.cracked + c.crack_free)


GRID = "of the 19 thresholds .05 to .95"
OWN = "chosen on these very labels; near pixels count, unlike the one-to-one matching of the BSDS code"
EMPTY_RULE = (
    "a crack-free picture gives 1 if no probability on it reaches .95, else 0; a cracked one below .05 everywhere 0"
)

THINNED_SCORES: dict[str, Score] = {
    f"{name}_thinned@{key}": Score(
        partial(formula, tolerance=index),
        protocol._replace(tolerance_px=tolerance_px),
        f"{name.upper()}, thinned, within {words}",
        f"{definition}; masks and labels thinned to lines; within {words}; {OWN}{rule}",
        family="thinned",
    )
    for index, (key, tolerance_px, words) in enumerate(
        (("2", TOLERANCE_PX, "2 px"), ("diagonal", None, f"{100 * DIAGONAL_SHARE:g} % of the diagonal"))
    )
    for name, formula, protocol, definition, rule in (
        ("ods", ods, Protocol("pooled", "all", 0, "best of the set"), f"F1 of all pixels at the best {GRID}", ""),
        (
            "ois",
            ois,
            Protocol("per image", "all", 0, "best of each picture"),
            f"mean of each picture's F1 at the best {GRID} for it",
            f"; {EMPTY_RULE}",
        ),
    )
}
"""Without a crack ODS is undefined."""
