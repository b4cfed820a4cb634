"""Confidence of a map: sharp and certain ones have more of it than faint ones."""

from __future__ import annotations

import numpy as np
import pytest

from crackwise.errors import ModelError
from crackwise.predictor import ModelCard, Review
from crackwise.trust.review import CONFIDENCES, confidence_of, judge_review


def line(value, around=0.0, size_px=60):
    probability = np.full((size_px, size_px), around, np.float32)
    probability[30, 5:55] = value
    return probability


def told(probability, name):
    return confidence_of(probability, probability >= 0.5, name)


@pytest.mark.parametrize("name", CONFIDENCES)
def test_a_map_of_zeros_and_ones_is_fully_confident_and_a_faint_one_less(name):
    assert told(line(1.0), name) == pytest.approx(1)
    assert 0 <= told(line(0.6, 0.3), name) < told(line(0.9, 0.05), name) < 1


@pytest.mark.parametrize("name", CONFIDENCES)
def test_where_nothing_is_predicted_the_highest_value_decides(name):
    assert told(line(0.4, 0.1), name) == pytest.approx(0.6)
    assert told(np.zeros((9, 9), np.float32), name) == 1


def test_the_expected_dice_is_the_mean_dice_of_masks_drawn_from_the_map(rng):
    """Of many independent pixels, where the mean of a ratio is the ratio of means."""
    probability = rng.beta(0.3, 0.9, (60, 60)).astype(np.float32)
    mask = probability >= 0.5
    drawn = rng.uniform(size=(300, 60, 60)) < probability
    dice = 2 * (drawn & mask).sum((1, 2)) / (drawn.sum((1, 2)) + mask.sum())
    assert confidence_of(probability, mask, "expected_dice") == pytest.approx(dice.mean(), abs=0.003)


def test_certainty_looks_near_the_predicted_crack_alone():
    far = line(0.9, 0.0)
    far[:20] = 0.45
    assert told(far, "certainty") == told(line(0.9, 0.0), "certainty")
    assert told(far, "near_dice") == told(line(0.9, 0.0), "near_dice")
    assert told(far, "expected_dice") < told(line(0.9, 0.0), "expected_dice")


def card(**review):
    found = {"confidence": "certainty", "below": 0.8, "rule": "drawn", "sets": ("walls:val",), "pictures": 5} | review
    return ModelCard(name="m", version="1", review=Review.model_validate(found))


def test_a_photograph_below_the_level_needs_review():
    sure, unsure = line(1.0)[None], line(0.55, 0.3)[None]
    assert judge_review(sure, card()) == {"needed": False, "confidence": 1.0, "below": 0.8}
    judged = judge_review(unsure, card())
    assert judged is not None
    assert judged["needed"]
    assert judged["confidence"] < 0.8


def test_of_several_classes_the_likeliest_counts():
    both = np.stack([line(0.55, 0.3), line(1.0)])
    judged = judge_review(both, card())
    assert judged is not None
    assert judged["confidence"] == pytest.approx(told(both.max(0), "certainty"), abs=1e-6)


def test_a_card_without_a_level_says_nothing_and_an_unknown_way_is_an_error():
    assert judge_review(line(1.0)[None], ModelCard(name="m", version="1")) is None
    with pytest.raises(ModelError, match="'hunch'"):
        judge_review(line(1.0)[None], card(confidence="hunch"))
