"""A temperature changes how sure a model is, never what it draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard
from crackwise.trust.temperature import Tempered, temper, tempered_threshold


class Drawn:
    """A predictor whose map is drawn, one for each brightness of the picture."""

    sha256, runtime, precision = "a" * 64, "drawn", "f32"

    def __init__(self, **card: object) -> None:
        self.card = ModelCard.model_validate({"name": "drawn", "version": "1"} | card)

    def __call__(self, pixels, /):
        return (pixels[None, :, :, 0] / np.float32(255)).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 1.6, 20.0])
def test_the_logit_is_divided(rng, temperature):
    p = rng.uniform(0.001, 0.999, 5000)
    got = temper(p.astype(np.float32), temperature)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expit(logit(p) / temperature), rtol=2e-4, atol=1e-7)


def test_it_is_written_where_it_was_read():
    maps = np.full((1, 3, 3), 0.9, np.float32)
    assert temper(maps, 2) is maps
    assert maps[0, 0, 0] == pytest.approx(0.75)


def test_sure_values_stay_finite_and_in_order():
    p = np.array([0, 1e-30, 1e-6, 0.5, 1 - 1e-6, 1], np.float32)
    for temperature in (0.2, 1.5, 20):
        got = temper(p.copy(), temperature)
        assert np.isfinite(got).all()
        assert (np.diff(got) >= 0).all()
        assert 0 <= got[0] <= got[-1] <= 1


@pytest.mark.parametrize("temperature", [0.3, 0.83, 1.37, 4.0])
@pytest.mark.parametrize("threshold", [0.05, 0.35, 0.65, 0.9])
def test_masks_are_the_same_before_and_after(rng, temperature, threshold):
    p = rng.uniform(0, 1, 200_000).astype(np.float32)
    expected = p >= threshold
    assert np.array_equal(temper(p.copy(), temperature) >= tempered_threshold(threshold, temperature), expected)


def test_the_threshold_goes_there_and_back():
    assert tempered_threshold(tempered_threshold(0.65, 1.7), 1 / 1.7) == pytest.approx(0.65, abs=1e-6)
    assert tempered_threshold(0.65, 1.0) == 0.65


def test_a_tempered_predictor_is_the_other_one_but_for_its_probabilities(rng):
    pixels = rng.integers(1, 255, (40, 60, 3)).astype(np.uint8)
    raw = Drawn(temperature=2.0)
    tempered = Tempered(raw)
    assert (tempered.card, tempered.sha256, tempered.runtime, tempered.precision) == (
        raw.card, raw.sha256, raw.runtime, raw.precision,
    )  # fmt: skip
    np.testing.assert_allclose(tempered(pixels), expit(logit(raw(pixels).astype(float)) / 2), rtol=1e-5)
    np.testing.assert_array_equal(predict_tiled(tempered, pixels), tempered(pixels))


def test_cards_of_before_load_and_impossible_temperatures_do_not(tmp_path: Path):
    old = {"name": "old", "version": "1", "threshold": 0.4}
    card = ModelCard.model_validate(old)
    assert (card.temperature, card.calibration, card.review) == (1.0, None, None)
    for temperature in (0, -1, 0.1, 50, float("nan")):
        with pytest.raises(ValueError, match="temperature"):
            ModelCard.model_validate(old | {"temperature": temperature})
