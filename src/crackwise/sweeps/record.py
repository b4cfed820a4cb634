"""All runs of a sweep as one record: cost, scores with intervals over its seeds, published numbers, what differs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crackwise.errors import DataError
from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from crackwise.imaging.files import write_atomically
from crackwise.sweeps.config import Case, Sweep
from crackwise.sweeps.judge import findings_of
from crackwise.sweeps.outcome import core_minutes, error_of, parameters_of, state_of, validation_score
from crackwise.sweeps.page import render_page
from crackwise.sweeps.plan import Arm, Run
from crackwise.sweeps.published import PublishedRow, PublishedTable, differences
from crackwise.sweeps.scores import SHOWN, Findings, estimate
from crackwise.sweeps.table import to_csv
from crackwise.training.card import read_card

__all__ = ["SCHEMA", "record_of", "write_record"]

SCHEMA = "crackwise.sweep/1"
DIGITS = 6

Record = dict[str, Any]


class Column(NamedTuple):
    """One score of one case."""

    case: Case
    score: str
    published: str | None
    """The column of the published table."""


def write_record(sweep: Sweep, arms: Sequence[Arm], published: PublishedTable | None, out: Path) -> None:
    """Write ``sweep.json``, ``table.csv`` and ``sweep.html``."""
    record = record_of(sweep, arms, published)
    write_atomically(out / "sweep.json", f"{json.dumps(record, indent=1, ensure_ascii=False)}\n".encode())
    write_atomically(out / "table.csv", to_csv(record).encode())
    write_atomically(out / "sweep.html", render_page(record).encode())


def record_of(sweep: Sweep, arms: Sequence[Arm], published: PublishedTable | None) -> Record:
    """The whole record, ready for ``json.dumps``; what is undefined or not there yet is None."""
    columns = [Column(case, score, of) for case in sweep.evaluate for score, of in case.scores.items()]
    findings = {run.folder: findings_of(run.folder) for arm in arms for run in arm.runs}
    return {
        "schema": SCHEMA,
        "name": sweep.name,
        "summary": sweep.summary,
        "cost": sweep.cost,
        "intervals": {
            "method": "bootstrap over photographs; over several seeds, their spread added (Welch-Satterthwaite)",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
        },
        "published": None if sweep.published is None or published is None else published_record(sweep, arms, published),
        "columns": [column_record(column, published, findings.values()) for column in columns],
        "rows": [arm_record(arm, columns, published, findings) for arm in arms],
    }


def published_record(sweep: Sweep, arms: Sequence[Arm], table: PublishedTable) -> Record:
    """The table's source, what to know of it, and its rows that no arm stands for."""
    assert sweep.published is not None
    names = {arm.name for arm in arms}
    return {
        "table": sweep.published.table,
        "source": table.source,
        "notes": list(table.notes),
        "differs": list(sweep.published.differs),
        "rows_alone": {name: row.model_dump() for name, row in table.rows.items() if name not in names},
    }


def column_record(
    column: Column, published: PublishedTable | None, findings: Iterable[Mapping[str, Findings]]
) -> Record:
    """What stands in a column, and what keeps it from the published one."""
    case, score = column.case, SHOWN[column.score]
    judged = next((known[case.title] for known in findings if case.title in known), None)
    beside = published.columns[column.published] if published and column.published else None
    return {
        "case": case.title,
        "score": column.score,
        "title": score.title,
        "averaging": score.averaging,
        "over": score.over,
        "tolerance_px": score.tolerance_px,
        "definition": score.definition,
        "threshold": "of each card" if case.threshold is None else case.threshold,
        "pictures": None if judged is None else len(judged.tallies),
        "photographs": None if judged is None else len(set(judged.groups)),
        "leaking": None if judged is None else judged.leaking,
        "published": column.published,
        "differences": [] if beside is None else list(differences(case, column.score, beside)),
    }


def arm_record(
    arm: Arm,
    columns: Sequence[Column],
    published: PublishedTable | None,
    findings: Mapping[Path, Mapping[str, Findings]],
) -> Record:
    """One row: its seeds joined, then each of them."""
    beside = published.rows.get(arm.name) if published else None
    count = parameters_of(arm.runs[0].recipe)
    runs = [run_record(run, columns, beside, findings[run.folder]) for run in arm.runs]
    done = [run for run in runs if run["state"] == "finished"]
    return {
        "name": arm.name,
        "swept": dict(arm.swept),
        "finished": len(done),
        "parameters_total": count.total,
        "parameters_trainable": count.trainable,
        "published_parameters_M": beside.parameters_M if beside else None,
        "published_note": beside.note if beside else "",
        "core_minutes": mean_of(done, "core_minutes"),
        "validation_score": mean_of(done, "validation_score"),
        "cells": [cell(column, beside, [findings[run.folder] for run in arm.runs]) for column in columns],
        "runs": runs,
    }


def run_record(
    run: Run, columns: Sequence[Column], beside: PublishedRow | None, findings: Mapping[str, Findings]
) -> Record:
    """One training."""
    state, score = state_of(run), validation_score(run)
    return {
        "seed": run.recipe.seed,
        "folder": run.folder.as_posix(),
        "state": state,
        "error": error_of(run),
        "core_minutes": round(core_minutes(run), 3),
        "validation_score": None if score is None else round(score, DIGITS),
        "threshold": read_card(run.folder).threshold if state == "finished" else None,
        "cells": [cell(column, beside, [findings]) for column in columns],
    }


def cell(column: Column, beside: PublishedRow | None, findings: Sequence[Mapping[str, Findings]]) -> Record:
    """A score over the seeds that were judged, its interval, the published number and by how much ours is above it.

    Raises:
        DataError: the seeds were judged on different pictures.
    """
    title = column.case.title
    found = tuple(known[title] for known in findings if title in known)
    if len({each.groups for each in found}) > 1:
        raise DataError(
            f"The pictures of {title} have changed between two runs. Delete tests.json in the older folder."
        )
    value, low, high = estimate(column.score, found)[:3] if found else (math.nan,) * 3
    there = math.nan if beside is None else beside.scores.get(column.published or "", math.nan)
    numbers = {
        "value": value,
        "low": low,
        "high": high,
        "published": there,
        "difference": value - there,
        "difference_low": low - there,
        "difference_high": high - there,
    }
    return {name: None if math.isnan(number) else round(number, DIGITS) for name, number in numbers.items()}


def mean_of(runs: Sequence[Record], name: str) -> float | None:
    """Over the finished runs that have it."""
    values = [run[name] for run in runs if run[name] is not None]
    return round(sum(values) / len(values), DIGITS) if values else None
