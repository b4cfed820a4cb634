"""The options of the threshold that an evaluation is made at: given, from other pictures, or swept on the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.answers.level import Level
    from crackwise.evaluation.answers.predictions import Source
    from crackwise.evaluation.answers.view import Question

__all__ = ["Asked", "Swept", "Threshold", "ThresholdFrom", "ThresholdScore", "levels_of"]

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


def levels_of(
    asked: Asked, source: Source, sets: Mapping[str, Sequence[Item]], others: Sequence[Item], question: Question
) -> dict[str, Level]:
    """The threshold of every set. ``others``: the pictures of ``chosen_on``."""
    from crackwise.evaluation.answers.level import apart, choose_threshold, level_of, sweep
    from crackwise.evaluation.answers.view import scored_class

    def asked_class(items: Sequence[Item]) -> str:
        return scored_class(source.card, items[0], question)

    if asked.swept:
        return {name: sweep(source, items, name, asked_class(items)) for name, items in sets.items()}
    if asked.chosen_on is None:
        return dict.fromkeys(sets, level_of(source, asked.threshold))
    free = apart(others, asked.chosen_on, [item for items in sets.values() for item in items])
    return dict.fromkeys(sets, choose_threshold(source, free, asked.chosen_on, asked_class(free), asked.score))
