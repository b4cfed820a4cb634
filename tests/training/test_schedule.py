"""Learning rates against the printed check values of the papers' recipes."""

from __future__ import annotations

import pytest

from crackwise.training.recipe import OptimConfig
from crackwise.training.schedule import rate_factor

TOTAL = 140 * 1141


def cracksam(step: int) -> float:
    config = OptimConfig(lr=4e-4, schedule="poly", power=6, warmup_steps=300, horizon_steps=TOTAL)
    return config.lr * rate_factor(step, config, TOTAL)


@pytest.mark.parametrize(
    ("iteration", "rate"), [(299, 4e-4), (300, 4e-4), (1141, 3.8753e-4), (57050, 2.8731e-5), (114099, 2.26e-7)]
)
def test_cracksam_rates_are_the_published_ones(iteration: int, rate: float) -> None:
    # the original sets the rate after a step, so the rate of its iteration 299 serves our step 300
    assert cracksam(max(iteration, 300)) == pytest.approx(rate, rel=2e-3)


def test_cracksam_first_step_uses_a_three_hundredth() -> None:
    assert cracksam(0) == pytest.approx(4e-4 / 300)


def test_hrsegnet_warms_up_from_1e_5_and_decays_to_zero() -> None:
    config = OptimConfig(name="sgd", lr=0.01, schedule="poly", power=0.9, warmup_steps=2000, warmup_start=1e-3)

    def rate(step: int) -> float:
        return 0.01 * rate_factor(step, config, 100_000)

    assert rate(0) == pytest.approx(1e-5)
    assert rate(1000) == pytest.approx(1e-5 + 0.00999 / 2)
    assert rate(2000) == pytest.approx(0.01)
    assert rate(51_000) == pytest.approx(0.01 * 0.5**0.9)
    assert rate(100_000) == 0


def test_cosine_falls_from_one_to_zero() -> None:
    config = OptimConfig(warmup_steps=10)
    assert rate_factor(10, config, 110) == 1
    assert rate_factor(60, config, 110) == pytest.approx(0.5)
    assert rate_factor(110, config, 110) == pytest.approx(0)
