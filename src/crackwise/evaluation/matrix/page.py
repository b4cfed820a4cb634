"""A matrix of models by test sets as a heat map, and its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crackwise.errors import needs_extra
from crackwise.evaluation.bootstrap import Estimate
from crackwise.evaluation.classification import PICTURE_SCORES
from crackwise.evaluation.matrix.rows import Matrix, Row, to_csv, to_json
from crackwise.evaluation.metrics import SCORES
from crackwise.imaging.files import write_atomically
from crackwise.report.plot import FAINT, INK, broken, new_figure, to_png, to_svg
from crackwise.report.render import template_of

with needs_extra("lab"):
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

__all__ = ["draw_heat_map", "write_matrix"]

COLOURS = "cividis"
"""Read the same by all eyes, and in grey."""
CELL_IN = 1.35, 0.78
GAP = 0.25
"""Of a cell, before the column of means."""
LABEL_CHARACTERS = 16


class Drawn(NamedTuple):
    """One square of the heat map."""

    estimate: Estimate | None
    note: str
    """Below the number."""
    is_met: bool
    """The model has met the set: framed in dashes."""


def write_matrix(matrix: Matrix, out: Path) -> None:
    """Write ``matrix.json``, ``matrix.csv``, ``matrix.png`` and ``matrix.html`` into ``out``.

    Raises:
        CrackwiseError: ``out`` cannot be written to.
    """
    record = to_json(matrix)
    heat_map = draw_heat_map(matrix)
    chart = to_svg(heat_map, f"{record['score']['title']} of each model on each set")
    page = template_of("crackwise.evaluation.matrix", "matrix.html").render(record=record, chart=chart)
    write_atomically(out / "matrix.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "matrix.csv", to_csv(matrix).encode())
    write_atomically(out / "matrix.png", to_png(heat_map))
    write_atomically(out / "matrix.html", page.encode())


def draw_heat_map(matrix: Matrix) -> Any:
    """A figure: a square per model and set with its number and interval; sets that a model has met are dashed.

    A last column holds the means over the sets that each model has not met.
    """
    sets = list(matrix.rows[0].cells)
    grid = [[*(square_of(row, name) for name in sets), mean_square(row)] for row in matrix.rows]
    places = [*range(len(sets)), len(sets) + GAP]
    width_in = 2.4 + CELL_IN[0] * (len(sets) + 1 + GAP)
    figure, axes = new_figure(width_in, 1.1 + CELL_IN[1] * len(grid))
    low, high = colour_range(matrix.score, grid)
    for y, squares in enumerate(grid):
        for x, square in zip(places, squares, strict=True):
            draw_square(axes, (x, y), square, None if high == low else (low, high))
    axes.set(xlim=(-0.5, places[-1] + 0.5), ylim=(len(grid) - 0.5, -0.5))
    axes.set_xticks(places, [*(broken(name, LABEL_CHARACTERS) for name in sets), "mean over\nunseen sets"])
    axes.set_yticks(range(len(grid)), [broken(row.model, LABEL_CHARACTERS) for row in matrix.rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure


def square_of(row: Row, reference: str) -> Drawn:
    """What stands in the cell of a set."""
    cell = row.cells[reference]
    if cell.estimate is None:
        return Drawn(None, "all pictures\nknown", is_met=True)
    without = f"without {cell.left_out}" if cell.left_out else ""
    return Drawn(cell.estimate, without, is_met=cell.kinship != "unseen")


def mean_square(row: Row) -> Drawn:
    """What stands in the column of means."""
    n = len(row.unseen)
    return Drawn(row.unseen_mean, f"{n} set{'s' * (n > 1)}" if n else "no unseen\nset", is_met=False)


def colour_range(score: str, grid: Sequence[Sequence[Drawn]]) -> tuple[float, float]:
    """Values of the darkest and the brightest colour: 0 and 1 for a share, else the ends of what there is."""
    row = SCORES.get(score) or PICTURE_SCORES[score]
    if row.is_share:
        return 0.0, 1.0
    values = [each.estimate.value for squares in grid for each in squares if each.estimate]
    return (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (0.0, 0.0)


def draw_square(axes: Any, place: tuple[float, float], square: Drawn, colours: tuple[float, float] | None) -> None:
    """One square, its number in the middle, black or white by what is behind it."""
    x, y = place
    estimate = square.estimate
    if estimate is None or np.isnan(estimate.value):
        axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor="none", edgecolor=FAINT))
        why = square.note if estimate is None else "not defined"
        axes.text(x, y, why, ha="center", va="center", fontsize=9, color=INK)
        return
    low, high = colours or (estimate.value - 1, estimate.value + 1)
    shade = colormaps[COLOURS]((estimate.value - low) / (high - low))
    ink = "#000000" if luminance(shade) > 0.18 else "#ffffff"
    axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=shade, edgecolor="none"))
    if square.is_met:
        axes.add_patch(
            Rectangle((x - 0.44, y - 0.41), 0.88, 0.82, facecolor="none", edgecolor=ink, linestyle=(0, (3, 2)))
        )
    axes.text(x, y - 0.12, shown(estimate.value), ha="center", va="center", fontsize=14, color=ink)
    ends = "" if np.isnan(estimate.low) else f"{shown(estimate.low)} to {shown(estimate.high)}"
    below = "\n".join(filter(None, (ends, square.note)))
    axes.text(x, y + 0.05, below, ha="center", va="top", fontsize=8.5, color=ink, linespacing=1.15)


def luminance(shade: Sequence[float]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1, as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shade[:3]]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def shown(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
