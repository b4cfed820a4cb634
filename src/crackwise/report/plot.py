"""Plots by matplotlib as SVG that stands inside a page and takes its colours, light or dark.

Lines are drawn in `SERIES`, text and axes in `INK`, grids in `FAINT`; on the page these become the colours of
``report/frame.html``. A plot that is saved as a file of its own keeps the light ones.
"""

from __future__ import annotations

import io
import re
from typing import Any

from markupsafe import Markup, escape

from crackwise.errors import needs_extra

with needs_extra("lab"):
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

__all__ = ["FAINT", "INK", "SERIES", "broken", "new_figure", "to_png", "to_svg"]

INK, FAINT = "#1c2430", "#dde2e8"
SERIES = ("#0072b2", "#b35900", "#00795a", "#a3457d", "#8a6d00", "#2f6f8f", "#5a6675")
"""Colours of lines that eyes of all kinds tell apart; beyond these, lines need marks of their own."""

STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "crackwise",
}
ON_PAGE = {INK: "currentColor", FAINT: "var(--line)"} | {colour: f"var(--c{i})" for i, colour in enumerate(SERIES)}


def new_figure(width_in: float = 7.5, height_in: float = 4.0, *, columns: int = 1, rows: int = 1) -> tuple[Figure, Any]:
    """A figure in the house's style, and its axes: one, or an array (rows, columns) of them."""
    with rc_context(STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=rows * columns == 1)
    for each in [axes] if rows * columns == 1 else axes.flat:
        each.set_prop_cycle(color=SERIES)
        each.grid(True, linewidth=0.8)
        each.set_axisbelow(True)
    return figure, axes


def to_svg(figure: Figure, label: str) -> Markup:
    """An ``svg`` element that takes the page's colours; ``label`` says what it shows to who cannot see it.

    The same figure gives the same bytes.
    """
    content = io.StringIO()
    unframe(figure)
    with rc_context(STYLE):
        FigureCanvasSVG(figure).print_figure(content, format="svg", metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    text = text[text.index("<svg") :]
    for colour, on_page in ON_PAGE.items():
        text = text.replace(colour, on_page)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    opening, rest = text.split(">", 1)
    opening = re.sub(r' (?:width|height|xmlns|xmlns:xlink|version)="[^"]*"', "", opening)
    most_px = round(figure.get_figwidth() * 100)
    opening = opening.replace("<svg", f'<svg class="plot" role="img" aria-label="{escape(label)}"', 1)
    return Markup(f'{opening} style="max-width: {most_px}px">{rest}')


def unframe(figure: Figure) -> None:
    """Legends in ink and without a box of their own, whose paper would stay light on a dark page."""
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is not None:
            legend.set_frame_on(False)
            for text in legend.get_texts():
                text.set_color(INK)


def to_png(figure: Figure, dots_per_inch: int = 120) -> bytes:
    """The figure on white paper."""
    content = io.BytesIO()
    unframe(figure)
    with rc_context(STYLE):
        FigureCanvasAgg(figure)
        figure.savefig(content, format="png", dpi=dots_per_inch, facecolor="white")
    return content.getvalue()


def broken(label: str, characters: int) -> str:
    """A label on lines of at most so many characters, parted where names have joints, if they have any."""
    lines = [""]
    for piece in label.replace(" ", " \0").replace(":", ":\0").replace("/", "/\0").split("\0"):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > characters:
            lines.append("")
        lines[-1] += piece
    cut = [line.strip()[i : i + characters] for line in lines for i in range(0, max(1, len(line.strip())), characters)]
    return "\n".join(cut)
