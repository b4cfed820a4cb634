"""The histogram of widths, as SVG that stands inside a page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from markupsafe import Markup, escape

from crackwise.report.table import decimals

__all__ = ["WidthCounts", "width_chart"]

WIDTH, HEIGHT = 720, 240
LEFT, BOTTOM, TOP, RIGHT = 48, 44, 14, 10
MOST_BARS = 24
TAIL = 0.995
"""The axis ends where this share of the points is; the last bar holds what is wider."""
STEP_PX = 0.1


class WidthCounts:
    """How many points of all centrelines have which width, in steps of 0.1 px or, with a scale, about as many mm."""

    def __init__(self, mm_per_px: float | None) -> None:
        self.unit = "px" if mm_per_px is None else "mm"
        self.mm_per_px = mm_per_px
        self.step = STEP_PX if mm_per_px is None else 10.0 ** math.floor(math.log10(STEP_PX * mm_per_px))
        self.steps: Counter[int] = Counter()

    def add(self, widths_px: list[float]) -> None:
        """Count the points of one crack that its statistics are made of."""
        factor = (self.mm_per_px or 1.0) / self.step
        self.steps.update(int(width * factor) for width in widths_px)


def width_chart(counts: WidthCounts) -> Markup:
    """Bars of the share of crack length per width; empty where nothing was measured."""
    total = counts.steps.total()
    if not total:
        return Markup("")
    bar_steps, bars = group(counts.steps)
    step = bar_steps * counts.step
    highest = max(bars) / total
    parts = [
        *grid_lines(highest),
        *draw_bars([count / total for count in bars], highest, step, counts.unit),
        *axis_labels(len(bars), step, counts.unit),
    ]
    label = f"Histogram of crack widths in {counts.unit}"
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def group(steps: Counter[int]) -> tuple[int, list[int]]:
    """Steps per bar, a round number, and the count in every bar; the last bar takes the tail."""
    total, seen = steps.total(), 0
    last = 0
    for last in sorted(steps):
        seen += steps[last]
        if seen >= TAIL * total:
            break
    bar_steps = next(n for n in round_numbers() if last // n < MOST_BARS)
    bars = [0] * (last // bar_steps + 1)
    for step, count in steps.items():
        bars[min(step // bar_steps, len(bars) - 1)] += count
    return bar_steps, bars


def round_numbers() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, ..."""
    for power in range(12):
        yield from (10**power, 2 * 10**power, 5 * 10**power)


def plot_x(bar: float, bars: int) -> float:
    """Where the left side of a bar is."""
    return LEFT + bar * (WIDTH - LEFT - RIGHT) / bars


def plot_y(share: float, highest: float) -> float:
    """Where a share is on the vertical axis."""
    return TOP + (1 - share / highest) * (HEIGHT - TOP - BOTTOM)


def draw_bars(shares: list[float], highest: float, step: float, unit: str) -> Iterator[str]:
    """One rectangle per bar, with its numbers as a tooltip."""
    n = len(shares)
    digits = decimals(step, at_least=0)
    for i, share in enumerate(shares):
        x, y = plot_x(i, n), plot_y(share, highest)
        upper = f"{(i + 1) * step:.{digits}f} {unit}" if i < n - 1 else f"{unit} or more"
        title = f"{i * step:.{digits}f} {'to ' if i < n - 1 else ''}{upper}: {share:.1%} of the length"
        yield (
            f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{max(plot_x(i + 1, n) - x - 2, 1):.1f}" '
            f'height="{HEIGHT - BOTTOM - y:.1f}" rx="2"><title>{escape(title)}</title></rect>'
        )


def grid_lines(highest: float) -> Iterator[str]:
    """Four lines at round shares."""
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if highest / s <= 5)
    for i in range(math.floor(highest / step + 1e-9) + 1):
        y = plot_y(i * step, highest)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{i * step * 100:g} %</text>'


def axis_labels(bars: int, step: float, unit: str) -> Iterator[str]:
    """Widths under every few bars, and the name of the axis."""
    every = max(1, math.ceil(bars / 8))
    digits = decimals(step, at_least=0)
    for i in range(0, bars, every):
        x = plot_x(i, bars)
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{i * step:.{digits}f}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">crack width, {unit}</text>'
