"""Robustness as JSON and CSV: the same numbers, with everything needed to compare them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from crackwise.evaluation.noise import NOISES, Condition
from crackwise.evaluation.record import model_record, protocol_record
from crackwise.evaluation.robustness.run import Looks
from crackwise.evaluation.robustness.suite import CLEAN, Plan
from crackwise.evaluation.robustness.summary import Held, Summary, draw_looks, summarise

if TYPE_CHECKING:
    from crackwise.predictor import Predictor

__all__ = ["SCHEMA", "to_csv", "to_json"]

SCHEMA = "crackwise.robustness/1"
COLUMNS = (
    *("set", "model", "score", "condition", "noise", "level", "parameter", "value", "low", "high"),
    *("pictures", "photographs", "relative", "relative_low", "relative_high"),
)
MEAN = "mean"


def to_json(
    plan: Plan,
    predictors: Mapping[str, Predictor],
    looks: Mapping[str, Mapping[str, Looks]],
    of_set: Mapping[str, int],
) -> dict[str, Any]:
    """The whole record, ready for ``json.dumps``; an undefined number is None.

    ``looks``: by set, then by model. ``of_set``: how many pictures each set has, sampled or not.
    """
    return {
        "schema": SCHEMA,
        "seed": plan.seed,
        "intervals": {
            "method": "expanded percentile bootstrap, whole photographs drawn with replacement; the same draws for "
            "every condition and model",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
        },
        "protocols": {name: protocol_record(name) for name in plan.scores},
        "noises": {name: noise_record(name) for name in dict.fromkeys(each.noise for each in plan.conditions)},
        "conditions": {
            each.name: {"noise": each.noise, "level": each.level, "parameter": parameter_of(each)}
            for each in plan.conditions
        },
        "models": {
            label: model_record(each) | {"threshold": each.card.threshold} for label, each in predictors.items()
        },
        "baseline": next(iter(predictors)) if len(predictors) > 1 else None,
        "sets": {name: set_record(plan, models, of_set[name]) for name, models in looks.items()},
    }


def noise_record(name: str) -> dict[str, Any]:
    """What a noise does."""
    row = NOISES[name]
    return {
        "kind": row.kind,
        "definition": row.definition,
        "unit": row.unit,
        "levels": {str(level): parameter for level, parameter in row.levels.items()},
    }


def parameter_of(condition: Condition) -> float | None:
    """In the unit of the noise; None where it has one level."""
    return None if condition.level is None else condition.parameter


def set_record(plan: Plan, models: Mapping[str, Looks], pictures: int) -> dict[str, Any]:
    """One set: its pictures, and every model on them."""
    first = next(iter(models.values()))
    clean = first.clean
    drawn = {label: draw_looks(looks, plan) for label, looks in models.items()}
    baseline = next(iter(drawn.values())) if len(drawn) > 1 else None
    return {
        "pictures": [item.name for item in first.items],
        "pictures_in_set": pictures,
        "photographs": len(set(first.groups)),
        "cracked": int(np.sum([each.cracked for each in clean])),
        "crack_free": int(np.sum([each.crack_free for each in clean])),
        "models": {
            label: {
                "class": looks.class_name,
                "leaks": {
                    "pictures": sorted(looks.leaks.names),
                    "checked": list(looks.leaks.checked),
                    "absent": list(looks.leaks.absent),
                },
                "scores": {
                    score: summary_record(summarise(drawn[label], plan.conditions, score, baseline))
                    for score in plan.scores
                },
            }
            for label, looks in models.items()
        },
    }


def summary_record(summary: Summary) -> dict[str, Any]:
    """One score of one model on one set."""
    return {
        CLEAN: summary.clean.to_dict(),
        "conditions": {name: held_record(held) for name, held in summary.conditions.items()},
        "noises": {name: held_record(held) for name, held in summary.noises.items()},
        MEAN: held_record(summary.mean),
        "corruption_error": summary.error and summary.error.to_dict(),
    }


def held_record(held: Held) -> dict[str, Any]:
    """A number with its interval, and relative to the clean one."""
    return {**held.score.to_dict(), "relative": held.relative and held.relative.to_dict()}


def to_csv(record: Mapping[str, Any]) -> str:
    """A row per set, model, score and condition, clean and mean among them; an undefined number is an empty cell."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for reference, of_set in record["sets"].items():
        for label, model in of_set["models"].items():
            for score, summary in model["scores"].items():
                table.writerows((reference, label, score, *cells) for cells in csv_cells(summary, record["conditions"]))
    return text.getvalue()


def csv_cells(summary: Mapping[str, Any], conditions: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """The cells under ``COLUMNS`` from the condition on."""
    rows: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [(CLEAN, {}, summary[CLEAN])]
    rows += [(name, conditions[name], held) for name, held in summary["conditions"].items()]
    rows += [(f"{MEAN} of {name}", {"noise": name}, held) for name, held in summary["noises"].items()]
    for name, asked, held in (*rows, (MEAN, {}, summary[MEAN])):
        relative = held.get("relative") or {}
        yield (
            *(name, asked.get("noise"), asked.get("level"), asked.get("parameter")),
            *(held[key] for key in ("value", "low", "high", "pictures", "photographs")),
            *(relative.get(key) for key in ("value", "low", "high")),
        )
