"""The record of a sweep as one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from crackwise.report.render import template_of
from crackwise.sweeps.chart import Point, cost_chart

__all__ = ["render_page"]

COSTS = {
    "core_minutes": "core-minutes of training",
    "parameters_trainable": "parameters that learn",
    "parameters_total": "parameters",
}


def render_page(record: Mapping[str, Any]) -> str:
    """The page of a record as `record_of` makes it."""
    columns = record["columns"]
    titles = dict.fromkeys(column["case"] for column in columns)
    return template_of("crackwise.sweeps", "page.html").render(
        record=record,
        cases=[(title, [column for column in columns if column["case"] == title]) for title in titles],
        chart=cost_chart(points_of(record), cost=COSTS[record["cost"]], score=columns[0]["title"]) if columns else "",
        cost=COSTS[record["cost"]],
        footnotes=footnotes(record),
    )


def points_of(record: Mapping[str, Any]) -> list[Point]:
    """The first score of every arm that has one."""
    points = []
    for number, row in enumerate(record["rows"], 1):
        cost, first = row[record["cost"]], row["cells"][0]
        if cost is not None and first["value"] is not None:
            low, high, published = (math.nan if first[n] is None else first[n] for n in ("low", "high", "published"))
            points.append(Point(number, row["name"], cost, first["value"], low, high, published))
    return points


def footnotes(record: Mapping[str, Any]) -> dict[str, int]:
    """Every way in which a column is not as published, numbered from 1 on."""
    found = dict.fromkeys(text for column in record["columns"] for text in column["differences"])
    return {text: number for number, text in enumerate(found, 1)}
