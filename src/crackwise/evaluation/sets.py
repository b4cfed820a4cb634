"""A predictor on several sets, to ``scores.json``, ``scores.csv`` and ``report.html``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crackwise.evaluation.evaluate import UNKNOWN, Evaluation, evaluate
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
    leaks: Mapping[str, Leaks] = NOT_LOOKED_FOR,
    threshold: float | None = None,
    seed: int = 0,
) -> dict[str, Evaluation]:
    """Evaluate on every set, named by its reference, with one threshold, and write the three files into ``out``.

    Raises:
        DataError: a set without pictures, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        CrackwiseError: ``out`` cannot be written to.
    """
    evaluations = {
        reference: evaluate(predictor, items, threshold=threshold, leaks=leaks.get(reference, UNKNOWN), seed=seed)
        for reference, items in sets.items()
    }
    examples = {reference: draw_examples(predictor, evaluation) for reference, evaluation in evaluations.items()}
    record = to_json(predictor, evaluations, seed=seed)
    write_atomically(out / "scores.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "scores.csv", to_csv(evaluations).encode())
    write_atomically(out / "report.html", render_page(record, examples).encode())
    return evaluations
