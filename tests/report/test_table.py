"""Rows that a spreadsheet reads and a person understands."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest

from crackwise.report.table import COLUMNS, CRACK_COLUMNS, Entry, length_text, to_csv, width_text


def crack(number: int, mm: float | None = None) -> dict[str, Any]:
    values = {name: None if name.endswith("_mm") and mm is None else 10.0 for name in CRACK_COLUMNS}
    return values | {"id": number, "label": "crack"}


def photo(*cracks: dict[str, Any]) -> dict[str, Any]:
    review = {"needed": True, "confidence": 0.5, "below": 0.7} if cracks else None
    return {"width_px": 40, "height_px": 30, "mm_per_px": None, "review": review, "cracks": list(cracks)}


def rows(*entries: Entry) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(to_csv(entries).decode())))


def test_a_row_for_every_crack_and_one_for_every_photo_without() -> None:
    table = rows(
        Entry("a.jpg", "a", result=photo(crack(1), crack(2))),
        Entry("b.jpg", "b", result=photo()),
        Entry("c.jpg", "c", error="c.jpg is empty, alas"),
    )
    assert [row["crack_id"] for row in table] == ["1", "2", "", ""]
    assert [row["photo_width_px"] for row in table] == ["40", "40", "40", ""]
    assert table[3]["error"] == "c.jpg is empty, alas"
    assert table[0]["length_mm"] == ""
    assert [row["needs_review"] for row in table] == ["yes", "yes", "", ""]
    assert [row["confidence"] for row in table] == ["0.5", "0.5", "", ""]
    assert list(table[0]) == list(COLUMNS)


@pytest.mark.parametrize("name", ["=1+1.jpg", "+a.jpg", "-a.jpg", "@a.jpg", "\ta.jpg"])
def test_no_name_becomes_a_formula(name: str) -> None:
    (row,) = rows(Entry(name, name, error=f"{name} is bad"))
    assert row["source"] == f"'{name}"
    assert row["error"].startswith("'")


@pytest.mark.parametrize(
    ("px", "mm", "text"),
    [
        (312.4, None, "312 px"),
        (12345.0, None, "12,345 px"),
        (1, 8.04, "8.0 mm"),
        (1, 640.4, "640 mm"),
        (1, 1240, "1.24 m"),
        (1, 0.0412, "0.041 mm"),
        (0, 0.0, "0.0 mm"),
    ],
)
def test_lengths_are_written_for_people(px: float, mm: float | None, text: str) -> None:
    assert length_text(px, mm) == text


def test_widths_are_written_for_people() -> None:
    row = crack(1) | {"mean_width_px": 5.44, "width_uncertainty_px": 0.31}
    assert width_text(row, "mean_width") == "5.4 px"
    assert width_text(row, "mean_width", uncertain=True) == "5.4 ± 0.3 px"
    assert (
        width_text(row | {"mean_width_mm": 0.418, "width_uncertainty_mm": 0.05}, "mean_width", uncertain=True)
        == "0.42 ± 0.05 mm"
    )


@pytest.mark.parametrize(
    ("width", "spread", "text"),
    [
        (0.03012, 0.00122, "0.030 ± 0.001 mm"),
        (0.418, 0.0, "0.42 ± 0.00 mm"),
        (0.00005, 0.00001, "0.00005 ± 0.00001 mm"),
    ],
)
def test_a_width_has_the_digits_that_its_uncertainty_leaves_it(width: float, spread: float, text: str) -> None:
    row = crack(1) | {"mean_width_mm": width, "width_uncertainty_mm": spread}
    assert width_text(row, "mean_width", uncertain=True) == text
