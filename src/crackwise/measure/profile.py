"""Values across a crack, read along the normals of its centreline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.measure.branch import Branch
from crackwise.measure.curve import normals
from crackwise.measure.sampling import sample

__all__ = ["STEP_PX", "Crossing", "blur_along", "cross", "offsets", "read_across"]

Floats = NDArray[np.float32]

STEP_PX = 0.5
NEIGHBOUR_MARGIN_PX = 3.0
"""The blurred flank of a neighbouring crack begins this far before its mask."""
TIP_MARGIN_PX = 3.0
JUNCTION_RADII = 1.5
WIDE_RUN = 1.5
ONE = np.ones(1)


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What the mask says along every normal of a branch."""

    free: NDArray[np.bool_]
    """(n, t) samples that belong to this crack or to open ground, not to a neighbouring crack or what lies behind."""
    counted: NDArray[np.bool_]
    """(n,) points away from junctions and ends: the ones statistics are made of."""


def offsets(reach_px: float) -> Floats:
    """Distances (t,) from the centreline at which profiles are read, px."""
    half = round(reach_px / STEP_PX)
    return np.arange(-half, half + 1, dtype=np.float32) * np.float32(STEP_PX)


def read_across(plane: NDArray[Any], points: NDArray[np.float64], at: Floats, border: int) -> Floats:
    """Values (n, t) of a plane (h, w) along the normals of a line; `border` is OpenCV's rule outside the plane."""
    across = normals(points).astype(np.float32)
    start = points.astype(np.float32)
    rows = start[:, :1] + across[:, :1] * at
    columns = start[:, 1:] + across[:, 1:] * at
    return sample(plane, rows, columns, border)


def cross(mask: NDArray[np.uint8], branch: Branch, at: Floats) -> Crossing:
    """Which samples of the profiles are free, and which points count, by a mask (h, w) of 0 and 255."""
    inside = read_across(mask, branch.points, at, cv2.BORDER_CONSTANT) > 127
    middle = len(at) // 2
    right, run_right = free_side(inside[:, middle:])
    left, run_left = free_side(inside[:, middle::-1])
    free = np.concatenate((left[:, :0:-1], right), axis=1)
    run_px = (run_right + run_left) * STEP_PX
    counted = run_px <= WIDE_RUN * 2 * branch.radii + 3
    return Crossing(free, away_from_ends(branch) & counted)


def free_side(inside: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Samples (n, t) outwards from the centre before another crack begins, and how many (n,) lie in the own one."""
    run = np.where(inside.all(axis=1), inside.shape[1], (~inside).argmax(axis=1))
    free = np.ones(inside.shape, np.bool_)
    for row in np.flatnonzero(inside.sum(axis=1) > run):
        again = run[row] + int(inside[row, run[row] :].argmax()) - round(NEIGHBOUR_MARGIN_PX / STEP_PX)
        free[row, max(again, 0) :] = False
    return free, run


def away_from_ends(branch: Branch) -> NDArray[np.bool_]:
    """Points (n,) outside the zones of tips and junctions; the middle half where those zones cover everything."""
    n = len(branch.points)
    if branch.closed:
        return np.ones(n, np.bool_)
    zones = [
        min(branch.radii[end] * (JUNCTION_RADII if junction else 1.0) + TIP_MARGIN_PX, n / 4)
        for end, junction in ((0, branch.starts_in_junction), (-1, branch.ends_in_junction))
    ]
    place = np.arange(n)
    return np.asarray((place >= np.floor(zones[0])) & (place <= n - 1 - np.floor(zones[1])))


@lru_cache
def gaussian(sigma_px: float) -> NDArray[np.float64]:
    """Weights of a Gaussian, out to four of its sigmas."""
    return np.asarray(cv2.getGaussianKernel(2 * round(4 * sigma_px) + 1, sigma_px))


def blur_along(values: NDArray[Any], sigma_px: float, closed: bool) -> NDArray[Any]:
    """Values (n, t) or (n,) smoothed along the branch by a Gaussian."""
    rows = values.reshape(len(values), -1)
    margin = min(round(4 * sigma_px), len(rows)) if closed else 0
    if margin:
        rows = np.concatenate((rows[-margin:], rows, rows[:margin]))
    smooth = cv2.sepFilter2D(rows, -1, ONE, gaussian(sigma_px), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth[margin : len(smooth) - margin]).reshape(values.shape)
