"""Numbers of papers that stand beside ours: only where pictures, score and the way to the threshold are the same."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import field_validator

from crackwise.evaluation.answers.level import ThresholdSource
from crackwise.evaluation.metrics import SCORES
from crackwise.strict import Strict

__all__ = ["Published", "Study", "published_for", "read_studies"]

OTHER_PICTURES = "of other pictures of this set, or another split"
SWEPT = "at a threshold chosen on the test"
NOT_SWEPT = "at a threshold that was not chosen on the test"
UNKNOWN = "at a threshold found in a way that is not known"


class Method(Strict):
    """One row of a paper's table."""

    scores: dict[str, float]
    """By the rows of `SCORES` that are defined so."""
    parameters_M: float | None = None  # noqa: N815  (as papers print it)

    @field_validator("scores")
    @classmethod
    def are_known(cls, scores: dict[str, float]) -> dict[str, float]:
        """Rows of the table."""
        if unknown := scores.keys() - SCORES.keys():
            raise ValueError(f"no score named {', '.join(sorted(unknown))}")
        return scores


class Study(Strict):
    """Numbers that were found in one way on the same pictures."""

    set: str
    """A reference, or in words the pictures that none of ours are."""
    threshold: Literal["fixed", "swept on the test set", "unknown"]
    source: str
    read: Literal["at the source", "second hand"]
    note: str = ""
    methods: dict[str, Method]


class Published(NamedTuple):
    """What papers say of the pictures that were scored."""

    beside: dict[str, list[dict[str, Any]]]
    """Score to its published numbers, the best first."""
    left_out: dict[str, int]
    """Why others of this set cannot be compared, and how many numbers that are."""


@cache
def read_studies() -> tuple[Study, ...]:
    """All that comes with the package."""
    text = files("crackwise.evaluation.card").joinpath("published.yaml").read_text(encoding="utf-8")
    return tuple(Study.model_validate(each) for each in yaml.safe_load(text))


def published_for(reference: str, threshold_source: ThresholdSource) -> Published:
    """What may stand beside scores of the set ``reference`` whose threshold was found in this way."""
    beside: dict[str, list[dict[str, Any]]] = {}
    left_out: Counter[str] = Counter()
    for study in read_studies():
        if name_of(study.set) != name_of(reference):
            continue
        for method, row in study.methods.items():
            for score, value in row.scores.items():
                obstacle = obstacle_to(study, score, reference, threshold_source)
                if obstacle:
                    left_out[obstacle] += 1
                else:
                    beside.setdefault(score, []).append(entry(study, method, row, value))
    for numbers in beside.values():
        numbers.sort(key=lambda number: -number["value"])
    return Published(beside, dict(left_out))


def name_of(reference: str) -> str:
    """The set without its part: ``"deepcrack"`` of ``"deepcrack:test"``."""
    return reference.replace("(", ":").partition(":")[0].strip()


def obstacle_to(study: Study, score: str, reference: str, threshold_source: ThresholdSource) -> str | None:
    """What keeps a number from being compared; None: nothing."""
    if study.set != reference:
        return OTHER_PICTURES
    if SCORES[score].protocol.thresholds != "one":
        return None  # the score itself says which thresholds it looks at
    if study.threshold == "unknown":
        return UNKNOWN
    swept = threshold_source == "swept on the test set"
    if (study.threshold == "swept on the test set") == swept:
        return None
    return NOT_SWEPT if swept else SWEPT


def entry(study: Study, method: str, row: Method, value: float) -> dict[str, Any]:
    """One published number with all that must stand beside it."""
    return {
        "method": method,
        "value": value,
        "parameters_M": row.parameters_M,
        "source": study.source,
        "read": study.read,
        "note": study.note,
    }
