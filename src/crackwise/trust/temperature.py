"""Probabilities to be taken at their word: one number divides every logit (Guo et al., ICML 2017, section 4.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crackwise.predictor import ModelCard, Predictor

__all__ = ["SUREST", "Tempered", "temper", "tempered_threshold"]

SUREST = 2.0**-24
"""The nearest to 0 and 1 that a probability is taken to be: single precision tells no surer one from 1."""


class Tempered:
    """A `Predictor` whose probabilities are those of another, their logits divided by the temperature of its card.

    Tiles are tempered one by one, before they fade into each other.
    """

    def __init__(self, raw: Predictor) -> None:
        self.raw = raw
        self.card: ModelCard = raw.card
        self.sha256 = raw.sha256
        self.runtime = raw.runtime
        self.precision = raw.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w)."""
        return temper(self.raw(pixels), self.card.temperature)


def temper(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """sigmoid(logit(p) / temperature) of any shape, written over what was given; above 1 makes them less sure.

    As 1 / (1 + ((1 - p) / p) ^ (1 / temperature)), which is the same and loses no digits.
    """
    if temperature == 1:
        return probabilities
    np.clip(probabilities, SUREST, 1 - SUREST, out=probabilities)
    odds = (1 - probabilities) / probabilities
    np.power(odds, 1 / temperature, out=odds)
    odds += 1
    np.divide(1, odds, out=probabilities)
    return probabilities


def tempered_threshold(threshold: float, temperature: float) -> float:
    """The threshold that draws the same mask once probabilities are tempered; of 1 / temperature, the other way."""
    if temperature == 1:
        return threshold
    return float(temper(np.array([threshold], np.float32), temperature)[0])
