"""A predictor on several sets, to ``scores.json``, ``scores.csv`` and ``report.html``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crackwise.evaluation.evaluate import ASKED, UNKNOWN, Evaluation, Question, evaluate
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.page import draw_examples, render_page
from crackwise.evaluation.record import to_csv, to_json
from crackwise.imaging.files import write_atomically

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.predictor import Predictor

__all__ = ["evaluate_sets"]

NOT_LOOKED_FOR: Mapping[str, Leaks] = MappingProxyType({})


def evaluate_sets(
    predictor: Predictor,
    sets: Mapping[str, Iterable[Item]],
    out: Path,
    *,
    question: Question = ASKED,
    leaks: Mapping[str, Leaks] = NOT_LOOKED_FOR,
    threshold: float | None = None,
    seed: int = 0,
) -> dict[str, Evaluation]:
    """Evaluate on every set, named by its reference, with one threshold, and write the three files into ``out``.

    A question for masks that are opened and closed is answered both ways, under a name of its own.

    Raises:
        DataError: a set without pictures, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        CrackwiseError: ``out`` cannot be written to.
    """
    evaluations = {
        name: evaluate(
            predictor, items, question=asked, threshold=threshold, leaks=leaks.get(reference, UNKNOWN), seed=seed
        )
        for reference, items in sets.items()
        for name, asked in both_ways(reference, question).items()
    }
    examples = {reference: draw_examples(predictor, evaluation) for reference, evaluation in evaluations.items()}
    record = to_json(predictor, evaluations, seed=seed)
    write_atomically(out / "scores.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "scores.csv", to_csv(evaluations).encode())
    write_atomically(out / "report.html", render_page(record, examples).encode())
    return evaluations


def both_ways(reference: str, question: Question) -> dict[str, Question]:
    """The question as it is, and under a second name with masks opened and closed where it asks for that."""
    plain = {reference: question._replace(open_close=False)}
    return plain | ({f"{reference}, opened and closed 3x3": question} if question.open_close else {})
