"""The threshold that an evaluation is made at, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.data.splits import leaking
from crackwise.errors import DataError
from crackwise.evaluation.answers.predictions import Predictions, Source
from crackwise.evaluation.answers.view import Question, view
from crackwise.evaluation.pictures import are_of_whole_pictures
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.levels import THRESHOLDS, Levels, at_thresholds, count_levels
from crackwise.training.validation import SetCounts, best_threshold

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item

__all__ = ["CHOSEN_BY", "Choice", "Level", "ThresholdSource", "apart", "choose_threshold", "level_of", "sweep"]

ThresholdSource = Literal["card", "given", "default", "chosen on other pictures", "swept on the test set"]
CHOSEN_BY = ("f1", "iou", "f1@2")
"""Pooled scores that a threshold can be chosen by."""
STEPS = np.arange(1, THRESHOLDS + 1) / (THRESHOLDS + 1)
"""The thresholds of a sweep, those of the family ``levels``."""


class Choice(NamedTuple):
    """What labelled pictures said of a threshold."""

    on: str
    """The reference of their set."""
    score: str
    """What was made best; one of `CHOSEN_BY`."""
    value: float
    """Of that score at the threshold."""
    pictures: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return self._asdict() | {"value": None if np.isnan(self.value) else round(self.value, 6)}


class Level(NamedTuple):
    """A threshold, and who chose it."""

    threshold: float
    source: ThresholdSource = "given"
    chosen: Choice | None = None


def level_of(source: Source, threshold: float | Level | None) -> Level:
    """The threshold as it was given, else that of the model's card, else the default of folders."""
    if isinstance(threshold, Level):
        return threshold
    if threshold is not None:
        return Level(threshold)
    return Level(source.card.threshold, "default" if isinstance(source, Predictions) else "card")


def choose_threshold(
    source: Source, items: Iterable[Item], reference: str, class_name: str, score: str = "f1"
) -> Level:
    """The threshold that serves a set best, chosen as training chooses it: see `best_threshold`.

    Raises:
        DataError: nothing of the class is labelled there, labels of whole pictures, or an unknown score.
    """
    if score not in CHOSEN_BY:
        raise DataError(f"No threshold is chosen by {score!r}; there is {', '.join(CHOSEN_BY)}.")
    counts, n = SetCounts(), 0
    for probability, target in answers(source, items, Question(class_name)):
        counts.add(probability, target)
        n += 1
    if not counts.cracked + counts.crack_free:
        raise DataError(f"No picture of {reference!r} is labelled for {class_name!r}; choose the threshold elsewhere.")
    threshold, value = best_threshold([counts], score)
    return Level(threshold, "chosen on other pictures", Choice(reference, score, value, n))


def sweep(source: Source, items: Iterable[Item], reference: str, question: Question) -> Level:
    """The threshold, .01 to .99, of the highest pooled F1 on the very pictures that are scored; of equals the middle.

    It is the optimal data-set scale of Arbelaez et al. (PAMI 33(5), 2011) without tolerance, and flatters: it knows the
    labels. ``question`` names its class; a noise worsens the pictures first, as it does those that are scored. Where
    there is no crack there is no F1, and the threshold is a half.

    Raises:
        DataError: labels of whole pictures.
    """
    pictures = [count_levels(Answer(p, p >= 0.5, target)) for p, target in answers(source, items, question)]
    total = Levels(*(np.sum(field, axis=0) for field in zip(*pictures, strict=True)))
    found, false, n_true = at_thresholds(total.true_at), at_thresholds(total.false_at), total.true_at.sum()
    f1 = 2 * found / np.maximum(found + false + n_true, 1)
    best = np.flatnonzero(f1 == f1.max())
    index = int(best[len(best) // 2]) if n_true else int(np.argmin(np.abs(STEPS - 0.5)))
    value = float(f1[index]) if n_true else float("nan")
    return Level(float(STEPS[index]), "swept on the test set", Choice(reference, "f1", value, len(pictures)))


def answers(
    source: Source, items: Iterable[Item], question: Question
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """The map (h, w) of the class and the label (h, w) of every picture.

    Raises:
        DataError: a label says that the class is somewhere, not where.
    """
    for item in items:
        if are_of_whole_pictures([item]):
            raise DataError(
                f"The label of {item.name!r} is of the whole picture, and thresholds are chosen by pixels; "
                "pass --threshold, or leave that of the model."
            )
        viewed = view(source, item, 0.5, question)
        yield viewed.probability, viewed.target


def apart(chosen_on: Sequence[Item], reference: str, scored: Sequence[Item]) -> list[Item]:
    """The pictures that may choose a threshold for others: those whose photographs are not scored at it.

    Raises:
        DataError: none is left.
    """
    shared = leaking(chosen_on, scored)
    if len(shared) == len(chosen_on):
        raise DataError(
            f"All pictures of {reference!r} show photographs that are scored, so they cannot choose the threshold. "
            "Take another set, or ask for --threshold-swept-on-test."
        )
    return [item for item in chosen_on if item.name not in shared]
