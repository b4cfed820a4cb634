"""A mask to its branches: smooth sub-pixel centrelines between tips and junctions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from crackwise.measure.junction import lead_into_junctions
from crackwise.measure.pruning import prune
from crackwise.measure.skeleton import TIP, Chain, skeleton_graph

__all__ = ["Branch", "normals", "resample", "trace"]

Points = NDArray[np.float64]

LEAST_LENGTH_PX = 3.0
"""A speck shorter than this, tip to tip, or rounder than `LEAST_ELONGATION`, is no crack."""
LEAST_ELONGATION = 1.0
LEAST_BRANCH_PX = 1.0
ROUND_CAP = 0.44
"""Share of its radius in which a round cap narrows from 85 to 25 % of the width: a blunt end does so at once."""
CAP_HALF_WIDTH_AT = 0.866
"""Share of its radius beyond the middle of a round cap at which half of the width is left."""
ROUND_LEAST_PX = 1.5
"""Half width from which pixels can tell a round cap from a blunt end."""
UNSEEN_ROUNDNESS = 0.3
"""Between blunt and round where pixels cannot tell: at most 1 px wrong."""
EDGE_PX = 0.87
"""Length in which an anti-aliased blunt end, read between pixels, falls from 85 to 25 %."""
BEND_LEAST_POINTS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A smooth centreline with points one pixel apart."""

    points: Points
    """(n, 2) row, column; whole numbers are pixel centres."""
    radii: NDArray[np.float64]
    """(n,) half width of the mask, px: a hint, 0.5 px rough."""
    radius_px: float
    """The median of `radii`."""
    starts_in_junction: bool
    ends_in_junction: bool
    closed: bool


def trace(plane: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[Branch, ...]:
    """Branches of a mask (h, w) between tips and junctions, from the top of the picture down.

    Spurs are pruned, centrelines smoothed over about the width of the crack and led on to the tips, which are read
    from the probability plane (h, w): a blunt end ends on its edge, a round one in the middle of its cap (where a
    pen as wide as the crack would have stopped, so that a label drawn too thick does not lengthen the crack).
    """
    chains = [chain for chain in prune(skeleton_graph(mask)) if len(chain.points) > 1]
    loops = [smooth_loop(chain) for chain in chains if chain.closed]
    open_chains = [chain for chain in chains if not chain.closed]
    radii = [float(np.median(chain.radii)) for chain in open_chains]
    lines = [smooth(resample(trim_tips(chain, r)), r) for chain, r in zip(open_chains, radii, strict=True)]
    lines = lead_into_junctions(lines, open_chains)
    branches = [to_branch(line, chain, r, plane) for line, chain, r in zip(lines, open_chains, radii, strict=True)]
    return (*(branch for branch in branches if branch is not None), *loops)


def to_branch(line: Points, chain: Chain, radius: float, plane: NDArray[np.float32]) -> Branch | None:
    """The branch of a smoothed line, led on to its tips, or nothing for a speck."""
    points = resample(line)
    if chain.start == TIP:
        points = np.concatenate((extension(plane, points[::-1], radius)[::-1], points))
    if chain.end == TIP:
        points = np.concatenate((points, extension(plane, points, radius)))
    points = resample(points)
    length = arc_lengths(points)[-1]
    alone = chain.start == chain.end == TIP
    if length < (max(LEAST_LENGTH_PX, LEAST_ELONGATION * 2 * radius) if alone else LEAST_BRANCH_PX):
        return None
    radii = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(chain.radii)), chain.radii)
    return Branch(points, radii, radius, chain.start != TIP, chain.end != TIP, False)


def trim_tips(chain: Chain, radius: float) -> Points:
    """Points without the free ends, where a skeleton bends into a corner."""
    along = arc_lengths(chain.points)
    cut = min(radius, along[-1] / 4)
    keep = (along >= cut * (chain.start == TIP)) & (along <= along[-1] - cut * (chain.end == TIP))
    return chain.points[keep] if keep.sum() > 1 else chain.points


def arc_lengths(points: Points) -> NDArray[np.float64]:
    """Length from the first point to each, px."""
    steps = np.diff(points, axis=0)
    return np.concatenate(([0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))


def resample(points: Points) -> Points:
    """The same line with points as near to one pixel apart as fits."""
    along = arc_lengths(points)
    at = np.linspace(0, along[-1], max(round(along[-1]), 1) + 1)
    return np.column_stack((np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])))


def smooth(points: Points, radius: float) -> Points:
    """A line without the stairs of its pixels: local parabolas over about three half widths."""
    window = min(2 * round(1.5 * radius) + 13, len(points) - (len(points) + 1) % 2)
    if window < 5:
        return np.linspace(points[0], points[-1], len(points))
    weights, half = parabola_weights(window), window // 2
    smoothed = correlate1d(points, weights[half], axis=0)
    smoothed[:half] = weights[:half] @ points[:window]
    smoothed[-half:] = weights[-half:] @ points[-window:]
    return np.asarray(smoothed)


@lru_cache(maxsize=256)
def parabola_weights(window: int) -> NDArray[np.float64]:
    """Weights (window, window) that turn values at equal steps into those of their best parabola (Savitzky-Golay)."""
    powers = np.linspace(-1, 1, window)[:, None] ** np.arange(3)
    return np.asarray(powers @ np.linalg.pinv(powers))


def smooth_loop(chain: Chain) -> Branch:
    """The branch of a closed chain; its first and last points are the same."""
    ring = resample(chain.points)[:-1]
    n, radius = len(ring), float(np.median(chain.radii))
    around = np.concatenate((ring, ring, ring, ring[:1]))
    points = resample(smooth(around, radius)[n : 2 * n + 1])
    return Branch(points, np.full(len(points), radius), radius, False, False, True)


def normals(points: Points) -> Points:
    """Unit vectors (n, 2) across the line."""
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    return np.column_stack((-along[:, 1] / length, along[:, 0] / length))


def extension(plane: NDArray[np.float32], points: Points, radius: float) -> Points:
    """Points (m, 2) that lead on from the end of the line to the tip of the crack, bending as its last part does."""
    last = points[-min(len(points), 4 * round(radius) + 12) :]
    ahead = np.arange(-2.0, 3 * radius + 6, max(0.25, radius / 64))
    degree = 2 if len(last) > BEND_LEAST_POINTS else 1
    powers = np.arange(1, degree + 1)
    bend, *_ = np.linalg.lstsq(np.arange(1.0 - len(last), 1)[:, None] ** powers, last - points[-1])
    path = points[-1] + ahead[:, None] ** powers @ bend
    reach = tip_distance(plane, path, ahead, radius)
    steps = np.linspace(0, reach, max(round(reach), 1) + 1)[1:]
    return np.column_stack([np.interp(steps, ahead, path[:, axis]) for axis in (0, 1)])


def tip_distance(plane: NDArray[np.float32], path: Points, ahead: NDArray[np.float64], radius: float) -> float:
    """How far ahead, px, the crack on this path ends, from the narrowing of its cross-sections."""
    step = max(0.5, radius / 32)
    aside = np.arange(-(1.5 * radius + 2), 1.5 * radius + 2.01, step)
    at = (path[:, None] + normals(path)[:, None] * aside[:, None]).astype(np.float32)
    sections = np.asarray(cv2.remap(plane, at[..., 1], at[..., 0], cv2.INTER_LINEAR)).sum(axis=1)
    full = float(sections[ahead <= 0].mean())
    at_85, at_half, at_25 = (first_below(ahead, sections, level * full) for level in (0.85, 0.5, 0.25))
    half_width = max(full * step / 2, 1e-9)
    blunt, round_cap, taper = (np.hypot(EDGE_PX, share * half_width) for share in (0.1, ROUND_CAP, 1.0))
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
