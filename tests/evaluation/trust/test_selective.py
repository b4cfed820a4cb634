"""Risk and coverage: drawn orders with known areas, a slow plain version, and levels that keep what they promise."""

import itertools

import numpy as np
import pytest

from crackwise.errors import DataError
from crackwise.evaluation.trust.selective import (
    area,
    excess_area,
    kept_risk,
    level_of_risk,
    level_of_share,
    risk_coverage,
    risks_of,
)
from crackwise.tally import tally


def slow_area(confidence, risk):
    """Mean selective risk, and of pictures with the same confidence the mean over all their orders."""
    areas = []
    for order in itertools.permutations(range(len(risk))):
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order)):
            taken = [risk[i] for i in order]
            areas.append(np.mean([np.mean(taken[: i + 1]) for i in range(len(taken))]))
    return np.mean(areas)


def test_the_area_is_that_of_all_orders_that_the_confidence_allows(rng):
    for confidence in ([0.9, 0.8, 0.7, 0.6, 0.5], [0.9, 0.8, 0.8, 0.2, 0.2], [0.5] * 5):
        risk = rng.uniform(size=5)
        assert area(np.array(confidence), risk) == pytest.approx(slow_area(confidence, risk))


def test_a_picture_that_counts_twice_is_two_pictures(rng):
    confidence, risk, times = rng.uniform(size=6), rng.uniform(size=6), np.array([[2.0, 0, 1, 1, 3, 0], [1] * 6])
    twice = np.repeat(confidence, times[0].astype(int)), np.repeat(risk, times[0].astype(int))
    for score in (area, excess_area):
        got = score(confidence, risk, times)
        np.testing.assert_allclose(got, [score(*twice), score(confidence, risk)])
    coverage, kept = kept_risk(confidence, risk, 0.4, times)
    np.testing.assert_allclose(coverage[0], (twice[0] >= 0.4).mean())
    np.testing.assert_allclose(kept[0], twice[1][twice[0] >= 0.4].mean())


def test_the_best_order_has_no_excess_and_the_worst_has_most(rng):
    risk = rng.uniform(size=50)
    assert excess_area(1 - risk, risk) == pytest.approx(0)
    assert excess_area(risk, risk) > excess_area(rng.uniform(size=50), risk) > 0


def test_the_curve_ends_at_the_mean_risk(rng):
    confidence, risk = rng.uniform(size=30), rng.uniform(size=30)
    curve = risk_coverage(confidence, risk)
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(risk.mean())
    assert curve.risk[0] == risk[confidence.argmax()]
    assert (np.diff(curve.level) < 0).all()


@pytest.mark.parametrize(("share", "flagged"), [(0.1, 2), (0.5, 10), (0.999, 20)])
def test_a_share_flags_so_many(share, flagged):
    confidence = np.linspace(0.31, 0.89, 20)
    assert (confidence < level_of_share(confidence, share)).sum() == flagged


def test_a_share_of_no_picture_is_refused():
    with pytest.raises(DataError, match="Give 51 pictures or more"):
        level_of_share(np.linspace(0.31, 0.89, 20), 0.01)
    assert level_of_share(np.linspace(0.31, 0.89, 51), 0.01) > 0.31


def test_a_risk_is_kept_with_as_many_pictures_as_possible():
    confidence, risk = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([0.0, 0.2, 0.1, 0.6, 0.9])
    level = level_of_risk(confidence, risk, 0.1)
    assert level == pytest.approx(0.65)
    assert kept_risk(confidence, risk, level)[1] == pytest.approx(0.1)
    assert level_of_risk(confidence, risk, 0.99) == 0
    with pytest.raises(DataError, match=r"mean risk of 0\.000"):
        level_of_risk(confidence, risk, -0.1)


def test_the_risk_of_a_picture_is_what_its_mask_misses_or_invents():
    truth = np.zeros((20, 20), np.uint8)
    truth[10] = 1
    empty, unknown = np.zeros_like(truth), np.full_like(truth, 255)
    pairs = [(truth, truth), (empty, truth), (empty, empty), (truth, empty), (truth, unknown)]
    risk = risks_of([tally(mask == 1, target) for mask, target in pairs])
    np.testing.assert_array_equal(risk, [0, 1, 0, 1, np.nan])
