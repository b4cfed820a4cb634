"""How far the map of a photograph can be trusted, in one number: those below a level should be seen by a person.

A confidence looks at what the model said alone, costs no further prediction, and is higher where fewer errors are to be
expected. Which of them orders photographs best is measured: see docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.predictor import ModelCard
from crackwise.tally import within

__all__ = ["CONFIDENCES", "Confidence", "confidence_of", "judge_review"]

NEAR_PX = 5

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Confidence = Callable[[Map, Mask], float]
"""A map (h, w) and its mask at the threshold, in which something is predicted, to a number in [0, 1]."""


def certainty(probability: Map, mask: Mask) -> float:
    """Mean of max(p, 1 - p) over the pixels at most 5 px from what is predicted."""
    near = probability[within(mask, NEAR_PX)]
    return float(np.maximum(near, 1 - near).mean(dtype=np.float64))


def expected_precision(probability: Map, mask: Mask) -> float:
    """Mean probability over the mask: the share of it that is crack, if probabilities are right."""
    return float(probability[mask].mean(dtype=np.float64))


def expected_dice(probability: Map, mask: Mask) -> float:
    """Dice of the mask with the map itself, 2 sum(p m) / (sum(p) + sum(m)): about the F1 to be expected."""
    hits = probability[mask].sum(dtype=np.float64)
    return float(2 * hits / (probability.sum(dtype=np.float64) + np.count_nonzero(mask)))


def near_dice(probability: Map, mask: Mask) -> float:
    """The same over the pixels at most 5 px from what is predicted: faint maps of empty walls do not sum up."""
    near = within(mask, NEAR_PX)
    return expected_dice(probability[near], mask[near])


CONFIDENCES: dict[str, Confidence] = {
    "certainty": certainty,
    "expected_precision": expected_precision,
    "expected_dice": expected_dice,
    "near_dice": near_dice,
}
"""Ways to tell how sure a map is."""


def confidence_of(probability: Map, mask: Mask, name: str) -> float:
    """One row of `CONFIDENCES` for a map (h, w) and its mask; where nothing is predicted, 1 less its highest value."""
    return CONFIDENCES[name](probability, mask) if mask.any() else float(1 - probability.max())


def judge_review(probabilities: Map, card: ModelCard) -> dict[str, Any] | None:
    """``needed, confidence, below`` of a photograph's maps (k, h, w), ready for JSON; None without a level in the card.

    Of several classes the likeliest counts. The mask is that of the card's own threshold: the level was chosen there.

    Raises:
        ModelError: the card tells confidence in a way that is not known here.
    """
    if card.review is None:
        return None
    name, below = card.review.confidence, card.review.below
    if name not in CONFIDENCES:
        raise ModelError(f"The card of {card.name} tells confidence by {name!r}; known are {', '.join(CONFIDENCES)}.")
    likeliest = probabilities.max(axis=0)
    confidence = confidence_of(likeliest, likeliest >= card.threshold, name)
    return {"needed": confidence < below, "confidence": round(confidence, 6), "below": below}
