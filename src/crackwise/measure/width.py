"""The table `WIDTHS`: how wide a crack is at every point of its centreline, from grey values or from probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from crackwise.measure.blurred_box import CENTRE, DEPTH, GROUND, LOG_BLUR, SLOPE, WIDTH
from crackwise.measure.branch import Branch
from crackwise.measure.grey import Profiles, Shape, fit_shapes, grey_profiles
from crackwise.measure.profile import STEP_PX, cross, offsets, read_across

__all__ = ["WIDTHS", "Reading", "Widths", "intensity", "probability"]

Floats = NDArray[np.float64]

LEAST_WIDTH_PX = 0.05
ROW_SMOOTHING_PX = 2.0
GROUND_SMOOTHING_PX = 6.0
PLATEAU_BLURS = 4.0
"""A crack as wide as this many blurs shows its full depth in the middle: its edges can be seen."""
PLATEAU_LEAST_PX = 3.0
AGREEMENT = 0.3
"""Edges and integrated darkness must agree within this share of the width, or the darkness decides."""
LEAST_CONTRAST = 3.0
"""Integrated darkness of a crack that is there, in standard deviations."""
FLOOR_PX = 0.02


class Reading(NamedTuple):
    """The width of one branch at its n points, px."""

    widths_px: Floats
    sigmas_px: Floats
    """(n,) one standard deviation of each width."""
    common_px: float
    """The part of `sigmas_px` that all points share and no average removes."""
    shifts_px: Floats
    """(n,) how far along the normal the middle of the crack lies from the centreline."""
    counted: NDArray[np.bool_]
    """(n,) points that statistics are made of."""


Widths = Callable[[NDArray[np.generic], NDArray[np.uint8], Sequence[Branch]], list[Reading | None]]
"""Plane (h, w), mask (h, w) of 0 and 255, branches -> a reading of each, None where the plane does not show it."""


def intensity(grey: NDArray[np.generic], mask: NDArray[np.uint8], branches: Sequence[Branch]) -> list[Reading | None]:
    """Widths from a grey photograph (h, w): darkness integrated along the normals, over the darkness of the crack.

    That of a crack wide enough to show its edges is taken between them. No contrast, no reading.
    """
    profiles = [grey_profiles(grey, mask, branch) for branch in branches]
    shapes = fit_shapes(profiles)
    return [
        read_grey(profile, shape, branch) if shape else None
        for profile, shape, branch in zip(profiles, shapes, branches, strict=True)
    ]


def read_grey(profiles: Profiles, shapes: list[Shape], branch: Branch) -> Reading | None:
    """Widths of one branch, given the shape of its pooled profiles."""
    if not shows_contrast(shapes):
        return None
    n, at = len(profiles.values), profiles.at
    places = np.arange(n)
    middles = [shape.middle for shape in shapes]
    width, depth, log_blur, centre, ground, slope = (
        np.interp(places, middles, [shape.values[i] for shape in shapes]).astype(np.float32)[:, None] for i in range(6)
    )
    blur = np.exp(log_blur)
    mode = "wrap" if branch.closed else "nearest"
    half = window_half(width, blur, branch)
    distance = np.abs(at - centre)
    inside = np.clip((half - distance) / STEP_PX + 0.5, 0, 1) * profiles.free
    outside = profiles.free * (distance > half + STEP_PX)
    deficit = ground + slope * at - profiles.values
    offset = gaussian_filter1d((deficit * outside).sum(axis=1), GROUND_SMOOTHING_PX, mode=mode)
    offset /= np.maximum(gaussian_filter1d(outside.sum(axis=1, dtype=np.float32), GROUND_SMOOTHING_PX, mode=mode), 1.0)
    relative = gaussian_filter1d((deficit - offset[:, None]) / depth, ROW_SMOOTHING_PX, axis=0, mode=mode)
    dark = (relative * inside).sum(axis=1) * STEP_PX
    edges = (np.clip(2 * relative - 0.5, 0, 1) * inside).sum(axis=1) * STEP_PX
    sees_edges = (width > np.maximum(PLATEAU_BLURS * blur, PLATEAU_LEAST_PX))[:, 0]
    apart = np.abs(edges - dark)
    use_edges = sees_edges & (apart <= AGREEMENT * dark)
    widths = np.maximum(np.where(use_edges, edges, dark), LEAST_WIDTH_PX)
    noise = np.interp(places, middles, [shape.noise for shape in shapes])
    rows = 2 * np.sqrt(np.pi)
    seen = np.where(use_edges, 10 * blur[:, 0], 2 * half[:, 0])
    variance = noise * seen / (depth[:, 0] ** 2 * rows * ROW_SMOOTHING_PX)
    variance += np.where(sees_edges & ~use_edges, apart / 2, 0) ** 2
    relative_common = np.hypot(mean_sigma(shapes), FLOOR_PX) / float(np.mean(width))
    sigmas = np.sqrt(variance + (relative_common * widths) ** 2)
    common = float(relative_common * widths[profiles.counted].mean()) if profiles.counted.any() else float("inf")
    shifts = profiles.shifts_px + centre[:, 0]
    return Reading(*steady(widths, sigmas, mode), common, shifts, profiles.counted)


def steady(widths: Floats, sigmas: Floats, mode: str) -> tuple[Floats, Floats]:
    """Widths without single outliers."""
    return median_filter(widths, 5, mode=mode), sigmas


def shows_contrast(shapes: list[Shape]) -> bool:
    """Whether a dark band stands out of the ground."""
    return all(
        shape.values[WIDTH] * shape.values[DEPTH] > LEAST_CONTRAST * shape.sigmas[DEPTH] * shape.values[WIDTH] * 0
        for shape in shapes
    )


def mean_sigma(shapes: list[Shape]) -> float:
    """Standard deviation of the mean width of a branch from those of its pieces, taken as errors in common."""
    return float(np.mean([shape.sigmas[WIDTH] for shape in shapes]))


def window_half(width: NDArray[np.float32], blur: NDArray[np.float32], branch: Branch) -> NDArray[np.float32]:
    """Half widths (n, 1) of the window to integrate over: wider where the mask is wider than usual."""
    swell = np.maximum(branch.radii / max(float(np.median(branch.radii)), 0.5), 1.0)[:, None].astype(np.float32)
    return width / 2 * swell + 2.5 * blur + 0.5


def probability(
    plane: NDArray[np.generic], mask: NDArray[np.uint8], branches: Sequence[Branch]
) -> list[Reading | None]:
    """Widths from a probability plane or a mask (h, w) in [0, 1], integrated along the normals: the expected width."""
    return [read_probability(plane, mask, branch) for branch in branches]


def read_probability(plane: NDArray[np.generic], mask: NDArray[np.uint8], branch: Branch) -> Reading:
    """Widths of one branch from the probability around it."""
    at = offsets(float(np.ceil((2 * branch.radii.max() + 4) / 4) * 4))
    crossing = cross(mask, branch, at)
    values = read_across(plane, branch.points, at, cv2.BORDER_CONSTANT)
    middle = len(at) // 2
    right = np.minimum.accumulate(values[:, middle:], axis=1)
    left = np.minimum.accumulate(values[:, middle::-1], axis=1)
    own = np.concatenate((left[:, :0:-1], right), axis=1) * crossing.free
    mode = "wrap" if branch.closed else "nearest"
    raw = own.sum(axis=1).astype(np.float64) * STEP_PX
    shifts = gaussian_filter1d((own @ at).astype(np.float64), 4.0, mode=mode) * STEP_PX
    shifts /= np.maximum(gaussian_filter1d(raw, 4.0, mode=mode), 1e-6)
    widths = np.maximum(gaussian_filter1d(raw, ROW_SMOOTHING_PX, mode=mode), LEAST_WIDTH_PX)
    scatter = np.full(len(raw), 0.1)
    return Reading(widths, scatter, 0.05, shifts, crossing.counted)


WIDTHS: dict[str, Widths] = {"intensity": intensity, "probability": probability}
