"""The family ``mask``: pixels of one mask found, false and missed, as they are and within 2 and 5 px."""

from __future__ import annotations

import numpy as np

from crackwise.evaluation.protocols.score import Answer, Protocol, Score, ratio
from crackwise.tally import FloatArray, Tally, tally

__all__ = ["MASK_SCORES", "count_mask"]

POOLED = Protocol("pooled", "all")
POOLED_2 = Protocol("pooled", "all", 2)
POOLED_5 = Protocol("pooled", "all", 5)
PER_IMAGE = Protocol("per image", "all")
PER_CRACKED_IMAGE = Protocol("per image", "cracked")
PER_CRACK_FREE_IMAGE = Protocol("per image", "crack-free")
POOLED_CRACK_FREE = Protocol("pooled", "crack-free")


def count_mask(answer: Answer) -> Tally:
    """The tally of one picture."""
    return tally(answer.predicted, answer.target)


def n_true(t: Tally) -> FloatArray:
    """True crack pixels."""
    return t.true_positives + t.false_negatives


def n_predicted(t: Tally) -> FloatArray:
    """Predicted crack pixels."""
    return t.true_positives + t.false_positives


def where_cracked(value: FloatArray, t: Tally) -> FloatArray:
    """The value, nan where there is no crack to find: IoU 0 of a crack-free set would read like a failure."""
    return np.where(n_true(t) > 0, value, np.nan)


def iou(t: Tally) -> FloatArray:
    """Pooled IoU of the crack."""
    return where_cracked(ratio(t.true_positives, n_true(t) + t.false_positives), t)


def two_class_miou(t: Tally) -> FloatArray:
    """Mean of the pooled IoU of crack and of background."""
    errors = t.false_positives + t.false_negatives
    return (iou(t) + ratio(t.true_negatives, t.true_negatives + errors)) / 2


def precision(t: Tally, hits: FloatArray) -> FloatArray:
    """Pooled share of the predicted pixels that are hits."""
    return where_cracked(ratio(hits, n_predicted(t)), t)


def recall(t: Tally, hits: FloatArray) -> FloatArray:
    """Pooled share of the true pixels that are hit."""
    return ratio(hits, n_true(t))


def f1(t: Tally, predicted_hits: FloatArray, true_hits: FloatArray) -> FloatArray:
    """Harmonic mean of pooled precision and recall; 0 where nothing is hit, also if nothing is predicted."""
    p, r = np.nan_to_num(precision(t, predicted_hits)), recall(t, true_hits)
    return np.where(r == 0, 0.0, ratio(2 * p * r, p + r))


def per_image(t: Tally, cracked_sum: FloatArray) -> FloatArray:
    """Mean over all pictures; a crack-free one counts 1 if nothing is predicted on it, else 0."""
    return ratio(cracked_sum + t.crack_free - t.alarms, t.cracked + t.crack_free)


def per_cracked(t: Tally, cracked_sum: FloatArray) -> FloatArray:
    """Mean over the pictures with a crack."""
    return ratio(cracked_sum, t.cracked)


def per_crack_free(t: Tally, count: FloatArray) -> FloatArray:
    """Share of the pictures without a crack."""
    return ratio(count, t.crack_free)


FIRST_SUMMED = "counted over all pictures together"
EMPTY_RULE = "a crack-free picture gives 1 if nothing is predicted on it, else 0; a cracked one without prediction 0"
CRACKED_RULE = "over the pictures with a crack alone; one without prediction gives 0"

MASK_SCORES: dict[str, Score] = {
    "pooled_crack_iou": Score(iou, POOLED, "crack IoU", f"TP / (TP + FP + FN) of crack pixels, {FIRST_SUMMED}"),
    "pooled_f1": Score(
        lambda t: f1(t, t.true_positives, t.true_positives),
        POOLED,
        "F1",
        f"2 TP / (2 TP + FP + FN) of crack pixels (Dice), {FIRST_SUMMED}",
    ),
    "pooled_precision": Score(
        lambda t: precision(t, t.true_positives), POOLED, "precision", f"TP / (TP + FP), {FIRST_SUMMED}"
    ),
    "pooled_recall": Score(lambda t: recall(t, t.true_positives), POOLED, "recall", f"TP / (TP + FN), {FIRST_SUMMED}"),
    "f1@2": Score(
        lambda t: f1(t, t.predicted_near_2, t.true_near_2),
        POOLED_2,
        "F1 within 2 px",
        "harmonic mean of precision@2 and recall@2",
    ),
    "precision@2": Score(
        lambda t: precision(t, t.predicted_near_2),
        POOLED_2,
        "precision within 2 px",
        "share of all predicted crack pixels that lie at most 2 px from a true one",
    ),
    "recall@2": Score(
        lambda t: recall(t, t.true_near_2),
        POOLED_2,
        "recall within 2 px",
        "share of all true crack pixels that lie at most 2 px from a predicted one",
    ),
    "f1@5": Score(
        lambda t: f1(t, t.predicted_near_5, t.true_near_5),
        POOLED_5,
        "F1 within 5 px",
        "harmonic mean of precision@5 and recall@5",
    ),
    "precision@5": Score(
        lambda t: precision(t, t.predicted_near_5),
        POOLED_5,
        "precision within 5 px",
        "share of all predicted crack pixels that lie at most 5 px from a true one",
    ),
    "recall@5": Score(
        lambda t: recall(t, t.true_near_5),
        POOLED_5,
        "recall within 5 px",
        "share of all true crack pixels that lie at most 5 px from a predicted one",
    ),
    "area_ratio": Score(
        lambda t: ratio(n_predicted(t), n_true(t)),
        POOLED,
        "area ratio",
        "predicted crack area / labelled crack area; 1 is right",
        is_share=False,
    ),
    "per_image_crack_iou": Score(
        lambda t: per_image(t, t.cracked_iou), PER_IMAGE, "crack IoU", f"mean of each picture's IoU; {EMPTY_RULE}"
    ),
    "per_image_f1": Score(
        lambda t: per_image(t, t.cracked_f1), PER_IMAGE, "F1", f"mean of each picture's F1; {EMPTY_RULE}"
    ),
    "per_image_precision": Score(
        lambda t: per_image(t, t.cracked_precision),
        PER_IMAGE,
        "precision",
        f"mean of each picture's precision; {EMPTY_RULE}",
    ),
    "per_image_recall": Score(
        lambda t: per_image(t, t.cracked_recall), PER_IMAGE, "recall", f"mean of each picture's recall; {EMPTY_RULE}"
    ),
    "cracked_crack_iou": Score(
        lambda t: per_cracked(t, t.cracked_iou),
        PER_CRACKED_IMAGE,
        "crack IoU",
        f"mean of each picture's IoU {CRACKED_RULE}",
    ),
    "cracked_f1": Score(
        lambda t: per_cracked(t, t.cracked_f1), PER_CRACKED_IMAGE, "F1", f"mean of each picture's F1 {CRACKED_RULE}"
    ),
    "cracked_precision": Score(
        lambda t: per_cracked(t, t.cracked_precision),
        PER_CRACKED_IMAGE,
        "precision",
        f"mean of each picture's precision {CRACKED_RULE}",
    ),
    "cracked_recall": Score(
        lambda t: per_cracked(t, t.cracked_recall),
        PER_CRACKED_IMAGE,
        "recall",
        f"mean of each picture's recall {CRACKED_RULE}",
    ),
    "two_class_miou": Score(
        two_class_miou,
        POOLED,
        "two-class mIoU",
        "mean of pooled crack IoU and pooled background IoU; as the latter is near .98, .85 means a crack IoU of .72",
    ),
    "false_alarm_share": Score(
        lambda t: per_crack_free(t, t.alarms),
        PER_CRACK_FREE_IMAGE,
        "false alarms",
        "share of the crack-free pictures on which any pixel is predicted",
    ),
    "false_alarm_share_50px": Score(
        lambda t: per_crack_free(t, t.large_alarms),
        PER_CRACK_FREE_IMAGE,
        "false alarms of 50 px and more",
        "share of the crack-free pictures with a predicted component (8 neighbours) of at least 50 px",
    ),
    "false_alarm_px_per_megapixel": Score(
        lambda t: ratio(1e6 * t.crack_free_predicted_px, t.crack_free_px),
        POOLED_CRACK_FREE,
        "false alarm area, px per megapixel",
        "predicted pixels on the crack-free pictures per million pixels of these pictures",
        is_share=False,
    ),
}
"""Without a crack those of cracks are undefined (nan); so is pooled precision without a prediction."""
