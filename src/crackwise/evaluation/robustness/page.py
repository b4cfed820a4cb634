"""Robustness as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from crackwise.evaluation.robustness.chart import severity_chart
from crackwise.evaluation.robustness.contact import Sheet
from crackwise.evaluation.robustness.suite import CLEAN
from crackwise.report.render import template_of

__all__ = ["Chart", "charts_of", "render_page", "shown_scores"]


WORST_SHOWN = 3


class Chart(NamedTuple):
    """Score against severity on one set."""

    reference: str
    score: str
    drawing: Markup


def render_page(record: Mapping[str, Any], sheet: Sheet) -> str:
    """The page of a record as `to_json` makes it."""
    return template_of("crackwise.evaluation.robustness", "page.html").render(
        record=record, sheet=sheet, charts=list(charts_of(record)), shown=shown_scores, worst=worst_noises, clean=CLEAN
    )


def shown_scores(record: Mapping[str, Any], reference: str) -> Sequence[str]:
    """The scores that the clean pictures of a set define, for any of the models."""
    models = record["sets"][reference]["models"].values()
    return [
        score
        for score in record["protocols"]
        if any(model["scores"][score][CLEAN]["value"] is not None for model in models)
    ]


def worst_noises(summary: Mapping[str, Any]) -> list[str]:
    """The noises that leave least of a score, the worst first."""
    left = {name: held["relative"]["value"] for name, held in summary["noises"].items()}
    order = sorted((name for name, value in left.items() if value is not None), key=lambda name: float(left[name]))
    return [f"{name.replace('_', ' ')} {left[name]:.2f}" for name in order[:WORST_SHOWN]]


def charts_of(record: Mapping[str, Any]) -> Iterator[Chart]:
    """The first score of cracks and the first of crack-free pictures, as far as each set defines them."""
    for reference in record["sets"]:
        kinds: set[bool] = set()
        for score in shown_scores(record, reference):
            kind = record["protocols"][score]["over"] == "crack-free"
            if kind not in kinds:
                kinds.add(kind)
                yield Chart(reference, score, severity_chart(record, reference, score))
