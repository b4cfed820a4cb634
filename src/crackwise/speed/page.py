"""Timings as a plot and a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from crackwise.imaging.files import write_atomically
from crackwise.report.plot import SERIES, new_figure, to_svg
from crackwise.report.render import template_of

__all__ = ["draw_accuracy", "write_speed"]

MARKS = "osD^vPX"


def write_speed(record: dict[str, Any], out: Path) -> None:
    """Write ``speed.json`` and ``speed.html`` into ``out``.

    Raises:
        CrackwiseError: ``out`` cannot be written to.
    """
    page = template_of("crackwise.speed", "speed.html").render(record=record, chart=draw_accuracy(record))
    write_atomically(out / "speed.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "speed.html", page.encode())


def draw_accuracy(record: dict[str, Any]) -> Markup | None:
    """Accuracy against latency, a mark for each model whose card tells the score; None where none does."""
    models = [model for model in record["models"] if model["accuracy"] is not None]
    if not models:
        return None
    figure, axes = new_figure(7.5, 3.8)
    for i, model in enumerate(models):
        middle, rounds = model["p50_ms"], model["rounds"]["p50_ms"]
        axes.errorbar(
            middle,
            model["accuracy"],
            xerr=[[max(middle - min(rounds), 0)], [max(max(rounds) - middle, 0)]],
            fmt=MARKS[i % len(MARKS)],
            color=SERIES[i % len(SERIES)],
            capsize=3,
            label=f"{model['name']}, {model['runtime']} {model['precision']}",
        )
    axes.set_xscale("log")
    axes.set_xlabel(f"latency at {record['asked']['size_px']} px, median; bars: the rounds' least and most (ms)")
    axes.set_ylabel(f"{record['score']['name']} on {record['score']['set']}")
    axes.legend(fontsize=9)
    return to_svg(figure, "Accuracy of each model against its latency")
