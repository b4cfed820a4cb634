"""How wide labels are drawn: along their middle lines, the label's width over that which the grey profile shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.measure.branch import Branch, trace
from crackwise.measure.curve import normals
from crackwise.measure.width import WIDTHS, Reading

__all__ = ["LEAST_WIDTH_PX", "MiddleLines", "Thickness", "join_thickness", "measure_thickness", "middle_lines"]

LEAST_WIDTH_PX = 1.0
"""A thinner crack counts as this wide: no mask of whole pixels can be thinner."""
LEAST_POINTS = 10
"""Centreline points that a ratio rests on, at least."""


class Thickness(NamedTuple):
    """Widths at the counted points (n,) of the middle lines where the photograph shows the crack, px."""

    label_px: NDArray[np.float64]
    grey_px: NDArray[np.float64]
    """At least `LEAST_WIDTH_PX`."""
    points: NDArray[np.float64]
    """(n, 2) row, column."""
    length_px: int
    """Points of all middle lines, seen or not."""

    @property
    def ratio(self) -> float:
        """Median of the label's width over the crack's; nan where too little of the crack is seen."""
        return float(np.median(self.label_px / self.grey_px)) if len(self.label_px) >= LEAST_POINTS else np.nan

    @property
    def widest(self) -> tuple[int, int] | None:
        """Row and column of the point where the label exceeds the crack most."""
        if not len(self.label_px):
            return None
        row, column = self.points[int((self.label_px / self.grey_px).argmax())]
        return round(float(row)), round(float(column))


class MiddleLines(NamedTuple):
    """The middle lines of a label."""

    branches: list[Branch]
    widths: list[Reading]
    """Of the label itself."""

    @property
    def points(self) -> NDArray[np.float64]:
        """(n, 2) row and column of all of them; whole numbers are pixel centres."""
        return np.concatenate([np.zeros((0, 2)), *(branch.points for branch in self.branches)])

    @property
    def width_px(self) -> float:
        """Median width of the strokes; 0 where there are none."""
        return float(np.median(np.concatenate([each.widths_px for each in self.widths]))) if self.widths else 0.0


def middle_lines(label: NDArray[np.bool_]) -> MiddleLines:
    """The lines in the middle of the strokes of a label (h, w): a skeleton lies up to half a pixel beside them."""
    plane = label.astype(np.float32)
    branches = trace(plane, label)
    readings = WIDTHS["probability"](plane, label.view(np.uint8) * np.uint8(255), branches)
    lines, widths = [], []
    for branch, reading in zip(branches, readings, strict=True):
        if reading is not None:
            middle = branch.points + normals(branch.points) * reading.shifts_px[:, None]
            lines.append(replace(branch, points=middle))
            widths.append(reading)
    return MiddleLines(lines, widths)


def measure_thickness(
    grey: NDArray[np.uint8], label: NDArray[np.bool_], lines: MiddleLines, beside_px: tuple[float, float]
) -> Thickness:
    """Both widths of a label (h, w) with its middle lines on a grey photograph (h, w).

    ``beside_px``: right and down, where the label lies as seen from the crack; it is moved back before it is read.
    """
    right, down = (round(step) for step in beside_px)
    moved = [replace(branch, points=branch.points - (down, right)) for branch in lines.branches]
    mask = np.roll(label.view(np.uint8) * np.uint8(255), (-down, -right), axis=(0, 1))
    seen = WIDTHS["intensity"](grey, mask, moved)
    parts = [
        (mine.widths_px[both], theirs.widths_px[both], branch.points[both])
        for mine, theirs, branch in zip(lines.widths, seen, lines.branches, strict=True)
        if theirs is not None
        for both in [mine.counted & theirs.counted]
    ]
    empty = (np.zeros(0), np.zeros(0), np.zeros((0, 2)))
    label_px, grey_px, points = (np.concatenate(each) for each in zip(empty, *parts, strict=True))
    return Thickness(label_px, np.maximum(grey_px, LEAST_WIDTH_PX), points, len(lines.points))


def join_thickness(parts: Sequence[Thickness], corners: Sequence[tuple[float, float]]) -> Thickness:
    """The widths in several windows of one picture; ``corners`` are row and column of each window's first pixel."""
    return Thickness(
        np.concatenate([part.label_px for part in parts]),
        np.concatenate([part.grey_px for part in parts]),
        np.concatenate([part.points + corner for part, corner in zip(parts, corners, strict=True)]),
        sum(part.length_px for part in parts),
    )
