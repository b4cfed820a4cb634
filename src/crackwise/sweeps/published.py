"""Numbers of papers beside ours, and what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator

from crackwise.errors import RecipeError
from crackwise.strict import Strict, faults
from crackwise.sweeps.config import Case, Sweep
from crackwise.sweeps.scores import SHOWN
from crackwise.training.recipe import read_values

__all__ = ["PublishedColumn", "PublishedRow", "PublishedTable", "differences", "load_published"]


class PublishedColumn(Strict):
    """What the numbers of one column are, in our words."""

    score: str
    """The row of ``SHOWN`` with the same definition."""
    data: str
    """A reference, or words where the pictures are not public."""
    threshold: float | None = None
    """None: one that each model has of its own."""
    noise: str | None = None
    open_close: bool = False

    @field_validator("score")
    @classmethod
    def is_known(cls, value: str) -> str:
        """A row of the table."""
        if value not in SHOWN:
            raise ValueError(f"no score named {value!r}; there is {', '.join(SHOWN)}")
        return value


class PublishedRow(Strict):
    """One row: its numbers by their columns."""

    scores: dict[str, float]
    parameters_M: float | None = None  # noqa: N815  (as papers print it)
    note: str = ""


class PublishedTable(Strict):
    """One table of a paper."""

    source: str
    notes: tuple[str, ...] = ()
    """What its reader must know: how many runs stand behind a number, what was chosen on the test."""
    columns: dict[str, PublishedColumn]
    rows: dict[str, PublishedRow]


class PublishedFile(Strict):
    """Tables by their names; only the one that is asked for is looked into."""

    source: str
    tables: dict[str, dict[str, Any]]


def load_published(sweep: Sweep, page: Path) -> PublishedTable | None:
    """The table that a sweep is laid beside; None where it names none.

    Raises:
        RecipeError: there is no such file, table or column, or no run has a row in it.
    """
    if sweep.published is None:
        return None
    path, name = page.parent / sweep.published.file, sweep.published.table
    try:
        tables = PublishedFile.model_validate(read_values(path)).tables
        if name not in tables:
            raise RecipeError(f"{path} has no table {name!r}; there is {', '.join(tables)}.")
        table = PublishedTable.model_validate(tables[name])
    except ValidationError as error:
        raise RecipeError(f"{path}: {faults(error)}") from error
    for case in sweep.evaluate:
        for column in filter(None, case.scores.values()):
            if column not in table.columns:
                raise RecipeError(f"{page}: {name} has no column {column!r}; there is {', '.join(table.columns)}.")
    if sweep.runs is None or not set(sweep.runs) & set(table.rows):
        raise RecipeError(f"{page}: name the runs as the rows of {name}: {', '.join(table.rows)}.")
    return table


def differences(case: Case, score: str, column: PublishedColumn) -> Iterator[str]:
    """What is not the same in a number of ours and in the published one; nothing where they may be compared."""
    yield from unlike("score", spelled(score), spelled(column.score))
    yield from unlike("pictures", case.data, column.data)
    yield from unlike("noise", case.noise or "none", column.noise or "none")
    yield from unlike("threshold", level(case.threshold), level(column.threshold))
    yield from unlike("opened and closed", yes_or_no(case.open_close), yes_or_no(column.open_close))


def unlike(what: str, ours: str, theirs: str) -> Iterator[str]:
    """A sentence where the two differ."""
    if ours != theirs:
        yield f"{what}: ours {ours}, published {theirs}"


def spelled(score: str) -> str:
    """A score with its protocol: ``"crack IoU (per image, over all pictures)"``."""
    row = SHOWN[score]
    within = f", within {row.tolerance_px} px" if row.tolerance_px else ""
    return f"{row.title} ({row.averaging}, over {row.over} pictures{within})"


def level(threshold: float | None) -> str:
    """A threshold in words."""
    return "chosen on validation" if threshold is None else f"{threshold:g}"


def yes_or_no(value: bool) -> str:
    """In words."""
    return "yes" if value else "no"
