"""The record of a sweep as CSV: a row per run, and one that joins its seeds where there are several."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["to_csv"]

FACTS = ("seed", "state", "error", "core_minutes", "validation_score", "threshold")
NUMBERS = ("value", "low", "high", "published", "difference")


def to_csv(record: Mapping[str, Any]) -> str:
    """One column per swept value and number; what is undefined or not there yet is an empty cell."""
    swept = list(dict.fromkeys(path for row in record["rows"] for path in row["swept"]))
    facts = ("run", "seed", "state", "error", *swept, "parameters_total", "parameters_trainable")
    head = [*facts, "core_minutes", "validation_score", "threshold", *score_columns(record)]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, head, lineterminator="\n", restval="")
    table.writeheader()
    for row in record["rows"]:
        shared = {"run": row["name"], **{path: row["swept"].get(path, "") for path in swept}}
        shared |= {name: row[name] for name in ("parameters_total", "parameters_trainable")}
        for run in row["runs"]:
            own = {name: run[name] for name in FACTS}
            table.writerow(shared | own | numbers(record, run["cells"]))
        if len(row["runs"]) > 1:
            joined = {"seed": "mean", "state": f"{row['finished']} of {len(row['runs'])}"}
            joined |= {name: row[name] for name in ("core_minutes", "validation_score")}
            table.writerow(shared | joined | numbers(record, row["cells"]))
    return text.getvalue()


def score_columns(record: Mapping[str, Any]) -> Iterator[str]:
    """Up to five columns per score and case, and what differs from the published protocol."""
    for column in record["columns"]:
        yield from (f"{key}: {name}" for key in [key_of(column)] for name in names_of(column))


def numbers(record: Mapping[str, Any], cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The cells of a row under the columns."""
    filled: dict[str, Any] = {}
    for column, cell in zip(record["columns"], cells, strict=True):
        filled |= {f"{key_of(column)}: {name}": cell[name] for name in names_of(column) if name in cell}
        if column["published"]:
            filled[f"{key_of(column)}: protocol"] = "; ".join(column["differences"]) or "as published"
    return filled


def key_of(column: Mapping[str, Any]) -> str:
    """``"cfd, blur: f1@2"``."""
    return f"{column['case']}: {column['score']}"


def names_of(column: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands in the table of one score."""
    return (*NUMBERS, "protocol") if column["published"] else NUMBERS[:3]
