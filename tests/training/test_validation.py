"""Threshold sweeps against plain counts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from crackwise.training.validation import THRESHOLDS, SetCounts, best_threshold, scores_by_threshold, validation_scores


def test_pooled_scores_equal_scikit_learn_at_every_threshold(rng: np.random.Generator) -> None:
    counts = SetCounts()
    pairs = [(rng.random((20, 30), dtype=np.float32), (rng.random((20, 30)) > 0.7).astype(np.uint8)) for _ in range(3)]
    for probability, target in pairs:
        counts.add(probability, target)
    truth = np.concatenate([t.ravel() for _, t in pairs])
    scores = scores_by_threshold(counts)
    for i, threshold in enumerate(THRESHOLDS):
        predicted = np.concatenate([(p >= threshold).ravel() for p, _ in pairs])
        assert scores["f1"][i] == pytest.approx(f1_score(truth, predicted))
        assert scores["iou"][i] == pytest.approx(jaccard_score(truth, predicted))


def test_a_line_one_pixel_off_is_right_within_two() -> None:
    target = np.zeros((20, 20), np.uint8)
    target[10] = 1
    counts = SetCounts()
    counts.add(np.roll(target, 1, axis=0).astype(np.float32), target)
    assert validation_scores(counts, at=0.5) == {"iou": 0, "f1": 0, "f1@2": 1}


def test_pixels_not_labelled_are_not_counted() -> None:
    target = np.full((10, 10), 255, np.uint8)
    target[0] = 1
    counts = SetCounts()
    counts.add(np.ones((10, 10), np.float32), target)
    assert validation_scores(counts, at=0.5)["iou"] == 1


def test_a_crack_free_set_scores_by_its_false_alarms() -> None:
    counts = SetCounts()
    blob = np.zeros((20, 20), np.float32)
    blob[:8, :8] = 0.6
    for probability in (blob, np.zeros((20, 20), np.float32)):
        counts.add(probability, np.zeros((20, 20), np.uint8))
    assert validation_scores(counts, at=0.5)["f1"] == 0.5
    assert validation_scores(counts, at=0.7)["f1"] == 1


def test_the_best_threshold_serves_all_sets_and_sits_inside_its_plateau() -> None:
    target = np.zeros((10, 10), np.uint8)
    target[:5] = 1
    counts = SetCounts()
    counts.add(np.where(target == 1, np.float32(0.8), np.float32(0.2)), target)
    threshold, score = best_threshold([counts], "iou")
    assert score == 1
    assert threshold == 0.5


def test_a_threshold_far_from_a_half_needs_more_than_a_point() -> None:
    rng = np.random.default_rng(0)
    target = np.zeros((100, 100), np.uint8)
    target[:50] = 1
    for false_px, expected in ((40, 0.5), (400, 0.7)):  # pixels that raise an alarm of .7
        probability = np.where(target == 1, np.float32(0.9), np.float32(0.1))
        probability[50:].flat[rng.choice(5000, false_px, replace=False)] = 0.7
        counts = SetCounts()
        counts.add(probability, target)
        assert best_threshold([counts], "iou")[0] == pytest.approx(expected)
