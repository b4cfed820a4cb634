"""Models on sets under a suite of conditions, to ``robustness.json``, ``robustness.csv`` and ``report.html``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crackwise.data.splits import sample_pictures
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import refuse_unknown
from crackwise.evaluation.robustness.contact import draw_sheet
from crackwise.evaluation.robustness.page import render_page
from crackwise.evaluation.robustness.record import to_csv, to_json
from crackwise.evaluation.robustness.run import look_at
from crackwise.evaluation.robustness.suite import Plan
from crackwise.imaging.files import write_atomically

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.predictor import Predictor

__all__ = ["SCORES_ASKED", "measure_robustness"]

SCORES_ASKED = ("pooled_crack_iou", "f1@2", "pooled_precision", "pooled_recall", "false_alarm_share_50px")
NO_LEAKS: Mapping[str, Mapping[str, Leaks]] = MappingProxyType({})


def measure_robustness(
    predictors: Mapping[str, Predictor],
    sets: Mapping[str, Sequence[Item]],
    plan: Plan,
    out: Path,
    *,
    class_name: str | None = None,
    leaks: Mapping[str, Mapping[str, Leaks]] = NO_LEAKS,
    told: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Every model on every set, clean and under every condition of the plan; the record that is written into ``out``.

    Models are named as a reader shall see them, the first one is the baseline. Answers are kept in ``out/kept`` as they
    come: a run that was stopped goes on where it was. ``leaks``: by set, then by model.

    Raises:
        DataError: an unknown score, a set without pictures, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        ModelError: a model that does not know the class.
        CrackwiseError: ``out`` cannot be written to.
    """
    refuse_unknown(plan.scores)
    looks = {
        reference: {
            label: look_at(
                predictor,
                sample_pictures(items, plan.pictures, plan.seed),
                plan,
                kept_in=out / "kept",
                class_name=class_name,
                leaks=leaks.get(reference, {}).get(label, Leaks()),
                told=told,
            )
            for label, predictor in predictors.items()
        }
        for reference, items in sets.items()
    }
    record = to_json(plan, predictors, looks, {reference: len(items) for reference, items in sets.items()})
    sheet = draw_sheet(next(iter(next(iter(looks.values())).values())), plan.conditions, seed=plan.seed)
    write_atomically(out / "robustness.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "robustness.csv", to_csv(record).encode())
    write_atomically(out / "report.html", render_page(record, sheet).encode())
    return record
