"""Scores of pictures judged as wholes, against scikit-learn and published confusion matrices."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn import metrics as sk
from torchmetrics.functional.classification import binary_calibration_error

from crackwise.errors import DataError
from crackwise.evaluation.bootstrap import draw_photographs, estimate_pictures
from crackwise.evaluation.classification import BINS, PICTURE_SCORES, count_pictures, picture_scores, undefined

THRESHOLD = 0.5


def drawn(n, seed, digits=None):
    """Scores that tell something, rounded to ties, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = np.clip(rng.normal(0.35 + 0.3 * labels, 0.25, n), 0, 1)
    return (scores if digits is None else scores.round(digits)), labels


def of_confusion(tn, fp, fn, tp):
    scores = np.repeat([0.0, 1.0, 0.0, 1.0], [tn, fp, fn, tp])
    return picture_scores(count_pictures(scores, np.repeat([0, 0, 1, 1], [tn, fp, fn, tp]), THRESHOLD))


def by_sklearn(scores, labels, times=None):
    """Every row of the table, by scikit-learn; pictures counted ``times``."""
    weight, found = {"sample_weight": times}, scores >= THRESHOLD
    report = sk.precision_recall_fscore_support(labels, found, labels=[0, 1], zero_division=np.nan, **weight)
    (crack_free_precision, precision), (crack_free_recall, recall), (crack_free_f1, f1) = report[:3]
    return {
        "accuracy": sk.accuracy_score(labels, found, **weight),
        "f1": f1,
        "precision": precision,
        "recall": recall,
        "auroc": sk.roc_auc_score(labels, scores, **weight),
        "average_precision": sk.average_precision_score(labels, scores, **weight),
        "brier": sk.brier_score_loss(labels, scores, **weight),
        "crack_free_precision": crack_free_precision,
        "crack_free_recall": crack_free_recall,
        "crack_free_f1": crack_free_f1,
        "macro_precision": (precision + crack_free_precision) / 2,
        "macro_recall": sk.balanced_accuracy_score(labels, found, **weight),
        "macro_f1": (f1 + crack_free_f1) / 2,
    }


def calibration_by_hand(scores, labels):
    error = 0.0
    for i in range(BINS):
        held = (scores >= i / BINS) & ((scores < (i + 1) / BINS) | (i == BINS - 1))
        if held.any():
            error += held.mean() * abs(scores[held].mean() - labels[held].mean())
    return error


@pytest.mark.parametrize("digits", [None, 2, 1, 0], ids=["no ties", "few ties", "many ties", "scores 0 and 1"])
@pytest.mark.parametrize("seed", range(5))
def test_every_score_is_that_of_scikit_learn(seed, digits):
    scores, labels = drawn(180, seed, digits)
    expected = by_sklearn(scores, labels) | {"calibration_error": calibration_by_hand(scores, labels)}
    found = picture_scores(count_pictures(scores, labels, THRESHOLD))
    assert set(found) == set(expected) == set(PICTURE_SCORES)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_error_is_that_of_torchmetrics(seed):
    scores, labels = drawn(400, seed)
    scores = np.clip(scores, 0.001, 0.999)
    expected = binary_calibration_error(torch.tensor(scores), torch.tensor(labels), n_bins=BINS, norm="l1")
    found = picture_scores(count_pictures(scores, labels, THRESHOLD))["calibration_error"]
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("confusion", "published"),
    [
        (
            (3594, 6, 10, 3590),
            {
                "accuracy": 0.997778,
                "f1": 0.9978,
                "crack_free_precision": 0.9972,
                "crack_free_recall": 0.9983,
                "crack_free_f1": 0.9978,
                "precision": 0.9983,
                "recall": 0.9972,
            },
        ),
        (
            (3291, 309, 719, 2881),
            {
                "accuracy": 0.857222,
                "f1": 0.8486,
                "crack_free_precision": 0.8207,
                "crack_free_recall": 0.9142,
                "crack_free_f1": 0.8649,
                "precision": 0.9031,
                "recall": 0.8003,
                "macro_precision": 0.8619,
                "macro_recall": 0.8572,
                "macro_f1": 0.8568,
            },
        ),
    ],
    ids=["ViT-B/16", "ResNet-50"],
)
def test_published_confusion_matrices_give_the_published_report(confusion, published):
    found = of_confusion(*confusion)
    for name, value in published.items():
        digits = 6 if name == "accuracy" else 4
        assert round(float(found[name]), digits) == value, name


def test_the_counts_are_the_confusion_matrix_at_the_threshold_and_a_score_at_it_is_found():
    scores = np.array([0.7, 0.69, 0.1, 0.7, 0.9], np.float32)  # 0.7 as float32 lies below 0.7
    counts = count_pictures(scores, np.array([1, 1, 0, 0, 1]), 0.7)
    matrix = [counts.true_negatives, counts.false_positives, counts.false_negatives, counts.true_positives]
    assert matrix == [1, 1, 1, 2]


def test_pictures_may_count_several_times_and_in_several_draws_at_once():
    scores, labels = drawn(60, 3, 1)
    times = np.random.default_rng(1).integers(0, 3, (4, 60)).astype(float)
    together = picture_scores(count_pictures(scores, labels, THRESHOLD, times))
    for draw, row in enumerate(times):
        expected = by_sklearn(scores, labels, row)
        repeated = np.repeat(np.arange(60), row.astype(int))
        expected["calibration_error"] = calibration_by_hand(scores[repeated], labels[repeated])
        assert {name: values[draw] for name, values in together.items()} == pytest.approx(expected)


NO_CRACK, ALL_CRACKED = "no picture is cracked", "every picture is cracked"
NONE_FOUND, ALL_FOUND = "no picture reaches the threshold", "every picture reaches the threshold"


@pytest.mark.parametrize(
    ("scores", "labels", "reasons"),
    [
        ([0.1, 0.9], [0, 0], {"auroc": NO_CRACK, "f1": NO_CRACK, "recall": NO_CRACK, "precision": NO_CRACK}),
        ([0.1, 0.9], [1, 1], {"auroc": ALL_CRACKED, "average_precision": ALL_CRACKED, "crack_free_f1": ALL_CRACKED}),
        ([0.1, 0.2], [0, 1], {"precision": NONE_FOUND, "macro_precision": NONE_FOUND}),
        ([0.8, 0.9], [0, 1], {"crack_free_precision": ALL_FOUND, "macro_precision": ALL_FOUND}),
        ([0.1, 0.2], [0, 0], {"precision": f"{NO_CRACK}, and {NONE_FOUND}"}),
    ],
)
def test_what_the_pictures_do_not_define_is_nan_and_says_why(scores, labels, reasons):
    counts = count_pictures(np.array(scores), np.array(labels), THRESHOLD)
    found, told = picture_scores(counts), undefined(counts)
    assert {name for name, value in found.items() if np.isnan(value)} == set(told)
    for name, reason in reasons.items():
        assert told[name] == reason
    assert not {"accuracy", "brier", "calibration_error"} & set(told)


def test_nothing_found_of_cracked_pictures_is_f1_of_zero():
    found = picture_scores(count_pictures(np.array([0.1, 0.2]), np.array([0, 1]), THRESHOLD))
    assert (found["f1"], found["recall"]) == (0, 0)


def test_without_pictures_nothing_is_defined():
    empty = np.array([])
    counts = count_pictures(empty, empty.astype(int), THRESHOLD)
    assert set(undefined(counts)) == set(PICTURE_SCORES)
    estimates = estimate_pictures(empty, empty.astype(int), [], threshold=THRESHOLD)
    assert all(np.isnan([e.value, e.low, e.high]).all() and e.pictures == 0 for e in estimates.values())


@pytest.mark.parametrize(
    ("scores", "labels", "complaint"),
    [
        ([0.1, 0.2], [1], "one score and one label"),
        ([1.5, 0.2], [1, 0], "between 0 and 1"),
        ([np.nan, 0.2], [1, 0], "between 0 and 1"),
        ([0.3, 0.2], [1, 255], "between 0 and 1, and its label be 1"),
    ],
)
def test_other_scores_and_labels_are_refused(scores, labels, complaint):
    with pytest.raises(DataError, match=complaint):
        count_pictures(np.array(scores), np.array(labels), THRESHOLD)


def test_intervals_come_from_photographs_drawn_as_for_other_scores():
    scores, labels = drawn(90, 5)
    groups = [f"wall {i // 3}" for i in range(90)]
    estimates = estimate_pictures(scores, labels, groups, threshold=THRESHOLD, seed=7)
    _, index = np.unique(groups, return_inverse=True)
    first = next(draw_photographs(30, 7))
    drawn_scores = picture_scores(count_pictures(scores, labels, THRESHOLD, first[:, index]))
    repeated = np.repeat(np.arange(90), first[0][index].astype(int))
    assert drawn_scores["auroc"][0] == pytest.approx(sk.roc_auc_score(labels[repeated], scores[repeated]))
    for name, estimate in estimates.items():
        assert estimate.low < estimate.high, name
        if name != "calibration_error":  # draws with replacement are less calibrated than what they are drawn from
            assert estimate.low < estimate.value < estimate.high, name
    assert (estimates["accuracy"].pictures, estimates["accuracy"].photographs) == (90, 30)
    assert estimates["recall"].pictures == labels.sum()
    assert estimates["precision"].pictures == (scores >= THRESHOLD).sum()


def test_copies_of_a_photograph_do_not_narrow_an_interval():
    scores, labels = drawn(40, 2)
    once = estimate_pictures(scores, labels, [str(i) for i in range(40)], threshold=THRESHOLD)
    copied = [np.repeat(values, 6) for values in (scores, labels)]
    again = estimate_pictures(*copied, [str(i // 6) for i in range(240)], threshold=THRESHOLD)
    for name in ("accuracy", "auroc", "brier", "calibration_error"):
        assert again[name][1:3] == pytest.approx(once[name][1:3], abs=0.02)


def test_a_perfect_share_keeps_a_chance_of_error_and_a_perfect_order_has_no_interval():
    labels = np.array([0, 1] * 20)
    estimates = estimate_pictures(labels * 0.8 + 0.1, labels, [str(i) for i in range(40)], threshold=THRESHOLD)
    assert estimates["accuracy"].value == 1
    assert estimates["accuracy"].low == pytest.approx(0.025 ** (1 / 40))
    assert estimates["recall"].low == pytest.approx(0.025 ** (1 / 20))
    assert np.isnan([estimates["auroc"].low, estimates["auroc"].high]).all()


def test_the_interval_of_the_order_covers_its_truth():
    """Normal scores a unit apart: AUROC 0.76; photographs of three pictures that share half of their noise."""
    rng, truth, covered = np.random.default_rng(4), norm.cdf(1 / np.sqrt(2)), 0
    labels = np.tile(np.repeat([0, 1], 3), 30)
    groups = [str(i // 3) for i in range(len(labels))]
    for repetition in range(40):
        noise = rng.normal(0, np.sqrt(0.5), len(labels)) + np.repeat(rng.normal(0, np.sqrt(0.5), 60), 3)
        estimate = estimate_pictures(norm.cdf(labels + noise), labels, groups, threshold=0.5, seed=repetition)
        covered += estimate["auroc"].low <= truth <= estimate["auroc"].high
    assert covered >= 34
