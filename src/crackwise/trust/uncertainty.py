"""Where a model contradicts itself: the same photograph shown mirrored and turned, and how the answers differ.

Test-time augmentation (Wang et al., Neurocomputing 338, 2019) with the eight symmetries of the square. The measures are
those of Smith and Gal, UAI 2018, section 3, in bits; what they draw from a distribution of weights is here one answer
per view.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import Predictor

__all__ = ["VIEWS", "Uncertainty", "entropy_bits", "uncertainty"]

VIEWS = 8
"""Of a photograph: as it is, mirrored, and both turned by right angles."""

Maps = NDArray[np.float32]


class Uncertainty(NamedTuple):
    """What several views of one photograph say together; every map is float32 (k, h, w)."""

    mean: Maps
    """Of the probabilities."""
    deviation: Maps
    """Standard deviation of the probabilities, 0 to 0.5."""
    entropy: Maps
    """Of the mean, 0 to 1 bit: how undecided the views are together, each or among themselves."""
    mutual_information: Maps
    """The part of it that is contradiction: entropy of the mean less the mean of the entropies, 0 to 1 bit."""
    disagreement: float
    """1 - the mean Dice of each view's mask with that of the mean, at the threshold; 0 where nobody sees anything."""
    views: int

    def to_dict(self) -> dict[str, Any]:
        """The numbers of the photograph, ready for JSON."""
        means = {
            "mean_entropy_bits": float(self.entropy.mean(dtype=np.float64)),
            "mean_mutual_information_bits": float(self.mutual_information.mean(dtype=np.float64)),
        }
        return {"views": self.views} | {
            name: float(f"{value:.6g}") for name, value in ({"disagreement": self.disagreement} | means).items()
        }


def uncertainty(
    predictor: Predictor, pixels: NDArray[np.uint8], *, views: int = VIEWS, threshold: float | None = None
) -> Uncertainty:
    """Predict the first ``views`` of the eight views of a picture (h, w, 3), and compare; costs so many predictions.

    ``threshold`` is that of the disagreement; None takes the card's.

    Raises:
        ModelError: fewer than 2 views, or more than there are.
    """
    if not 2 <= views <= VIEWS:
        raise ModelError(f"A photograph has 2 to {VIEWS} views to compare, not {views}.")
    level = predictor.card.threshold if threshold is None else threshold
    shape = len(predictor.card.classes), *pixels.shape[:2]
    total, squares, entropies = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    masks: list[NDArray[np.bool_]] = []
    for maps in answers_of(predictor, pixels, views):
        total += maps
        squares += np.square(maps, dtype=np.float64)
        entropies += entropy_bits(maps)
        masks.append(np.any(maps >= level, axis=0))
    mean = (total / views).astype(np.float32)
    deviation = np.sqrt(np.maximum(squares / views - np.square(total / views), 0)).astype(np.float32)
    entropy = entropy_bits(mean)
    contradiction = np.maximum(entropy - entropies / views, 0).astype(np.float32)
    agreed: NDArray[np.bool_] = np.any(mean >= level, axis=0)
    disagreement = 1 - float(np.mean([dice(mask, agreed) for mask in masks]))
    return Uncertainty(mean, deviation, entropy, contradiction, disagreement, views)


def answers_of(predictor: Predictor, pixels: NDArray[np.uint8], views: int) -> Iterator[Maps]:
    """The maps (k, h, w) of each view, laid back on the picture.

    Of the number of a view the bits say: mirrored left to right, upside down, rows taken for columns.
    """
    for view in range(views):
        columns, rows = (slice(None, None, -1 if view & bit else None) for bit in (1, 2))
        seen = pixels[rows, columns]
        seen = seen.swapaxes(0, 1) if view & 4 else seen
        maps = predict_tiled(predictor, np.ascontiguousarray(seen))
        maps = maps.swapaxes(1, 2) if view & 4 else maps
        yield maps[:, rows, columns]


def entropy_bits(probability: Maps) -> Maps:
    """Of a crack or none, (...) in [0, 1]."""
    p = np.clip(probability, np.float32(1e-7), np.float32(1 - 1e-7))
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float32)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Of two masks; 1 where both are empty."""
    both = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / both if both else 1.0
