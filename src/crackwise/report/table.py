"""Results as rows: one for every crack, and one for a photograph that has none or could not be used."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

__all__ = [
    "COLUMNS",
    "Entry",
    "decimals",
    "length_text",
    "masks_to_csv",
    "nothing_text",
    "percent",
    "to_csv",
    "width_text",
]

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
MASK_COLUMNS = (
    *("source", "stem", "error", "photo_width_px", "photo_height_px", "crack_area_px", "sha256"),
    *("threshold", "model_sha256", "runtime", "precision"),
)
"""Of ``masks.csv``, in this order."""

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
    return csv_of(COLUMNS, (row for entry in entries for row in rows_of(entry)))


def masks_to_csv(entries: Iterable[Entry]) -> bytes:
    """The table of a run that measured nothing, UTF-8: one row for every photograph."""
    return csv_of(MASK_COLUMNS, map(mask_row, entries))


def csv_of(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows under their heads."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def names_of(entry: Entry) -> dict[str, Any]:
    """The first cells of every row of a photograph."""
    return {"source": as_text(entry.source), "stem": as_text(entry.stem), "error": as_text(entry.error or "")}


def mask_row(entry: Entry) -> dict[str, Any]:
    """The row of one photograph whose cracks were not measured."""
    if entry.result is None:
        return names_of(entry)
    size = {"photo_width_px": entry.result["width_px"], "photo_height_px": entry.result["height_px"]}
    return names_of(entry) | size | {name: entry.result[name] for name in MASK_COLUMNS[5:]}


def rows_of(entry: Entry) -> list[dict[str, Any]]:
    """The rows of one photograph."""
    photo = names_of(entry)
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


def nothing_text(result: Mapping[str, Any]) -> str:
    """What is said where no crack was measured: ``"no crack"``, or how much is marked all the same."""
    area_px = result["totals"]["crack_area_px"]
    if not area_px:
        return "no crack"
    return f"no crack to measure, {percent(area_px / (result['width_px'] * result['height_px']))} of the area marked"


def percent(share: float) -> str:
    """A share for people: ``"0.012 %"``, ``"3.5 %"``, ``"100 %"``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


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
