"""Pictures judged as a whole, cracked or not: the table of their scores, and how each follows from counts.

A picture has a score in [0, 1] and is judged cracked from the threshold on. Every number here, also of ranks and of
calibration, follows from how many cracked and crack-free pictures have which score: drawing photographs changes counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crackwise.errors import DataError
from crackwise.evaluation.protocols.score import ratio
from crackwise.tally import FloatArray

__all__ = [
    "BINS",
    "PICTURE_SCORES",
    "WHOLE_PICTURES",
    "Over",
    "PictureCounts",
    "PictureScore",
    "binned",
    "count_pictures",
    "picture_scores",
    "undefined",
]

BINS = 15
"""Of equal width on the score; a bin holds its lower end, the last one 1 as well."""

WHOLE_PICTURES = "whole pictures"
"""Where scores of pixels say how they average: a row of `PICTURE_SCORES`."""

Over = Literal["all", "cracked", "crack-free", "judged cracked", "judged crack-free"]


class PictureCounts(NamedTuple):
    """How many pictures have which score; several draws of photographs are further rows."""

    levels: FloatArray
    """(u,): every score that occurs, ascending."""
    cracked: FloatArray
    """(..., u): cracked pictures of that score."""
    crack_free: FloatArray
    """(..., u)."""
    true_negatives: FloatArray
    """(...): crack-free pictures below the threshold."""
    false_positives: FloatArray
    false_negatives: FloatArray
    true_positives: FloatArray

    def of(self, over: Over) -> FloatArray:
        """(...): how many pictures are of this kind."""
        parts = {
            "all": (self.true_negatives, self.false_positives, self.false_negatives, self.true_positives),
            "cracked": (self.false_negatives, self.true_positives),
            "crack-free": (self.true_negatives, self.false_positives),
            "judged cracked": (self.false_positives, self.true_positives),
            "judged crack-free": (self.true_negatives, self.false_negatives),
        }
        return np.asarray(sum(parts[over]))


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One row of `PICTURE_SCORES`."""

    formula: Callable[[PictureCounts], FloatArray]
    title: str
    definition: str
    over: Over = "all"
    """Which pictures count."""
    needs: tuple[Over, ...] = ("all",)
    """Undefined where there is no picture of one of these kinds."""
    is_share: bool = True
    """A mean over photographs of numbers between 0 and 1: at 0 or 1 its interval is the exact binomial one."""


def f1(hits: FloatArray, errors: FloatArray) -> FloatArray:
    """``2 hits / (2 hits + errors)``."""
    return ratio(2 * hits, 2 * hits + errors)


def crack_f1(c: PictureCounts) -> FloatArray:
    """F1 of the cracked pictures."""
    return f1(c.true_positives, c.false_positives + c.false_negatives)


def crack_free_f1(c: PictureCounts) -> FloatArray:
    """F1 of the crack-free pictures."""
    return f1(c.true_negatives, c.false_positives + c.false_negatives)


def precision(c: PictureCounts) -> FloatArray:
    """Share of the pictures judged cracked that are."""
    return ratio(c.true_positives, c.of("judged cracked"))


def recall(c: PictureCounts) -> FloatArray:
    """Share of the cracked pictures that are judged so."""
    return ratio(c.true_positives, c.of("cracked"))


def crack_free_precision(c: PictureCounts) -> FloatArray:
    """Share of the pictures judged crack-free that are."""
    return ratio(c.true_negatives, c.of("judged crack-free"))


def crack_free_recall(c: PictureCounts) -> FloatArray:
    """Share of the crack-free pictures that are judged so: the specificity."""
    return ratio(c.true_negatives, c.of("crack-free"))


def auroc(c: PictureCounts) -> FloatArray:
    """Share of the pairs of a cracked and a crack-free picture in which the cracked one scores higher; ties half."""
    below = np.cumsum(c.crack_free, axis=-1) - c.crack_free / 2
    return ratio((c.cracked * below).sum(-1), c.of("cracked") * c.of("crack-free"))


def average_precision(c: PictureCounts) -> FloatArray:
    """Sum over the thresholds, from the highest score down, of the gain in recall times the precision there."""
    cracked, crack_free = c.cracked[..., ::-1], c.crack_free[..., ::-1]
    hits = np.cumsum(cracked, axis=-1)
    there = np.nan_to_num(ratio(hits, hits + np.cumsum(crack_free, axis=-1)))
    return ratio((cracked * there).sum(-1), c.of("cracked"))


def binned(c: PictureCounts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(..., BINS): pictures per bin, the sum of their scores, and how many are cracked."""
    place = np.minimum((c.levels * BINS).astype(int), BINS - 1)
    member = (place[:, None] == np.arange(BINS)).astype(np.float64)
    together = c.cracked + c.crack_free
    return together @ member, (together * c.levels) @ member, c.cracked @ member


def calibration_error(c: PictureCounts) -> FloatArray:
    """Mean over the pictures of the distance, in their bin, of the mean score from the share that is cracked.

    Guo et al., ICML 2017, Eq. 3, of the probability of a crack.
    """
    _, score_sum, cracked = binned(c)
    return ratio(np.abs(score_sum - cracked).sum(-1), c.of("all"))


def brier(c: PictureCounts) -> FloatArray:
    """Mean squared distance of the score from the label (Brier, Monthly Weather Review 78(1), 1950)."""
    return ratio(c.cracked @ (1 - c.levels) ** 2 + c.crack_free @ c.levels**2, c.of("all"))


BOTH: tuple[Over, ...] = ("cracked", "crack-free")

PICTURE_SCORES: dict[str, PictureScore] = {
    "accuracy": PictureScore(
        lambda c: ratio(c.true_negatives + c.true_positives, c.of("all")), "accuracy", "share judged rightly"
    ),
    "f1": PictureScore(crack_f1, "F1", "2 TP / (2 TP + FP + FN) of cracked pictures", needs=("cracked",)),
    "precision": PictureScore(
        precision, "precision", "TP / (TP + FP) of cracked pictures", "judged cracked", ("cracked", "judged cracked")
    ),
    "recall": PictureScore(recall, "recall", "TP / (TP + FN) of cracked pictures", "cracked", ("cracked",)),
    "auroc": PictureScore(
        auroc,
        "AUROC",
        "chance that a cracked picture scores higher than a crack-free one, ties half; no threshold",
        needs=BOTH,
        is_share=False,
    ),
    "average_precision": PictureScore(
        average_precision,
        "average precision",
        "precision at every threshold, weighted by the gain in recall there, no interpolation",
        needs=BOTH,
        is_share=False,
    ),
    "calibration_error": PictureScore(
        calibration_error,
        "calibration error",
        f"mean distance of score and share of cracked pictures in {BINS} bins of equal width (ECE); 0 is right",
        is_share=False,
    ),
    "brier": PictureScore(brier, "Brier score", "mean squared distance of score and label; 0 is right"),
    "crack_free_precision": PictureScore(
        crack_free_precision,
        "precision, crack-free",
        "TN / (TN + FN)",
        "judged crack-free",
        ("crack-free", "judged crack-free"),
    ),
    "crack_free_recall": PictureScore(
        crack_free_recall, "recall, crack-free", "TN / (TN + FP), the specificity", "crack-free", ("crack-free",)
    ),
    "crack_free_f1": PictureScore(crack_free_f1, "F1, crack-free", "2 TN / (2 TN + FP + FN)", needs=("crack-free",)),
    "macro_precision": PictureScore(
        lambda c: (precision(c) + crack_free_precision(c)) / 2,
        "precision, macro",
        "mean of those of the two classes",
        needs=(*BOTH, "judged cracked", "judged crack-free"),
    ),
    "macro_recall": PictureScore(
        lambda c: (recall(c) + crack_free_recall(c)) / 2,
        "recall, macro",
        "mean of those of the two classes, also called balanced accuracy",
        needs=BOTH,
    ),
    "macro_f1": PictureScore(
        lambda c: (crack_f1(c) + crack_free_f1(c)) / 2, "F1, macro", "mean of those of the two classes", needs=BOTH
    ),
}
"""Every score of pictures judged as a whole."""

REASONS: dict[Over, str] = {
    "all": "there is no picture",
    "cracked": "no picture is cracked",
    "crack-free": "every picture is cracked",
    "judged cracked": "no picture reaches the threshold",
    "judged crack-free": "every picture reaches the threshold",
}


def picture_scores(counts: PictureCounts) -> dict[str, FloatArray]:
    """Every score (...) of counts, by its name; nan where it is undefined."""
    scores = {}
    for name, row in PICTURE_SCORES.items():
        defined = np.all([counts.of(kind) > 0 for kind in row.needs], axis=0)
        scores[name] = np.where(defined, row.formula(counts), np.nan)
    return scores


def undefined(counts: PictureCounts) -> dict[str, str]:
    """The scores that these pictures do not define, and why."""
    missing = {name: [kind for kind in row.needs if not counts.of(kind)] for name, row in PICTURE_SCORES.items()}
    return {name: ", and ".join(REASONS[kind] for kind in kinds) for name, kinds in missing.items() if kinds}


def count_pictures(
    scores: NDArray[np.floating], labels: NDArray[np.integer], threshold: float, times: FloatArray | None = None
) -> PictureCounts:
    """The counts of pictures with scores (n,) in [0, 1] and labels (n,), 1 cracked, 0 not.

    A score is compared with the threshold in its own precision, as pixels are. ``times`` (..., n) says how often each
    picture counts; None: once.

    Raises:
        DataError: scores and labels differ in length, or one of them is something else.
    """
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise DataError(f"Every picture has one score and one label; got {scores.shape} and {labels.shape}.")
    if not ((scores >= 0) & (scores <= 1)).all() or not np.isin(labels, (0, 1)).all():
        raise DataError("The score of a picture must lie between 0 and 1, and its label be 1 (cracked) or 0.")
    n = len(scores)
    times = np.ones(n) if times is None else times
    levels, place = np.unique(scores, return_inverse=True)
    cracked, crack_free = (
        times @ csr_array(((labels == kind).astype(np.float64), (np.arange(n), place)), shape=(n, len(levels)))
        for kind in (1, 0)
    )
    found = levels >= threshold
    errors_and_hits = (part[..., side].sum(-1) for part in (crack_free, cracked) for side in (~found, found))
    return PictureCounts(levels.astype(np.float64), cracked, crack_free, *errors_and_hits)
