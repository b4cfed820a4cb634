"""Accuracy against cost, as SVG that stands inside a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

__all__ = ["Point", "cost_chart"]

WIDTH, HEIGHT = 760, 380
LEFT, BOTTOM, TOP, RIGHT = 62, 52, 18, 24


class Point(NamedTuple):
    """One row of the table."""

    number: int
    """Its row, from 1 on."""
    name: str
    cost: float
    score: float
    low: float
    """Of the interval; nan where there is none, and the same for the next two."""
    high: float
    published: float


class Axis(NamedTuple):
    """Values to places; logarithmic where they span more than a factor of ten."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def cost_chart(points: Sequence[Point], *, cost: str, score: str) -> Markup:
    """A dot with its interval and the number of its row for every run, a ring for its published number."""
    if not points:
        return Markup("")
    across, up = cost_axis([point.cost for point in points]), score_axis(points)
    parts = [*grid(across, up), *(part for point in points for part in draw(point, across, up))]
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(cost)}</text>')
    label = escape(f"{score} against {cost}")
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def cost_axis(costs: Sequence[float]) -> Axis:
    """From a little left of the least to a little right of the greatest."""
    low, high = min(costs), max(costs)
    if low > 0 and high / low > 10:
        return Axis(low / 1.5, high * 1.5, LEFT, WIDTH - RIGHT, True)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return Axis(low - room, high + room, LEFT, WIDTH - RIGHT, False)


def score_axis(points: Sequence[Point]) -> Axis:
    """Round to a step of the grid, around every interval and published number."""
    values = [v for point in points for v in (point.score, point.low, point.high, point.published) if math.isfinite(v)]
    step = step_of(max(values) - min(values) or 0.01)
    low, high = math.floor(min(values) / step - 0.2) * step, math.ceil(max(values) / step + 0.2) * step
    return Axis(low, high, HEIGHT - BOTTOM, TOP, False)


def step_of(span: float) -> float:
    """A round number that comes about five times in a span."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / 5)


def ticks(axis: Axis) -> Iterator[float]:
    """Round values on an axis."""
    if axis.log:
        for power in range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1):
            yield from (v for v in (10.0**power, 3 * 10.0**power) if axis.low <= v <= axis.high)
        return
    step = step_of(axis.high - axis.low)
    for i in range(math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9) + 1):
        yield i * step


def grid(across: Axis, up: Axis) -> Iterator[str]:
    """Lines and numbers."""
    for value in ticks(up):
        y = up.place(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{round(value, 10):g}</text>'
    for value in ticks(across):
        x = across.place(value)
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{short(value)}</text>'


def draw(point: Point, across: Axis, up: Axis) -> Iterator[str]:
    """One run."""
    x, y = across.place(point.cost), up.place(point.score)
    yield "<g>"
    if math.isfinite(point.published):
        ring = up.place(point.published)
        yield f'<line class="gap" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{ring:.1f}"/>'
        yield f'<circle class="published" cx="{x:.1f}" cy="{ring:.1f}" r="5"/>'
    if math.isfinite(point.low):
        low, high = up.place(point.low), up.place(point.high)
        yield f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
    yield f'<circle class="ours" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    yield f'<text class="number" x="{x + 9:.1f}" y="{y - 7:.1f}">{point.number}</text>'
    yield f"<title>{escape(f'{point.number}  {point.name}: {point.score:.3f}')}</title></g>"


def short(value: float) -> str:
    """``"300 k"``, ``"4.4 M"``, ``"0.3"``."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}"
    return f"{round(value, 6):g}"
