"""A mask to its branches: smooth sub-pixel centrelines between tips and junctions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crackwise.measure.curve import Points, arc_lengths, resample, smooth
from crackwise.measure.junction import lead_into_junctions
from crackwise.measure.pruning import prune
from crackwise.measure.skeleton import TIP, Chain, skeleton_graph
from crackwise.measure.tip import way_to_tip

__all__ = ["Branch", "trace"]

LEAST_LENGTH_PX = 3.0
"""A speck shorter than this, tip to tip, or rounder than `LEAST_ELONGATION`, is no crack."""
LEAST_ELONGATION = 1.0
LEAST_BRANCH_PX = 1.0


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
    body = mask.view(np.uint8)
    branches = [
        to_branch(line, chain, r, plane, body) for line, chain, r in zip(lines, open_chains, radii, strict=True)
    ]
    return (*(branch for branch in branches if branch is not None), *loops)


def to_branch(
    line: Points, chain: Chain, radius: float, plane: NDArray[np.float32], mask: NDArray[np.uint8]
) -> Branch | None:
    """The branch of a smoothed line, led on to its tips, or nothing for a speck."""
    points = resample(line)
    if chain.start == TIP:
        points = np.concatenate((way_to_tip(plane, mask, points[::-1], radius)[::-1], points))
    if chain.end == TIP:
        points = np.concatenate((points, way_to_tip(plane, mask, points, radius)))
    points = resample(points)
    points[1:-1] = smooth(points, radius)[1:-1]
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


def smooth_loop(chain: Chain) -> Branch:
    """The branch of a closed chain; its first and last points are the same."""
    ring = resample(chain.points)[:-1]
    n, radius = len(ring), float(np.median(chain.radii))
    around = np.concatenate((ring, ring, ring, ring[:1]))
    points = resample(smooth(around, radius)[n : 2 * n + 1])
    return Branch(points, np.full(len(points), radius), radius, False, False, True)
