"""Whether a score of 0.8 means that eight of ten such pictures are cracked: the reliability diagram, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from crackwise.evaluation.classification import BINS, PictureCounts, binned
from crackwise.evaluation.protocols.score import ratio

__all__ = ["Bin", "reliability", "reliability_chart"]

SIDE, LEFT, TOP, RIGHT = 300, 46, 10, 12
"""Of the square from 0 to 1, and what is around it."""
GAP, STRIP, BOTTOM = 20, 56, 40
"""Below the square: a gap, the histogram of scores, its axis."""
WIDTH, HEIGHT = LEFT + SIDE + RIGHT, TOP + SIDE + GAP + STRIP + BOTTOM
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Bin(NamedTuple):
    """The pictures whose score is in [low, high); the last bin holds 1 as well."""

    low: float
    high: float
    pictures: int
    mean_score: float
    """nan where there is no picture; the same for the next."""
    cracked_share: float


def reliability(counts: PictureCounts) -> tuple[Bin, ...]:
    """The bins, from low scores to high."""
    pictures, score_sum, cracked = binned(counts)
    numbers = zip(pictures, ratio(score_sum, pictures), ratio(cracked, pictures), strict=True)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, int(n), float(mean), float(share)) for i, (n, mean, share) in enumerate(numbers)
    )


def reliability_chart(bins: Sequence[Bin]) -> Markup:
    """A bar of the share of cracked pictures per bin, a dot at its mean score, and below how many pictures it holds.

    Where scores can be taken at their word the dots lie on the diagonal. Empty without pictures.
    """
    held = [each for each in bins if each.pictures]
    if not held:
        return Markup("")
    parts = "".join([*grid(), *bars(held), *histogram(held), *axes()])
    about = 'role="img" aria-label="Reliability diagram: share of cracked pictures by score"'
    return Markup(f'<svg class="reliability" viewBox="0 0 {WIDTH} {HEIGHT}" {about}>{parts}</svg>')


def plot_x(score: float) -> float:
    """Where a score is."""
    return LEFT + score * SIDE


def plot_y(share: float) -> float:
    """Where a share is."""
    return TOP + (1 - share) * SIDE


def grid() -> Iterator[str]:
    """Lines at quarters, and the diagonal."""
    for tick in TICKS:
        y = plot_y(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
    yield f'<line class="diagonal" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{plot_y(0)}" y2="{plot_y(1)}"/>'


def bars(held: Sequence[Bin]) -> Iterator[str]:
    """A bar and a dot per bin, with its numbers as a tooltip."""
    for each in held:
        left, right, top = plot_x(each.low), plot_x(each.high), plot_y(each.cracked_share)
        title = (
            f"score {each.low:.2f} to {each.high:.2f}: {each.pictures} pictures, "
            f"mean score {each.mean_score:.3f}, {each.cracked_share:.1%} cracked"
        )
        yield (
            f'<g><title>{title}</title><rect class="share" x="{left + 1:.1f}" y="{top:.1f}" '
            f'width="{right - left - 2:.1f}" height="{plot_y(0) - top:.1f}"/>'
            f'<circle cx="{plot_x(each.mean_score):.1f}" cy="{top:.1f}" r="4"/></g>'
        )


def histogram(held: Sequence[Bin]) -> Iterator[str]:
    """How many pictures each bin holds, the fullest as high as the strip."""
    most, floor = max(each.pictures for each in held), TOP + SIDE + GAP + STRIP
    for each in held:
        left, height = plot_x(each.low), max(1.0, (STRIP - 12) * each.pictures / most)
        width = plot_x(each.high) - left - 2
        yield (
            f'<rect class="count" x="{left + 1:.1f}" y="{floor - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}"><title>{each.pictures} pictures</title></rect>'
        )
    yield f'<text x="{LEFT - 7}" y="{floor - STRIP + 22}" text-anchor="end">{most}</text>'
    yield f'<text x="{LEFT - 7}" y="{floor + 4}" text-anchor="end">0</text>'
    yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{floor}" y2="{floor}"/>'


def axes() -> Iterator[str]:
    """Scores below, and what the axes are."""
    floor = TOP + SIDE + GAP + STRIP
    for tick in TICKS:
        yield f'<text x="{plot_x(tick):.1f}" y="{floor + 16}" text-anchor="middle">{tick:g}</text>'
    yield f'<text x="{LEFT + SIDE}" y="{floor + 34}" text-anchor="end">score of the picture</text>'
    yield f'<text x="{LEFT + 8}" y="{TOP + 15}">share that is cracked</text>'
    yield f'<text x="{LEFT + 8}" y="{floor - STRIP + 4}">pictures</text>'
