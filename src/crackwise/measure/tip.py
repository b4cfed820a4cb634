"""Where a crack ends: a skeleton stops short of it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.measure.curve import Points, normals
from crackwise.measure.sampling import sample

__all__ = ["way_to_tip"]

Floats = NDArray[np.float64]

ROUND_CAP = 0.44
"""Share of its radius in which a round cap narrows from 85 to 25 % of the width: a blunt end does so at once."""
CAP_HALF_WIDTH_AT = 0.866
"""Share of its radius beyond the middle of a round cap at which half of the width is left."""
ROUND_LEAST_PX = 1.4
"""Half width from which pixels can tell a round cap from a blunt end."""
UNSEEN_ROUNDNESS = 0.3
"""Between blunt and round where pixels cannot tell: at most 1 px wrong."""
EDGE_PX = 0.87
"""Length in which an anti-aliased blunt end, read between pixels, falls from 85 to 25 %."""
BEND_LEAST_POINTS = 12
WHOLE_SECTION = 0.95
"""Share of the width from which a cross-section tells where the middle is: beyond, the slant of the end decides."""
MOST_STRIDES = 100
"""Thinning eats the ends of some diagonals; the rest is followed in so many strides at most."""
BEYOND_PX = 1.0
"""The half width of an end may lie so far beyond the mask."""


class Sections(NamedTuple):
    """Cross-sections on the way ahead."""

    ahead: Floats
    """(n,) distances from the end of the line, px."""
    widths_px: Floats
    """(n,)"""
    path: Points
    """(n, 2) their middles."""


def way_to_tip(plane: NDArray[np.float32], mask: NDArray[np.uint8], points: Points, radius: float) -> Points:
    """Points (m, 2) that lead on from the end of a line to the tip of its crack in a probability plane (h, w).

    It lies in the mask (h, w), or hardly beyond: ahead of many cracks a model is not sure that there is nothing.
    """
    line = points[-min(len(points), 4 * round(radius) + 12) :]
    known = len(line)
    for _ in range(MOST_STRIDES):
        sections = look_ahead(plane, line, radius)
        stride = (sections.ahead > 0.5) & (sections.ahead <= radius + 4)
        if sections.widths_px[sections.ahead > 0].min() < sections.widths_px[sections.ahead <= 0].mean() / 2:
            break
        further = between(np.arange(1.0, radius + 4), sections.ahead[stride], sections.path[stride])
        if not inside(mask, further).all():
            break
        line = np.concatenate((line, further))
    reach = min(tip_distance(sections), way_out(mask, sections) + BEYOND_PX)
    steps = np.linspace(0, reach, max(round(reach), 1) + 1)[1:]
    return np.concatenate((line[known:], between(steps, sections.ahead, sections.path)))


def between(at: Floats, places: Floats, path: Points) -> Points:
    """Points of a path (n, 2), given at places (n,), at other places (m,)."""
    return np.column_stack([np.interp(at, places, path[:, axis]) for axis in (0, 1)])


def inside(mask: NDArray[np.uint8], points: Points) -> NDArray[np.bool_]:
    """Whether points (n, 2) lie in a mask (h, w) of 0 and 1; between pixels its edge is where it is read as a half."""
    rows, columns = points.astype(np.float32).T
    return sample(mask, rows[:, None], columns[:, None], cv2.BORDER_CONSTANT)[:, 0] > 0


def way_out(mask: NDArray[np.uint8], sections: Sections) -> float:
    """How far ahead, px, the path leaves the mask; the end of the path, where it does not."""
    outside = ~inside(mask, sections.path) & (sections.ahead > 0)
    return float(sections.ahead[int(outside.argmax()) if outside.any() else -1])


def look_ahead(plane: NDArray[np.float32], line: Points, radius: float) -> Sections:
    """Cross-sections of the crack ahead of a line, on a path that bends as the last part of the line does."""
    last = line[-min(len(line), 4 * round(radius) + 12) :]
    ahead = np.arange(-2.0, 3 * radius + 6, max(0.25, radius / 64))
    powers = np.arange(1, 3 if len(last) > BEND_LEAST_POINTS else 2)
    path = last[-1] + ahead[:, None] ** powers @ (bend_weights(len(last)) @ (last - last[-1]))
    step = max(0.5, radius / 32)
    aside = np.arange(-(1.5 * radius + 2), 1.5 * radius + 2.01, step)
    across = normals(path)
    at = (path[:, None] + across[:, None] * aside[:, None]).astype(np.float32)
    values = sample(plane, at[..., 0], at[..., 1], cv2.BORDER_CONSTANT).astype(np.float64)
    mass = values.sum(axis=1)
    whole = mass >= WHOLE_SECTION * mass[ahead <= 0].mean()
    whole[: np.searchsorted(ahead, 0.0)] = True
    offsets = np.interp(ahead, ahead[whole], (values @ aside / np.maximum(mass, 1e-9))[whole])
    return Sections(ahead, mass * step, path + across * offsets[:, None])


@lru_cache(maxsize=256)
def bend_weights(count: int) -> Floats:
    """Weights (1 or 2, count) that turn points, counted from the last, into the line or parabola nearest to them."""
    powers = np.arange(1, 3 if count > BEND_LEAST_POINTS else 2)
    return np.asarray(np.linalg.pinv(np.arange(1.0 - count, 1)[:, None] ** powers))


def tip_distance(sections: Sections) -> float:
    """How far ahead, px, the crack ends, from the narrowing of its cross-sections."""
    ahead, widths = sections.ahead, sections.widths_px
    full = float(widths[ahead <= 0].mean())
    at_85, at_half, at_25 = (first_below(ahead, widths, level * full) for level in (0.85, 0.5, 0.25))
    half_width = max(full / 2, 1e-9)
    blunt, round_cap, taper = (np.hypot(EDGE_PX, share * half_width) for share in (0.2, ROUND_CAP, 1.0))
    roundness = float(np.interp(at_25 - at_85, (blunt, round_cap, taper), (0, 1, 0)))
    if half_width < ROUND_LEAST_PX:
        roundness = UNSEEN_ROUNDNESS
    return float(max(at_half - roundness * CAP_HALF_WIDTH_AT * half_width, 0.0))


def first_below(at: NDArray[np.float64], values: NDArray[np.float64], level: float) -> float:
    """Where the values first fall below the level, between samples."""
    below = values < level
    first = int(np.argmax(below))
    if first == 0:
        return float(at[0] if below[0] else at[-1])
    step = (values[first - 1] - level) / max(values[first - 1] - values[first], 1e-9)
    return float(at[first - 1] + step * (at[first] - at[first - 1]))
