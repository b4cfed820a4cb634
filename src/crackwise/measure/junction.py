"""Where the middle lines of the arms of a junction really meet: the skeleton bends towards the widest gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.measure.skeleton import TIP, Chain

__all__ = ["lead_into_junctions"]

Points = NDArray[np.float64]

BENT_RADII = 2.0
"""Within this many half widths of the junction a skeleton is not the middle of its arm."""
STRAIGHT_RADII = 3.0
STRAIGHT_LEAST_PX = 24.0
HOLD = 0.05
"""Weight of the skeleton's own junction beside the arms: it decides where all arms are parallel."""


class Arm(NamedTuple):
    """One end of a line in a junction."""

    line: int
    at_end: bool
    centre: Points
    heading: Points
    bent_px: float


def lead_into_junctions(lines: Sequence[Points], chains: Sequence[Chain]) -> list[Points]:
    """The lines with their ends led straight on to the points where the arms of each junction meet."""
    arms: dict[int, list[Arm]] = defaultdict(list)
    for number, (line, chain) in enumerate(zip(lines, chains, strict=True)):
        for junction, at_end in ((chain.start, False), (chain.end, True)):
            if junction != TIP:
                arms[junction].append(to_arm(number, line, at_end, float(chain.radii[-1 if at_end else 0])))
    led = list(lines)
    for meeting_arms in arms.values():
        origin = np.mean([lines[arm.line][-1 if arm.at_end else 0] for arm in meeting_arms], axis=0)
        meeting = meeting_point(meeting_arms, origin)
        if np.hypot(*(meeting - origin)) > 1.5 * max(arm.bent_px for arm in meeting_arms) + 2:
            meeting = origin
        for arm in meeting_arms:
            led[arm.line] = end_in(led[arm.line], arm, meeting)
    return led


def to_arm(number: int, line: Points, at_end: bool, radius: float) -> Arm:
    """Direction of a line just outside the zone where its skeleton is bent."""
    outwards = line[::-1] if at_end else line
    first = min(int(BENT_RADII * radius), len(line) // 3)
    last = first + int(max(STRAIGHT_RADII * radius, STRAIGHT_LEAST_PX))
    stretch = outwards[first : last + 1]
    centre = stretch.mean(axis=0)
    _, _, axes = np.linalg.svd(stretch - centre, full_matrices=False)
    return Arm(number, at_end, centre, axes[0], float(first))


def meeting_point(arms: list[Arm], origin: Points) -> Points:
    """The point (2,) nearest to the middle lines of all arms, by least squares."""
    normal, right = HOLD * np.eye(2), HOLD * origin
    for arm in arms:
        across = np.eye(2) - np.outer(arm.heading, arm.heading)
        normal += across
        right = right + across @ arm.centre
    return np.asarray(np.linalg.solve(normal, right))


def end_in(line: Points, arm: Arm, meeting: Points) -> Points:
    """The line with its bent end replaced by a straight one to the meeting point."""
    cut = max(int(arm.bent_px), 1)
    if arm.at_end:
        return np.concatenate((line[:-cut], meeting[None]))
    return np.concatenate((meeting[None], line[cut:]))
