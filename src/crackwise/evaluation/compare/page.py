"""A comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from markupsafe import Markup

from crackwise.evaluation.compare.pictures import Shown, panels_of
from crackwise.evaluation.drawing import jpeg_source, png_source
from crackwise.evaluation.page import Example
from crackwise.report.plot import FAINT, INK, SERIES, new_figure, to_svg
from crackwise.report.render import template_of

__all__ = ["Gallery", "render_page"]

Gallery: TypeAlias = Mapping[str, Mapping[str, Sequence[Example]]]
"""Model to kind of failure to drawn pictures."""

SHOWN, HIDDEN = SERIES[0], SERIES[6]
"""A difference that is shown, and one that is not."""


def render_page(
    record: Mapping[str, Any], figures: Mapping[str, Sequence[Shown]], galleries: Mapping[str, Gallery]
) -> str:
    """The page of a record as `to_json` makes it, with the pictures and the galleries of the sets at hand."""
    return template_of("crackwise.evaluation.compare", "compare.html").render(
        record=record,
        rows={reference: [row_of(shown) for shown in rows] for reference, rows in figures.items()},
        galleries=galleries,
        matrix=matrix_of,
        chart=draw_differences,
    )


def row_of(shown: Shown) -> dict[str, Any]:
    """One picture: its name, and the source and IoU of every panel by the head of its column."""
    panels = panels_of(shown)
    return {
        "name": shown.name,
        "panels": {
            head: {
                "source": jpeg_source(pixels) if head == "photograph" else png_source(pixels),
                "iou": shown.ious.get(head),
            }
            for head, pixels in panels.items()
        },
    }


def matrix_of(score: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """By row and column, both models: what is said of the row's model against the column's."""
    turned = {"above": "below", "below": "above"}
    cells = {}
    for pair in score["pairs"]:
        a, b, apart = pair["first"], pair["second"], pair["difference"]
        cell = {key: pair[key] for key in ("p", "p_holm", "outcome", "reason")}
        cells[a, b] = cell | {key: apart[key] for key in ("value", "low", "high")}
        ends = {"value": minus(apart["value"]), "low": minus(apart["high"]), "high": minus(apart["low"])}
        cells[b, a] = cell | ends | {"outcome": turned.get(pair["outcome"], pair["outcome"])}
    return cells


def minus(value: float | None) -> float | None:
    """The other way round; None stays."""
    return None if value is None else -value


def draw_differences(score: Mapping[str, Any], title: str) -> Markup:
    """A row per pair: the difference and its interval beside 0, filled where it is shown."""
    pairs = score["pairs"]
    figure, axes = new_figure(7.6, 0.9 + 0.42 * len(pairs))
    for y, pair in enumerate(pairs):
        apart = pair["difference"]
        if apart["value"] is None:
            axes.text(0, y, "not defined", ha="center", va="center", fontsize=9, color=INK)
            continue
        is_shown = pair["outcome"] in ("above", "below")
        colour = SHOWN if is_shown else HIDDEN
        if apart["low"] is not None:
            axes.plot([apart["low"], apart["high"]], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
        marker = {"markersize": 8, "markeredgewidth": 1.8, "color": colour}
        axes.plot([apart["value"]], [y], "o", fillstyle="full" if is_shown else "none", **marker)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(pairs)), [f"{pair['first']} − {pair['second']}" for pair in pairs])  # noqa: RUF001
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.grid(True, axis="x", color=FAINT)
    axes.margins(x=0.08)
    axes.set_xlabel(f"difference in {title}")
    return to_svg(figure, f"Differences in {title} of every two models, with intervals")
