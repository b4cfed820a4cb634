"""Models by test sets: every model on every set, without the pictures it has met."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from crackwise.data.catalog import DATASETS
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import ASKED
from crackwise.evaluation.bootstrap import CONFIDENCE, Estimate
from crackwise.evaluation.classification import PICTURE_SCORES
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.leaks import Leaks, find_leaks
from crackwise.evaluation.metrics import SCORES

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from pathlib import Path

    from crackwise.data.folder import Item
    from crackwise.predictor import ModelCard, Predictor

__all__ = ["Cell", "Matrix", "Row", "fill_row", "mean_of_sets", "to_csv", "to_json", "trained_on"]

SCHEMA = "crackwise.matrix/1"
COLUMNS = (
    *("model", "set", "kinship", "score", "value", "low", "high", "pictures", "photographs"),
    *("left_out", "threshold"),
)

Kinship = Literal["unseen", "trained on", "unknown"]
Track = Callable[[str, Sequence["Item"]], Iterable["Item"]]


class Cell(NamedTuple):
    """One model on one set."""

    estimate: Estimate | None
    """Of the pictures that the model has not met; None where it has met all."""
    left_out: int
    """Pictures of the set that a training part of the model also shows."""
    kinship: Kinship
    """``"trained on"``: the model learnt or chose its threshold on another part of the set, on a set cut from the same
    photographs, or on pictures of it; ``"unknown"``: neither its card nor the pictures at hand can tell."""
    checked: tuple[str, ...]
    """Training parts that were at hand to look for shared photographs."""
    absent: tuple[str, ...]
    """Those that were not."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model on every set."""

    model: str
    trained_on: tuple[str, ...]
    """From its card; empty where that is silent."""
    threshold: float
    cells: Mapping[str, Cell]

    @property
    def unseen(self) -> dict[str, Estimate]:
        """The sets of which the model has met nothing, as far as they define the score."""
        return {
            reference: cell.estimate
            for reference, cell in self.cells.items()
            if cell.kinship == "unseen" and cell.estimate and not np.isnan(cell.estimate.value)
        }

    @property
    def unseen_mean(self) -> Estimate | None:
        """Over these sets; None where there is none."""
        return mean_of_sets(list(self.unseen.values())) if self.unseen else None


@dataclass(frozen=True, slots=True)
class Matrix:
    """All models on all sets under one score."""

    score: str
    """A key of `SCORES` or of `PICTURE_SCORES`."""
    rows: tuple[Row, ...]
    seed: int


def fill_row(
    predictor: Predictor,
    sets: Mapping[str, Sequence[Item]],
    score: str,
    *,
    root: Path | None = None,
    name: str | None = None,
    track: Track = lambda _, items: items,
    seed: int = 0,
) -> Row:
    """One model on every set, at the threshold of its card. ``track`` wraps the pictures of a cell as they are read.

    Raises:
        DataError: an unknown score, or a set on which it cannot be asked for.
        ImageError: a picture that cannot be read.
    """
    if score not in SCORES and score not in PICTURE_SCORES:
        known = ", ".join((*SCORES, *PICTURE_SCORES))
        raise DataError(f"No score {score!r}; there are {known}.")
    card = predictor.card
    name = name or f"{card.name} {card.version}"
    cells = {}
    for number, (reference, items) in enumerate(sets.items()):
        leaks = find_leaks(items, reference, card, root)
        unmet = [item for item in items if item.name not in leaks.names]
        estimate = None
        if unmet:
            tracked = track(f"{name} on {reference}", unmet)
            estimate = estimate_of(predictor, tracked, reference, score, seed + number)
        relation = kinship(card, reference, leaks)
        cells[reference] = Cell(estimate, len(items) - len(unmet), relation, leaks.checked, leaks.absent)
    return Row(name, trained_on(card), card.threshold, cells)


def estimate_of(predictor: Predictor, items: Iterable[Item], reference: str, score: str, seed: int) -> Estimate:
    """One score on pictures; the draws of two sets have different seeds, as their means are taken to be independent."""
    families = (SCORES[score].family,) if score in SCORES else ()
    asked = ASKED._replace(per_picture=score in PICTURE_SCORES, families=families)
    evaluation = evaluate(predictor, items, question=asked, seed=seed)
    if score in PICTURE_SCORES:
        return evaluation.judgements["all"].estimates[score]
    if not evaluation.scores:
        raise DataError(
            f"{reference!r} is labelled picture by picture, not by pixels: {score!r} cannot be scored on it; "
            f"ask for one of {', '.join(PICTURE_SCORES)}."
        )
    return evaluation.scores["all"][score]


def trained_on(card: ModelCard) -> tuple[str, ...]:
    """The parts that a model learnt or chose its threshold on, as far as its card says."""
    return tuple(terms.name for terms in card.data if terms.role != "test")


def kinship(card: ModelCard, reference: str, leaks: Leaks) -> Kinship:
    """Whether a model has met anything of a set: another part of it, or pictures of it under another name.

    Names tell sets of the catalogue apart; a folder of whatever pictures is unseen only if all training parts were
    looked into.
    """
    if leaks.names or family_of(reference) in map(family_of, trained_on(card)):
        return "trained on"
    is_of_catalogue = family_of(reference) in map(family_of, DATASETS)
    return "unseen" if trained_on(card) and (is_of_catalogue or not leaks.absent) else "unknown"


def family_of(reference: str) -> str:
    """What shares photographs with a set: ``"walls"`` for ``"rissbilder:test"``, ``"cfd"`` for ``"cfd:fold0/test"``."""
    from crackwise.data.folder import parse_reference

    source = parse_reference(reference).source.rstrip("/")
    row = DATASETS.get(source)
    return (row.family if row else "") or source


def mean_of_sets(estimates: Sequence[Estimate]) -> Estimate:
    """The mean over sets of independent photographs, each set counting the same.

    Its interval follows from those of the sets (Zou and Donner, Statistics in Medicine 27, 2008): the distances to
    their ends add up as squares. It speaks of other photographs of these sets, not of other sets.
    """
    value, low, high = np.array([estimate[:3] for estimate in estimates], dtype=np.float64).T
    mean, n = float(value.mean()), len(estimates)
    reach_down, reach_up = np.sqrt(((value - low) ** 2).sum()) / n, np.sqrt(((high - value) ** 2).sum()) / n
    rests_on = sum(each.pictures for each in estimates), sum(each.photographs for each in estimates)
    return Estimate(mean, float(mean - reach_down), float(mean + reach_up), *rests_on)


def to_json(matrix: Matrix) -> dict[str, Any]:
    """The whole record, ready for ``json.dumps``; an undefined number and an empty cell are None."""
    row = SCORES.get(matrix.score) or PICTURE_SCORES[matrix.score]
    return {
        "schema": SCHEMA,
        "score": {"key": matrix.score, "title": row.title, "definition": row.definition},
        "intervals": {
            "method": "expanded percentile bootstrap, whole photographs drawn with replacement",
            "mean": "ends of the sets' intervals joined as squares",
            "confidence": CONFIDENCE,
            "seed": matrix.seed,
        },
        "rows": [
            {
                "model": each.model,
                "trained_on": list(each.trained_on),
                "threshold": each.threshold,
                "cells": {
                    reference: {
                        **cell._asdict(),
                        "estimate": cell.estimate and cell.estimate.to_dict(),
                        "checked": list(cell.checked),
                        "absent": list(cell.absent),
                    }
                    for reference, cell in each.cells.items()
                },
                "unseen_sets": list(each.unseen),
                "unseen_mean": each.unseen_mean and each.unseen_mean.to_dict(),
            }
            for each in matrix.rows
        ],
    }


def to_csv(matrix: Matrix) -> str:
    """One row per model and set, then one per model for the mean over its unseen sets; undefined cells are empty."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in matrix.rows:
        cells = [(name, cell.kinship, cell.estimate, cell.left_out) for name, cell in row.cells.items()]
        mean = ("mean over unseen sets", "unseen", row.unseen_mean, 0)
        for reference, relation, estimate, left_out in (*cells, mean):
            numbers = estimate.to_dict().values() if estimate else (None,) * len(Estimate._fields)
            table.writerow((row.model, reference, relation, matrix.score, *numbers, left_out, row.threshold))
    return text.getvalue()
