"""Chains of a skeleton graph without the spurs and stubs that are no cracks."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from crackwise.measure.skeleton import TIP, Chain, Graph

__all__ = ["prune"]

SPUR_WIDTHS = 1.0
"""A side branch is a spur unless it sticks out of its parent by more than this many widths of the parent."""
SPUR_LEAST_PX = 3.0
PINHOLE_WIDTHS = 1.0
LINK_RADII = 1.5
"""Two junctions nearer than this many half widths are one: a crossing makes two junctions and a stub between."""


def prune(graph: Graph) -> list[Chain]:
    """Chains without spurs, joined where a junction is left with two, in the order of the graph."""
    chains = graph.chains
    while True:
        gone = find_spurs(chains) or find_pinholes(chains)
        if not gone:
            break
        chains = join([chain for number, chain in enumerate(chains) if number not in gone])
    return join(contract(chains))


def find_spurs(chains: list[Chain]) -> set[int]:
    """Numbers of the chains to drop; where every chain of a junction is a spur, its two longest stay."""
    spurs = {number for number, chain in enumerate(chains) if is_spur(chain)}
    for meeting in by_junction(chains).values():
        if spurs.issuperset(meeting):
            longest = sorted(set(meeting), key=lambda number: chains[number].length_px)[-2:]
            spurs.difference_update(longest)
    return spurs


def find_pinholes(chains: list[Chain]) -> set[int]:
    """Numbers of the chains to drop because they lead round a hole smaller than the crack is wide."""
    gone: set[int] = set()
    sides: dict[tuple[int, int], int] = {}
    for number, chain in enumerate(chains):
        if chain.closed or TIP in (chain.start, chain.end):
            continue
        ends = (min(chain.start, chain.end), max(chain.start, chain.end))
        if chain.start == chain.end:
            if area(chain.points) < pinhole_px(chain):
                gone.add(number)
        elif ends in sides:
            other = chains[sides[ends]]
            back = other.points[::-1] if other.start == chain.start else other.points
            if area(np.concatenate((chain.points, back))) < pinhole_px(chain):
                gone.add(number)
        else:
            sides[ends] = number
    return gone


def area(ring: np.ndarray) -> float:
    """Area inside a ring of points (n, 2), px."""
    rows, columns = ring.T
    return float(abs(rows @ np.roll(columns, 1) - columns @ np.roll(rows, 1)) / 2)


def pinhole_px(chain: Chain) -> float:
    """The smallest area that two sides of a real ring enclose between their centrelines, px."""
    return float((PINHOLE_WIDTHS * 2 * max(chain.radii[0], chain.radii[-1], 1.0)) ** 2)


def is_spur(chain: Chain) -> bool:
    """Whether the chain has one free end and hardly leaves the body of the crack it starts from."""
    if (chain.start == TIP) == (chain.end == TIP):
        return False
    root, tip = (-1, 0) if chain.start == TIP else (0, -1)
    sticks_out = chain.length_px + chain.radii[tip] - chain.radii[root]
    return bool(sticks_out < max(SPUR_WIDTHS * 2 * chain.radii[root], SPUR_LEAST_PX))


def by_junction(chains: list[Chain]) -> dict[int, list[int]]:
    """Chain numbers at every junction, a chain that starts and ends there twice."""
    meetings: dict[int, list[int]] = defaultdict(list)
    for number, chain in enumerate(chains):
        for junction in (chain.start, chain.end):
            if junction != TIP:
                meetings[junction].append(number)
    return meetings


def join(chains: list[Chain]) -> list[Chain]:
    """Chains run on through junctions with two ends; a junction with one is a tip."""
    alive = dict(enumerate(chains))
    meetings = by_junction(chains)
    for junction, meeting in meetings.items():
        if len(meeting) == 1:
            alive[meeting[0]] = free(alive[meeting[0]], junction)
        elif len(meeting) == 2 and meeting[0] == meeting[1]:
            loop = alive[meeting[0]]
            alive[meeting[0]] = Chain(loop.points, loop.radii, TIP, TIP, closed=True)
        elif len(meeting) == 2:
            kept, gone = meeting
            alive[kept] = connect(alive[kept], alive.pop(gone), junction)
            other = alive[kept].end
            if other != TIP:
                meetings[other] = [kept if number == gone else number for number in meetings[other]]
    return list(alive.values())


def free(chain: Chain, junction: int) -> Chain:
    """The chain with its end at the junction made a tip."""
    start, end = (TIP if number == junction else number for number in (chain.start, chain.end))
    return Chain(chain.points, chain.radii, start, end)


def connect(first: Chain, second: Chain, junction: int) -> Chain:
    """One chain from two that meet in the junction."""
    first = first if first.end == junction else first.reversed()
    second = second if second.start == junction else second.reversed()
    return Chain(
        np.concatenate((first.points, second.points[1:])),
        np.concatenate((first.radii, second.radii[1:])),
        first.start,
        second.end,
    )


def contract(chains: list[Chain]) -> list[Chain]:
    """Chains without the stubs between two junctions that are one crossing."""
    moved: dict[int, tuple[int, np.ndarray]] = {}
    kept = []
    for chain in chains:
        ends = {chain.start, chain.end}
        short = chain.length_px <= LINK_RADII * max(chain.radii[0], chain.radii[-1])
        if short and len(ends) == 2 and TIP not in ends and not ends & moved.keys():
            middle = (chain.points[0] + chain.points[-1]) / 2
            moved[chain.start] = moved[chain.end] = (chain.start, middle)
        else:
            kept.append(chain)
    return [move_ends(chain, moved) for chain in kept]


def move_ends(chain: Chain, moved: dict[int, tuple[int, np.ndarray]]) -> Chain:
    """The chain with its ends in the contracted junctions."""
    points = chain.points.copy()
    numbers = [chain.start, chain.end]
    for side in (0, -1):
        if numbers[side] in moved:
            numbers[side], points[side] = moved[numbers[side]]
    return Chain(points, chain.radii, numbers[0], numbers[1], chain.closed)
