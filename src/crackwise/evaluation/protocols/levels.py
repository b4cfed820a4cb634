"""The family ``levels``: pixels counted at every level of probability, for scores over all thresholds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.score import Protocol, Score, harmonic, ratio
from crackwise.tally import FloatArray

__all__ = ["LEVELS", "LEVEL_SCORES", "THRESHOLDS", "Levels", "count_levels"]

LEVELS = 1000
THRESHOLDS = 99
"""0.01, 0.02 ... 0.99."""
STEP = LEVELS // (THRESHOLDS + 1)
FLOORS = (np.arange(LEVELS + 2) / LEVELS).astype(np.float32)


class Levels(NamedTuple):
    """Counts of one picture, or of a sum of them."""

    cracked: FloatArray
    crack_free: FloatArray
    true_at: FloatArray
    """(..., 1001) true pixels whose probability lies from i / 1000 to below the next."""
    false_at: FloatArray
    """(..., 1001) the other labelled pixels."""
    f1_at: FloatArray
    """(..., 99) sum of each picture's F1 at each threshold; 1 for a crack-free one without a prediction, else 0."""
    best_f1: FloatArray
    """Sum of each picture's F1 at the threshold that is best for it."""
    cracked_best_f1: FloatArray
    """The same of the cracked pictures."""


def count_levels(answer: Answer) -> Levels:
    """The counts of one picture."""
    level = level_of(answer.probability[answer.labelled])
    truth = answer.truth[answer.labelled]
    true_at, false_at = (np.bincount(level[those], minlength=LEVELS + 1) for those in (truth, ~truth))
    found, false = at_thresholds(true_at), at_thresholds(false_at)
    cracked, crack_free = answer.kind
    silent = np.where(false == 0, float(crack_free), 0.0)
    f1 = ratio(2 * found, found + false + true_at.sum()) if cracked else silent
    best = f1.max()
    return Levels(*map(np.asarray, (cracked, crack_free, true_at, false_at, f1, best, best * cracked)))


def level_of(probability: NDArray[np.float32]) -> NDArray[np.intp]:
    """The highest i for which each probability (n,) is at least i / 1000 as a float32."""
    level = (np.clip(probability, 0, 1) * LEVELS).astype(np.intp)
    level += probability >= FLOORS[level + 1]
    level -= probability < FLOORS[level]
    return np.clip(level, 0, LEVELS)


def at_thresholds(at: NDArray[np.generic]) -> FloatArray:
    """How many of the pixels counted at each level (..., 1001) reach each threshold (..., 99)."""
    return np.asarray(reaching(at)[..., STEP:LEVELS:STEP])


def reaching(at: NDArray[np.generic]) -> FloatArray:
    """How many of the pixels counted at each level (..., n) lie at it or above."""
    return np.asarray(np.cumsum(at[..., ::-1], axis=-1, dtype=np.float64)[..., ::-1])


def ods(c: Levels) -> FloatArray:
    """Pooled F1 at the threshold that is best for all pictures together."""
    found, false = at_thresholds(c.true_at), at_thresholds(c.false_at)
    n_true = np.asarray(c.true_at.sum(axis=-1))[..., None]
    precision, recall = ratio(found, found + false), ratio(found, np.broadcast_to(n_true, found.shape))
    return np.asarray(harmonic(precision, recall).max(axis=-1))


def average_precision(c: Levels) -> FloatArray:
    """Sum over the levels, from the highest down, of the gain in recall times the precision there."""
    found, false = reaching(c.true_at), reaching(c.false_at)
    precision = np.nan_to_num(ratio(found, found + false))
    return ratio((c.true_at * precision).sum(axis=-1), c.true_at.sum(axis=-1))


def per_image(c: Levels, total: FloatArray) -> FloatArray:
    """Mean over all pictures."""
    return ratio(total, c.cracked + c.crack_free)


GRID = "of the 99 thresholds .01 to .99"
EMPTY_RULE = "a crack-free picture gives 1 if nothing is predicted on it, else 0; a cracked one without prediction 0"

LEVEL_SCORES: dict[str, Score] = {
    "ods": Score(
        ods,
        Protocol("pooled", "all", 0, "best of the set"),
        "ODS, exact",
        f"F1 of all pixels counted together at the best {GRID}, chosen on these very labels",
        family="levels",
    ),
    "per_image_ods": Score(
        lambda c: np.asarray(per_image(c, c.f1_at.max(axis=-1))),
        Protocol("per image", "all", 0, "best of the set"),
        "ODS, exact",
        f"mean of each picture's F1 at the best {GRID} for that mean, chosen on these very labels; {EMPTY_RULE}",
        family="levels",
    ),
    "ois": Score(
        lambda c: per_image(c, c.best_f1),
        Protocol("per image", "all", 0, "best of each picture"),
        "OIS, exact",
        f"mean of each picture's F1 at the best {GRID} for it, chosen on its very label; a crack-free picture gives 1 "
        "if no probability on it reaches .99, else 0; a cracked one below .01 everywhere 0",
        family="levels",
    ),
    "cracked_ois": Score(
        lambda c: ratio(c.cracked_best_f1, c.cracked),
        Protocol("per image", "cracked", 0, "best of each picture"),
        "OIS, exact",
        f"mean over the pictures with a crack of F1 at the best {GRID} for each, chosen on its very label",
        family="levels",
    ),
    "pixel_average_precision": Score(
        average_precision,
        Protocol("pooled", "all", 0, "all"),
        "average precision",
        "gain in recall times precision, summed over 1001 levels of probability from 1 down, without interpolation; "
        "all pixels counted together, undefined without a crack",
        family="levels",
    ),
}
"""Without a crack the pooled ones are undefined."""
