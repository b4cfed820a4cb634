"""Cracks followed from picture to picture, so that one is counted once, however long it stays in view.

Every crack leaves its cells on a grid that stands still while the view moves over it. A crack of the next picture that
lies on the cells of an earlier one is that one, and adds its own cells; one that lies on two earlier ones joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.measure import Crack

__all__ = ["Followed", "Tracker"]

CELLS_ACROSS = 160
"""Cells along the longer side of a picture; a crack that drifts by less than one is still on its own."""
SMALLEST_CELL_PX = 4.0
KNOWN_SHARE = 0.25
"""Of a crack's cells that were in view before that must be on an earlier one."""
JOINED_SHARE = 0.5
"""Of what is in view of a second earlier one that must be on the crack for the two to be one."""
MOST_TRACKS, MOST_CELLS = 256, 1000
"""Remembered; beyond, who was seen longest ago is forgotten, and would be counted again."""

NEIGHBOURS = np.array([(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)])

Cells = NDArray[np.int64]
"""(n, 2) row and column."""


@dataclass(slots=True)
class Track:
    """One crack over several pictures."""

    label: str
    cells: Cells
    """The newest first."""


class Followed(NamedTuple):
    """Which cracks those of one picture are."""

    ids: tuple[int, ...]
    """One for each, several of them the same where a crack was found in pieces."""
    joined: tuple[tuple[int, int], ...]
    """Numbers given earlier that turned out to be the same crack as a lower one."""


class Tracker:
    """What is known of the cracks of one watch; its memory does not grow."""

    def __init__(self, last_id: int = 0, count: int = 0) -> None:
        """Numbers go on after ``last_id``; ``count`` cracks were found by earlier watches."""
        self.last_id = last_id
        self.count = count
        """Different cracks so far."""
        self.tracks: dict[int, Track] = {}
        """By their numbers; who was seen last is last."""
        self.corner = np.zeros(2)
        """Of the view on the grid's plane: row, column, px."""
        self.cell_px = SMALLEST_CELL_PX
        self.before = Span(np.zeros(2, np.int64), np.zeros(2, np.int64))
        """Which cells were in view on the picture before."""

    def follow(self, cracks: Sequence[Crack], shape: tuple[int, int], shift_px: tuple[float, float] | None) -> Followed:
        """Recognise the cracks of the next picture, on which the scene moved down and right by ``shift_px``.

        ``shape`` is its height and width; None for another scene: nothing on it is known.
        """
        self.move(shape, shift_px)
        cells = [self.cells_of(crack) for crack in cracks]
        views = {label: self.view(label, shape) for label in {crack.label for crack in cracks}}
        owners = [self.owners(views[crack.label], own) for crack, own in zip(cracks, cells, strict=True)]
        heirs = join(owners)
        ids = tuple(heirs[known[0]] if known else self.new_id() for known in owners)
        joined = tuple((old, heir) for old, heir in sorted(heirs.items()) if old != heir)
        for old, heir in joined:
            self.tracks[heir].cells = np.concatenate([self.tracks[heir].cells, self.tracks.pop(old).cells])
        self.count -= len(joined)
        for number, crack, own in zip(ids, cracks, cells, strict=True):
            self.remember(number, crack.label, own)
        self.before = self.span(shape)
        return Followed(ids, joined)

    def move(self, shape: tuple[int, int], shift_px: tuple[float, float] | None) -> None:
        """Take the view to where it is now."""
        if shift_px is None:
            self.tracks.clear()
            self.corner = np.zeros(2)
            self.cell_px = max(SMALLEST_CELL_PX, max(shape) / CELLS_ACROSS)
            self.before = self.span(shape)
        else:
            self.corner = self.corner - shift_px

    def span(self, shape: tuple[int, int]) -> Span:
        """The cells that are in view now, and one more all around."""
        start = np.floor(self.corner / self.cell_px).astype(np.int64) - 1
        return Span(start, start + np.ceil(np.array(shape) / self.cell_px).astype(np.int64) + 3)

    def cells_of(self, crack: Crack) -> Cells:
        """The cells that its centreline passes."""
        return np.unique(np.floor((crack.centreline + self.corner) / self.cell_px).astype(np.int64), axis=0)

    def view(self, label: str, shape: tuple[int, int]) -> View:
        """The numbers of known cracks, on the part of the grid that is in view."""
        span = self.span(shape)
        view = View(span, np.zeros(span.end - span.start, np.int64), {})
        known = {number: view.inside(track.cells) for number, track in self.tracks.items() if track.label == label}
        for step in NEIGHBOURS:
            for number, cells in known.items():
                near = np.clip(cells + step, 0, np.array(view.grid.shape) - 1)
                view.grid[near[:, 0], near[:, 1]] = number
        for number, cells in known.items():  # on its own cells a crack comes before its neighbours
            view.grid[cells[:, 0], cells[:, 1]] = number
            view.sizes[number] = len(cells)
        return view

    def owners(self, view: View, cells: Cells) -> list[int]:
        """Whose these cells are, the one with most of them first; others only where the crack covers them."""
        own = view.inside(cells)
        numbers, counts = np.unique(view.grid[own[:, 0], own[:, 1]], return_counts=True)
        found = sorted(((int(n), int(c)) for n, c in zip(numbers, counts, strict=True) if n), key=lambda pair: -pair[1])
        if not found or found[0][1] < KNOWN_SHARE * self.before.holds(cells).sum():
            return []
        return [found[0][0], *(n for n, count in found[1:] if count >= JOINED_SHARE * view.sizes[n])]

    def new_id(self) -> int:
        """The number of a crack that nobody has seen."""
        self.last_id += 1
        self.count += 1
        return self.last_id

    def remember(self, number: int, label: str, cells: Cells) -> None:
        """A crack is where it was seen now, and elsewhere where it was seen before."""
        before = self.tracks.pop(number, None)
        if before is not None:
            around = np.concatenate([cells + step for step in NEIGHBOURS])
            cells = np.concatenate([cells, before.cells[~among(before.cells, around)]])
        self.tracks[number] = Track(label, cells[:MOST_CELLS])
        if len(self.tracks) > MOST_TRACKS:
            del self.tracks[next(iter(self.tracks))]


class Span(NamedTuple):
    """A rectangle of cells."""

    start: NDArray[np.int64]
    """Row and column."""
    end: NDArray[np.int64]
    """Exclusive."""

    def holds(self, cells: Cells) -> NDArray[np.bool_]:
        """(n,) which of the cells are in it."""
        return np.asarray(((cells >= self.start) & (cells < self.end)).all(axis=1))


class View(NamedTuple):
    """A part of the grid."""

    span: Span
    grid: NDArray[np.int64]
    """(h, w) number of the crack there, 0 for none."""
    sizes: dict[int, int]
    """Number of a crack to how many of its cells are in view."""

    def inside(self, cells: Cells) -> Cells:
        """Those of the cells that are in view, counted from its corner."""
        return cells[self.span.holds(cells)] - self.span.start


def join(owners: Iterable[Sequence[int]]) -> dict[int, int]:
    """Every number to the lowest of those it stands together with, directly or through others."""
    groups: list[set[int]] = []
    for known in owners:
        touched = [group for group in groups if group.intersection(known)]
        groups = [group for group in groups if group not in touched] + [set(known).union(*touched)]
    return {number: min(group) for group in groups for number in group}


def among(cells: Cells, others: Cells) -> NDArray[np.bool_]:
    """(n,) which of the cells are among the others."""
    return np.isin(keys(cells), keys(others))


def keys(cells: Cells) -> NDArray[np.int64]:
    """(n,) one number for each cell."""
    return np.asarray((cells[:, 0] << 32) + cells[:, 1], np.int64)
