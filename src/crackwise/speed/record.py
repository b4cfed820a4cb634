"""Timings of several models as numbers for people and programs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from crackwise.predictor import ModelCard, Predictor
from crackwise.speed.clock import Timing

__all__ = ["SCHEMA", "Asked", "common_score", "record_of", "text_table"]

SCHEMA = "crackwise.speed/1"
SCORES = ("f1@2", "pooled_f1", "f1", "pooled_crack_iou", "iou")
"""Of those that stand in cards, which is drawn; the first that most have."""


class Asked(NamedTuple):
    """How models were timed."""

    size_px: int
    threads: int
    callers: int
    """Calls at once where throughput was measured."""
    rounds: int


def record_of(
    predictors: Sequence[Predictor],
    timings: Sequence[Timing],
    grown_mib: Sequence[float | None],
    asked: Asked,
    machine: dict[str, Any],
) -> dict[str, Any]:
    """Everything that was measured, ready for JSON; ratios are to the first model, medians over rounds."""
    score = common_score([predictor.card for predictor in predictors])
    rows = zip(named(predictors), predictors, timings, grown_mib, strict=True)
    return {
        "schema": SCHEMA,
        "asked": asked._asdict(),
        "machine": machine,
        "score": None if score is None else {"set": score[0], "name": score[1]},
        "models": [
            {
                "name": name,
                "sha256": predictor.sha256,
                "runtime": predictor.runtime,
                "precision": predictor.precision,
                "parameters": predictor.card.parameters,
                "peak_growth_mib": mib,
                "accuracy": None if score is None else accuracy(predictor.card, *score),
                **numbers(timing, timings[0]),
            }
            for name, predictor, timing, mib in rows
        ],
    }


def numbers(timing: Timing, first: Timing) -> dict[str, Any]:
    """What is told of one model, beside the first."""
    every_ms = np.concatenate(timing.latency_ms)
    return {
        "calls": len(every_ms),
        "p50_ms": round(float(np.percentile(every_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(every_ms, 99)), 3),
        "cpu_ms": round(min(timing.cpu_ms), 3),
        "per_s": round(max(timing.per_s), 2),
        "times_the_first": {
            "p50_ms": ratio([np.median(ms) for ms in timing.latency_ms], [np.median(ms) for ms in first.latency_ms]),
            "cpu_ms": ratio(timing.cpu_ms, first.cpu_ms),
            "per_s": ratio(timing.per_s, first.per_s),
        },
        "rounds": {
            "p50_ms": [round(float(np.median(ms)), 3) for ms in timing.latency_ms],
            "cpu_ms": [round(ms, 3) for ms in timing.cpu_ms],
            "per_s": [round(rate, 2) for rate in timing.per_s],
        },
    }


def ratio(values: Sequence[float], first: Sequence[float]) -> float:
    """The median over rounds of each beside that of the first model in the same round."""
    return round(float(statistics.median(a / b for a, b in zip(values, first, strict=True))), 3)


def named(predictors: Sequence[Predictor]) -> list[str]:
    """Name and version of every card, numbered where several are the same."""
    names = [f"{predictor.card.name} {predictor.card.version}" for predictor in predictors]
    pairs = [(name, predictor.sha256) for name, predictor in zip(names, predictors, strict=True)]
    files = {name: list(dict.fromkeys(sha for other, sha in pairs if other == name)) for name in names}
    return [name if len(files[name]) == 1 else f"{name} #{files[name].index(sha) + 1}" for name, sha in pairs]


def common_score(cards: Sequence[ModelCard]) -> tuple[str, str] | None:
    """Set and score that most of the cards tell, test sets before others."""
    told = Counter(
        (name, score)
        for card in cards
        for name, scores in card.scores.items()
        for score in SCORES
        if isinstance(scores.get(score), float)
    )
    if not told:
        return None
    return max(told, key=lambda each: (told[each], each[0].endswith("test"), -SCORES.index(each[1])))


def accuracy(card: ModelCard, reference: str, score: str) -> float | None:
    """What a card tells of that set."""
    value = card.scores.get(reference, {}).get(score)
    return float(value) if isinstance(value, float) else None


COLUMNS = {
    "model": "name", "runtime": "runtime", "precision": "precision", "p50 ms": "p50_ms", "p99 ms": "p99_ms",
    "CPU ms": "cpu_ms", "images/s": "per_s", "MiB": "peak_growth_mib",
}  # fmt: skip
WORDS = 3
"""Columns that hold words; the others hold numbers."""


def text_table(record: dict[str, Any]) -> list[str]:
    """The record as lines of text."""
    heads = [*COLUMNS, "times the first"]
    rows = [
        [*(shown(model[key]) for key in COLUMNS.values()), f"{model['times_the_first']['p50_ms']:.2f}"]
        for model in record["models"]
    ]
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    aligned = [
        [f"{cell:<{width}}" if i < WORDS else f"{cell:>{width}}" for cell in column]
        for i, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    return ["  ".join(line).rstrip() for line in zip(*aligned, strict=True)]


def shown(value: Any) -> str:
    """A cell."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
