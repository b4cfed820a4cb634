"""Comparisons as JSON and CSV: the same numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES, defined
from crackwise.evaluation.compare.gallery import Failures
from crackwise.evaluation.compare.kinds import FAILURE_IOU, KINDS
from crackwise.evaluation.compare.pairs import ALPHA, Pair, Rivals
from crackwise.evaluation.compare.permutation import DRAWS, EXACT_PHOTOGRAPHS
from crackwise.evaluation.compare.results import Contest
from crackwise.evaluation.record import protocol_record

__all__ = ["SCHEMA", "Compared", "to_csv", "to_json"]

SCHEMA = "crackwise.comparison/1"
COLUMNS = (
    *("set", "score", "first", "second", "first_value", "second_value", "difference", "low", "high"),
    *("p", "p_holm", "outcome", "reason", "pictures", "photographs"),
)


class Compared(NamedTuple):
    """One set, all models, all scores that were asked for."""

    contest: Contest
    rivals: Mapping[str, Rivals]
    """By the key of the score."""
    failures: Mapping[str, Failures] | None
    """By model; None where the pictures are not at hand."""


def to_json(compared: Sequence[Compared], notes: Sequence[str], *, seed: int) -> dict[str, Any]:
    """The whole record, ready for ``json.dumps``; an undefined number is None."""
    scores = dict.fromkeys(name for each in compared for name in each.rivals)
    return {
        "schema": SCHEMA,
        "test": {
            "method": "paired permutation over photographs, two-sided",
            "exchanges": f"all of them up to {EXACT_PHOTOGRAPHS} photographs, else {DRAWS} drawn",
            "correction": "Holm over all pairs of models, for each score on each set by itself",
            "alpha": ALPHA,
            "verdict": "corrected p at most alpha, and the interval of the difference leaves out 0",
            "seed": seed,
        },
        "intervals": {
            "method": "expanded percentile bootstrap, the same whole photographs drawn for both models",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": seed,
        },
        "scores": {name: protocol_record(name) for name in scores},
        "kinds": {name: {"title": kind.title, "rule": kind.rule} for name, kind in KINDS.items()},
        "failure_iou": FAILURE_IOU,
        "notes": list(notes),
        "sets": {each.contest.reference: set_record(each) for each in compared},
    }


def set_record(compared: Compared) -> dict[str, Any]:
    """One set of the record."""
    contest = compared.contest
    return {
        "class": contest.question.class_name,
        "noise": contest.question.noise,
        "pictures": len(contest.names),
        "photographs": len(set(contest.groups)),
        "left_out": dict(contest.left_out),
        "notes": list(contest.notes),
        "models": {
            model: {"threshold": kept.threshold, "threshold_source": kept.threshold_source}
            for model, kept in contest.models.items()
        },
        "scores": {
            name: {
                "models": {model: estimate.to_dict() for model, estimate in rivals.estimates.items()},
                "pairs": [pair_record(pair) for pair in rivals.pairs],
            }
            for name, rivals in compared.rivals.items()
        },
        "failures": compared.failures
        and {
            model: {
                "pictures": len(failures.of_pictures),
                "kinds": {
                    kind: {"pictures": len(failures.of_kind(kind)), "pixels": failures.pixels(kind)} for kind in KINDS
                },
            }
            for model, failures in compared.failures.items()
        },
    }


def pair_record(pair: Pair) -> dict[str, Any]:
    """Two models under one score."""
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": pair.difference.to_dict(),
        "p": defined(pair.p),
        "p_holm": defined(pair.p_holm),
        "outcome": pair.outcome,
        "reason": pair.reason,
        "verdict": pair.verdict,
    }


def to_csv(compared: Sequence[Compared]) -> str:
    """One row per set, score and pair; an undefined number is an empty cell."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for each in compared:
        for name, rivals in each.rivals.items():
            for pair in rivals.pairs:
                values = (defined(rivals.estimates[model].value) for model in (pair.first, pair.second))
                value, low, high, pictures, photographs = pair.difference.to_dict().values()
                found = value, low, high, defined(pair.p), defined(pair.p_holm), pair.outcome, pair.reason
                row = each.contest.reference, name, pair.first, pair.second, *values, *found, pictures, photographs
                table.writerow(row)
    return text.getvalue()
