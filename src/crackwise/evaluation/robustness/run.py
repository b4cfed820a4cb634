"""One model shown every condition of every picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from crackwise.data.masks import read_mask
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question, scored_class
from crackwise.evaluation.evaluate import UNKNOWN
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import FAMILIES
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.robustness.kept import ByFamily, Kept, open_kept
from crackwise.evaluation.robustness.suite import CLEAN, Plan
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.tally import Tally

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item
    from crackwise.predictor import Predictor

__all__ = ["Looks", "look_at"]

Told = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Looks:
    """One model on one set, clean and under every condition."""

    items: tuple[Item, ...]
    counts: dict[str, tuple[ByFamily, ...]]
    """By the name of the condition, `CLEAN` first; one per item."""
    class_name: str
    leaks: Leaks
    """Of these items only."""

    @property
    def clean(self) -> list[Tally]:
        """What is right and wrong on each picture as it was taken."""
        return [cast(Tally, each["mask"]) for each in self.counts[CLEAN]]

    @property
    def groups(self) -> list[str]:
        """The photograph of each picture."""
        return [item.group for item in self.items]


def look_at(
    predictor: Predictor,
    items: Sequence[Item],
    plan: Plan,
    *,
    kept_in: Path,
    class_name: str | None = None,
    leaks: Leaks = UNKNOWN,
    told: Told = lambda: None,
) -> Looks:
    """Every picture, clean and under every condition, at the threshold of the card; each is read once.

    Answers that ``kept_in`` holds are not asked for again: those of the same model file, class, picture, label and
    seed. ``told`` is called after every answer.

    Raises:
        DataError: no picture, none that is labelled, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        ModelError: the model does not know the class.
    """
    if not items:
        raise DataError("There is no picture to show.")
    name = scored_class(predictor.card, items[0], Question(class_name))
    rows = [answers_to(predictor, item, name, plan, kept_in, told) for item in items]
    counts = {condition: tuple(row[condition] for row in rows) for condition in rows[0]}
    looks = Looks(tuple(items), counts, name, leaks._replace(names=leaks.names & {item.name for item in items}))
    if not any(each.cracked or each.crack_free for each in looks.clean):
        raise DataError(
            f"No picture of the set that begins with {items[0].name!r} is labelled pixel by pixel for {name!r}: "
            "nothing to score. Ask for another --class or another set."
        )
    return looks


def answers_to(
    predictor: Predictor, item: Item, class_name: str, plan: Plan, kept_in: Path, told: Told
) -> dict[str, ByFamily]:
    """The counts of one picture, by the names of the conditions; what is not kept is asked for."""
    photo = read_image(item.image)
    target = read_mask(item.mask, photo.shape[:2], (class_name,))[0]
    kept = kept_of(predictor, item, class_name, photo, target, plan.seed, kept_in)
    plane, threshold = predictor.card.classes.index(class_name), predictor.card.threshold
    spelled = {CLEAN: CLEAN} | {each.name: each.spelled for each in plan.conditions}
    for condition in (None, *plan.conditions):
        name = condition.spelled if condition else CLEAN
        if not kept.holds(name, plan.families):
            pixels = condition.pixels(photo, item.name, plan.seed) if condition else photo
            label = condition.label(target, item.name, plan.seed) if condition else target
            probability = predict_tiled(predictor, pixels)[plane]
            answer = Answer(probability, probability >= threshold, label)
            kept.keep(name, {family: FAMILIES[family](answer) for family in plan.families})
        told()
    return {name: kept.counts[in_full] for name, in_full in spelled.items()}


def kept_of(
    predictor: Predictor,
    item: Item,
    class_name: str,
    photo: NDArray[np.uint8],
    target: NDArray[np.uint8],
    seed: int,
    folder: Path,
) -> Kept:
    """What is kept of all that an answer depends on."""
    key = {
        "model": predictor.sha256,
        "card": predictor.card.model_dump_json(include={"threshold", "tile_px", "overlap_px"}),
        "class": class_name,
        "picture": item.name,
        "content": hashlib.sha256(photo.tobytes() + target.tobytes()).hexdigest(),
        "seed": seed,
    }
    return open_kept(folder, key)
