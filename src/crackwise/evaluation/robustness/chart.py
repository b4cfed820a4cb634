"""Score against severity, a small plot for every noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crackwise.evaluation.robustness.suite import CLEAN
from crackwise.report.plot import INK, SERIES, new_figure, to_svg

__all__ = ["severity_chart"]

COLUMNS = 4
PANEL_IN = (3.0, 2.1)
MARKS = "osD^vPX"


def severity_chart(record: Mapping[str, Any], reference: str, score: str) -> Markup:
    """One score of every model on one set: a panel per noise, from the clean photographs on to its levels.

    Shades are the intervals; the finest line is what each model scores on clean photographs.
    """
    noises = dict.fromkeys(each["noise"] for each in record["conditions"].values())
    columns = min(COLUMNS, len(noises))
    rows = math.ceil(len(noises) / columns)
    width = max(4.5, PANEL_IN[0] * columns)
    figure, axes = new_figure(width, 0.5 + PANEL_IN[1] * rows, columns=columns, rows=rows)
    panels = [axes] if rows * columns == 1 else list(axes.flat)
    models = record["sets"][reference]["models"]
    for panel, noise in zip(panels, noises, strict=False):
        draw_panel(panel, record, models, noise, score)
    for panel in panels[len(noises) :]:
        panel.set_visible(False)
    top = highest(models, score)
    for panel in panels:
        panel.set_ylim(0, 1.05 * top)
    if len(models) > 1:
        names = panels[0].get_legend_handles_labels()
        figure.legend(*names, loc="outside upper left", ncols=4, frameon=False, labelcolor=INK)
    return to_svg(figure, f"{record['protocols'][score]['title']} on {reference} against the severity of each noise")


def draw_panel(axes: Any, record: Mapping[str, Any], models: Mapping[str, Any], noise: str, score: str) -> None:
    """The levels of one noise, a line for every model."""
    names = [name for name, each in record["conditions"].items() if each["noise"] == noise]
    levels = [record["conditions"][name]["level"] for name in names]
    for i, (label, model) in enumerate(models.items()):
        summary, colour = model["scores"][score], SERIES[i % len(SERIES)]
        points = [summary[CLEAN], *(summary["conditions"][name] for name in names)]
        value, low, high = ([number(point[key]) for point in points] for key in ("value", "low", "high"))
        axes.axhline(value[0], color=colour, linewidth=0.8, linestyle=":")
        axes.fill_between(range(len(points)), low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(range(len(points)), value, color=colour, marker=MARKS[i % len(MARKS)], markersize=4, label=label)
    axes.set_xticks(range(len(names) + 1), ["0", *("1" if level is None else str(level) for level in levels)])
    axes.set_title(noise.replace("_", " "), fontsize=10, color=INK, loc="left")


def highest(models: Mapping[str, Any], score: str) -> float:
    """The highest number of any panel: 1 for a share."""
    summaries = [model["scores"][score] for model in models.values()]
    values = [point["value"] for each in summaries for point in (each[CLEAN], *each["conditions"].values())]
    return float(max([1.0, *(value for value in values if value is not None)]))


def number(value: float | None) -> float:
    """For matplotlib."""
    return math.nan if value is None else value
