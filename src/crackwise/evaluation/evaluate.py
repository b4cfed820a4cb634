"""A predictor on labelled pictures: scores at one threshold that was chosen elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.data.masks import read_mask
from crackwise.errors import DataError
from crackwise.evaluation.bootstrap import Estimate, estimate_scores
from crackwise.evaluation.leaks import Leaks
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.tally import Tally, tally

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item
    from crackwise.predictor import ModelCard, Predictor

__all__ = ["Evaluation", "Subset", "Viewed", "evaluate", "evaluated_class", "view"]

Subset = Literal["all", "unleaked"]
UNKNOWN = Leaks()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One predictor on one set of pictures."""

    items: tuple[Item, ...]
    tallies: tuple[Tally, ...]
    """One per item."""
    scores: Mapping[Subset, Mapping[str, Estimate]]
    """Over all pictures, and, where some leaked, over the others; keys of the inner mapping as in `SCORES`."""
    leaks: Leaks
    """Of these items only."""
    threshold: float
    threshold_source: Literal["card", "given"]


class Viewed(NamedTuple):
    """One labelled picture and what a predictor finds on it."""

    pixels: NDArray[np.uint8]
    """RGB (h, w, 3)."""
    target: NDArray[np.uint8]
    """(h, w): 0 absent, 1 present, 255 not labelled."""
    predicted: NDArray[np.bool_]
    """(h, w)."""


def evaluate(
    predictor: Predictor,
    items: Iterable[Item],
    *,
    threshold: float | None = None,
    leaks: Leaks = UNKNOWN,
    seed: int = 0,
) -> Evaluation:
    """Scores with intervals over the pictures; they are read one at a time.

    The threshold is the card's unless one is given; it is never chosen here. Where ``leaks`` names some of the
    pictures, the scores without them come as a second subset. ``seed`` draws the intervals.

    Raises:
        DataError: no picture, or a label that cannot be used.
        ImageError: a picture that cannot be read; scores over the rest would be those of another set.
    """
    level = predictor.card.threshold if threshold is None else threshold
    seen, tallies = [], []
    for item in items:
        viewed = view(predictor, item, level)
        seen.append(item)
        tallies.append(tally(viewed.predicted, viewed.target))
    if not seen:
        raise DataError("There is no picture to evaluate on.")
    leaks = leaks._replace(names=leaks.names & {item.name for item in seen})
    kept: dict[Subset, list[int]] = {"all": list(range(len(seen)))}
    if leaks.names:
        kept["unleaked"] = [index for index, item in enumerate(seen) if item.name not in leaks.names]
    scores = {
        subset: estimate_scores([tallies[i] for i in indices], [seen[i].group for i in indices], seed=seed)
        for subset, indices in kept.items()
    }
    return Evaluation(tuple(seen), tuple(tallies), scores, leaks, level, "card" if threshold is None else "given")


def view(predictor: Predictor, item: Item, threshold: float) -> Viewed:
    """One picture, its label and the mask that the predictor makes of it at the threshold."""
    name = evaluated_class(predictor.card)
    pixels = read_image(item.image)
    target = read_mask(item.mask, pixels.shape[:2], (name,))[0]
    probability = predict_tiled(predictor, pixels)[predictor.card.classes.index(name)]
    return Viewed(pixels, target, probability >= threshold)


def evaluated_class(card: ModelCard) -> str:
    """The class that is scored: ``"crack"``, or the first of a model that knows none."""
    return "crack" if "crack" in card.classes else card.classes[0]
