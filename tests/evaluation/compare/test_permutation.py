"""The permutation test against every exchange written out, and Holm's correction by hand."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from crackwise.evaluation.compare.permutation import EXACT_PHOTOGRAPHS, holm, least_p, permutation_p


def share(sums):
    """A ratio of sums: no mean over photographs."""
    return sums[..., 0] / (sums[..., 0] + sums[..., 1])


def results(rng, photographs, ease):
    size = rng.integers(50, 500, photographs)
    hits = rng.binomial(size, ease, photographs)
    return np.stack([hits, size - hits], axis=1).astype(float)


def by_hand(first, second):
    """The share of all exchanges, one written after the other, with at least the difference seen."""
    differences = []
    for exchanged in product([False, True], repeat=len(first)):
        a = sum(y if swap else x for x, y, swap in zip(first, second, exchanged, strict=True))
        b = sum(x if swap else y for x, y, swap in zip(first, second, exchanged, strict=True))
        differences.append(abs(share(a) - share(b)))
    return np.mean(np.array(differences) >= differences[0] - 1e-12)


@pytest.mark.parametrize("photographs", [1, 2, 5, 8])
def test_few_photographs_go_through_every_exchange(rng, photographs):
    first, second = results(rng, photographs, 0.8), results(rng, photographs, 0.75)
    assert permutation_p(first, second, share) == pytest.approx(by_hand(first, second))


def test_drawn_exchanges_come_close_to_all_of_them(rng):
    first, second = results(rng, EXACT_PHOTOGRAPHS + 1, 0.8), results(rng, EXACT_PHOTOGRAPHS + 1, 0.79)
    drawn = permutation_p(first, second, share, seed=3)
    assert drawn == permutation_p(first, second, share, seed=3)
    assert drawn == pytest.approx(by_hand(first, second), abs=0.02)


def test_a_model_ahead_on_every_photograph_reaches_the_least_p():
    first = np.array([[9.0, 1.0]])
    second = np.array([[1.0, 9.0]])
    for photographs in (1, 6, 40):
        p = permutation_p(first.repeat(photographs, 0), second.repeat(photographs, 0), share)
        assert p == pytest.approx(least_p(photographs))


def test_a_model_does_not_differ_from_itself(rng):
    first = results(rng, 20, 0.8)
    assert permutation_p(first, first, share) == 1


def test_an_undefined_score_has_no_p_and_an_exchange_to_one_counts_against():
    def needs_hits(sums):
        return np.where(sums[..., 0] > 0, share(np.maximum(sums, 1e-9)), np.nan)

    nothing, something = np.zeros((6, 2)), np.ones((6, 2))
    assert np.isnan(permutation_p(nothing, something, needs_hits))
    first, second = np.array([[5.0, 0.0], [0.0, 5.0]]), np.array([[0.0, 1.0], [5.0, 0.0]])
    assert permutation_p(first, second, needs_hits) == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_an_undefined_p_is_no_member_of_the_family():
    corrected = holm([0.01, np.nan, 0.02])
    assert corrected[0] == pytest.approx(0.02)
    assert np.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.02)


def test_models_that_do_not_differ_are_called_different_as_often_as_promised(rng):
    false = 0
    for _ in range(400):
        hard = rng.uniform(0.3, 0.9, 10)
        first, second = (results(rng, 10, np.clip(hard + rng.normal(0, 0.1, 10), 0, 1)) for _ in range(2))
        second *= first.sum(1, keepdims=True) / second.sum(1, keepdims=True)  # the same true pixels for both
        false += permutation_p(first, second, share) <= 0.05
    assert binom.ppf(0.005, 400, 0.05) <= false <= binom.ppf(0.995, 400, 0.05)
