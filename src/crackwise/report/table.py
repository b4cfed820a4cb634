"""Results as rows: one for every crack, and one for a photograph that has none or could not be used."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import Any

__all__ = ["COLUMNS", "Entry", "decimals", "length_text", "to_csv", "width_text"]

CRACK_COLUMNS = (
    "label", "length_px", "mean_width_px", "median_width_px", "p95_width_px", "max_width_px", "width_uncertainty_px",
    "orientation_deg", "length_mm", "mean_width_mm", "median_width_mm", "p95_width_mm", "max_width_mm",
    "width_uncertainty_mm",
)  # fmt: skip
COLUMNS = (
    *("source", "stem", "error", "photo_width_px", "photo_height_px", "mm_per_px", "crack_id", *CRACK_COLUMNS),
    *("needs_review", "confidence"),
)
"""Of ``cracks.csv``, in this order."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a run remembers of one photograph; the geometry is in its result file."""

    source: str
    stem: str
    """The name of its output files, without suffix."""
    error: str | None = None
    """Why it could not be used."""
    result: dict[str, Any] | None = None
    """As docs/results.md, without the points of the cracks; None where there is an error."""


def to_csv(entries: Iterable[Entry]) -> bytes:
    """The table of a run, UTF-8."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        writer.writerows(rows_of(entry))
    return text.getvalue().encode()


def rows_of(entry: Entry) -> list[dict[str, Any]]:
    """The rows of one photograph."""
    photo = {"source": as_text(entry.source), "stem": as_text(entry.stem), "error": as_text(entry.error or "")}
    if entry.result is None:
        return [photo]
    result = entry.result
    photo |= {"photo_width_px": result["width_px"], "photo_height_px": result["height_px"]}
    photo |= {"mm_per_px": result["mm_per_px"]}
    if result["review"]:
        needed, confidence = result["review"]["needed"], result["review"]["confidence"]
        photo |= {"needs_review": "yes" if needed else "no", "confidence": confidence}
    cracks = result["cracks"]
    rows = [photo | {"crack_id": crack["id"]} | {name: crack[name] for name in CRACK_COLUMNS} for crack in cracks]
    return rows or [photo]


def as_text(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: file names come from strangers."""
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def length_text(length_px: float, length_mm: float | None) -> str:
    """A length for people: ``"1.24 m"``, ``"84 mm"``; without a scale ``"312 px"``."""
    if length_mm is None:
        return f"{length_px:,.0f} px"
    if length_mm >= 1000:
        return f"{length_mm / 1000:,.2f} m"
    return f"{length_mm:.{0 if length_mm >= 100 else decimals(length_mm / 10, at_least=1)}f} mm"


def width_text(crack: dict[str, Any], name: str, *, uncertain: bool = False) -> str:
    """A width for people: ``name`` is ``"median_width"`` or the like; ``"0.42 ± 0.05 mm"``, without a scale in px.

    It has the digits that its uncertainty leaves it.
    """
    unit, fewest = ("px", 1) if crack[f"{name}_mm"] is None else ("mm", 2)
    width, spread = crack[f"{name}_{unit}"], crack[f"width_uncertainty_{unit}"]
    digits = decimals(spread, at_least=fewest)
    plus_minus = f" ± {spread:.{digits}f}" if uncertain else ""
    return f"{width:.{digits}f}{plus_minus} {unit}"


def decimals(value: float, *, at_least: int) -> int:
    """Digits after the point that show the first digit of ``value`` that is not zero."""
    return max(at_least, -math.floor(math.log10(value) + 1e-9)) if value > 0 else at_least
