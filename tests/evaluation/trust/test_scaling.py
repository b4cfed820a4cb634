"""The temperature of drawn labels is found again, and what it is worth is judged on other photographs."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from crackwise.errors import DataError
from crackwise.evaluation.protocols.calibration import count_region, expected_error
from crackwise.evaluation.trust.scaling import (
    count_logits,
    cross_fitted_error,
    error_at,
    fit_temperature,
    folds_of,
    log_loss_at,
    summed,
)


def drawn(rng, temperature, n=60_000):
    """Pixels of a model whose logits are too large by a factor, and their labels."""
    right = rng.normal(-1.5, 2, n)
    labels = rng.uniform(size=n) < expit(right)
    return expit(right * temperature).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_drawn_logits_is_found(rng, temperature):
    probability, labels = drawn(rng, temperature)
    assert fit_temperature(count_logits(probability, labels)) == pytest.approx(temperature, rel=0.03)


def test_counted_logits_give_the_loss_and_the_fit_of_single_ones(rng):
    probability, labels = drawn(rng, 1.7)
    counts, logits = count_logits(probability, labels), logit(probability.astype(float))

    def loss(temperature):
        return log_loss(labels, expit(logits / temperature))

    assert log_loss_at(counts, 1.0) == pytest.approx(loss(1.0), abs=2e-5)
    assert log_loss_at(counts, 3.0) == pytest.approx(loss(3.0), abs=2e-5)
    best = minimize_scalar(loss, bounds=(0.3, 10), method="bounded").x
    assert fit_temperature(counts) == pytest.approx(best, rel=1e-3)


def test_the_error_of_tempered_pixels_is_that_of_their_histogram(rng):
    probability, labels = drawn(rng, 2.0)
    tempered = expit(logit(probability.astype(float)) / 1.3).astype(np.float32)
    expected = expected_error(count_region(tempered, labels))
    assert error_at(count_logits(probability, labels), 1.3) == pytest.approx(float(expected), abs=1e-3)


def test_counts_of_pictures_add_up(rng):
    probability, labels = drawn(rng, 2.0, 3000)
    parts = [count_logits(probability[i::3], labels[i::3]) for i in range(3)]
    for together, whole in zip(summed(parts), count_logits(probability, labels), strict=True):
        np.testing.assert_allclose(together, whole, atol=1e-9)


def test_an_overconfident_model_is_better_calibrated_on_photographs_that_the_fit_has_not_seen(rng):
    counts = [count_logits(*drawn(rng, 3.0, 4000)) for _ in range(10)]
    folds = folds_of([f"photo{i // 2}" for i in range(10)], seed=0)
    assert all(folds[i] == folds[i + 1] for i in range(0, 10, 2))
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    others = [
        fit_temperature(summed([each for each, fold in zip(counts, folds, strict=True) if fold != number]))
        for number in range(5)
    ]
    before, after = error_at(summed(counts), 1), cross_fitted_error(counts, others, folds)
    assert after < before / 4
    assert cross_fitted_error(counts, [1.0] * 5, folds) == pytest.approx(before)


@pytest.mark.parametrize("labels", [np.zeros(100, bool), np.ones(100, bool)])
def test_pixels_of_one_kind_tell_no_temperature(rng, labels):
    with pytest.raises(DataError, match="with and without a crack"):
        fit_temperature(count_logits(rng.uniform(size=100).astype(np.float32), labels))


def test_a_model_that_is_always_right_has_no_best_temperature(rng):
    probability = rng.uniform(size=1000).astype(np.float32)
    with pytest.raises(DataError, match="No temperature between"):
        fit_temperature(count_logits(probability, probability > 0.5))


def test_one_photograph_is_too_few():
    with pytest.raises(DataError, match="got 1"):
        folds_of(["wall", "wall"], seed=0)
