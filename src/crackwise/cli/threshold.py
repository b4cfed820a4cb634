"""The options of the threshold that an evaluation is made at: given, from other pictures, or swept on the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.answers.level import Level
    from crackwise.evaluation.answers.predictions import Source
    from crackwise.evaluation.answers.view import Question

__all__ = ["Asked", "Swept", "Threshold", "ThresholdFrom", "ThresholdScore", "levels_of", "said"]

Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=0, max=1, help="Instead of that of the model's card, or .5 for --predictions."),
]
ThresholdFrom = Annotated[
    str | None,
    typer.Option(
        "--threshold-from",
        metavar="SET[:SPLIT]",
        help="Choose it on these labelled pictures, less those that share a photograph with what is scored.",
    ),
]
ThresholdScore = Annotated[
    str, typer.Option("--threshold-score", help="What --threshold-from makes best: f1, iou or f1@2.")
]
Swept = Annotated[
    bool,
    typer.Option(
        "--threshold-swept-on-test", help="Choose it on the scored pictures themselves; it flatters, and is marked."
    ),
]


class Asked(NamedTuple):
    """What the options say."""

    threshold: float | None
    chosen_on: str | None
    score: str
    swept: bool

    def refuse_several(self) -> None:
        """A threshold comes from one place."""
        if (self.threshold is not None) + (self.chosen_on is not None) + self.swept > 1:
            raise typer.BadParameter("give one of --threshold, --threshold-from and --threshold-swept-on-test")


def levels_of(
    asked: Asked, source: Source, sets: Mapping[str, Sequence[Item]], others: Sequence[Item], question: Question
) -> dict[str, Level]:
    """The threshold of every set, for the class that is scored there. ``others``: the pictures of ``chosen_on``."""
    from crackwise.evaluation.answers.level import apart, choose_threshold, level_of, sweep
    from crackwise.evaluation.answers.view import scored_class

    if not asked.swept and asked.chosen_on is None:
        return dict.fromkeys(sets, level_of(source, asked.threshold))
    classes = {name: scored_class(source.card, items[0], question) for name, items in sets.items()}
    if asked.chosen_on is None:
        return {
            name: sweep(source, items, name, question._replace(class_name=classes[name]))
            for name, items in sets.items()
        }
    on, free = asked.chosen_on, apart(others, asked.chosen_on, [*chain(*sets.values())])
    chosen = {each: choose_threshold(source, free, on, each, asked.score) for each in dict.fromkeys(classes.values())}
    return {name: chosen[class_name] for name, class_name in classes.items()}


def said(levels: Mapping[str, Level]) -> Iterator[str]:
    """A line on every threshold: what it is, where it comes from and which sets are scored at it."""
    for level in dict.fromkeys(levels.values()):
        found, names = level.chosen, ", ".join(name for name, each in levels.items() if each == level)
        how = f": {found.score} {found.value:.3f} on {found.pictures} pictures of {found.on}" if found else ""
        flatters = ", which flatters the scores" if level.source == "swept on the test set" else ""
        yield f"Threshold {level.threshold:g} of {names}: {level.source}{flatters}{how}."
