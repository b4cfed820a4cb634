"""The table `WIDTHS`: how wide a crack is at every point of its centreline, from grey values or from probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from crackwise.measure.blurred_box import CENTRE, DEPTH, GROUND, LOG_BLUR, SLOPE, WIDTH
from crackwise.measure.branch import Branch
from crackwise.measure.grey import Profiles, Shape, fit_shapes, grey_profiles
from crackwise.measure.profile import STEP_PX, blur_along, cross, offsets, read_across

__all__ = ["WIDTHS", "Reading", "Widths", "intensity", "probability"]

Floats = NDArray[np.float64]

LEAST_WIDTH_PX = 0.05
LEAST_MEAN_PX = 0.4
"""A dark band thinner than this on average is a trace of something else than the crack that the mask shows."""
ROW_SMOOTHING_PX = 2.0
GROUND_SMOOTHING_PX = 6.0
PLATEAU_BLURS = 4.0
"""A crack as wide as this many blurs shows its full depth in the middle: its edges can be seen."""
PLATEAU_LEAST_PX = 3.0
EDGE_ZONE_BLURS = 10.0
"""Length of profile, in blurs, whose noise reaches the distance between two edges."""
AGREEMENT = 0.3
"""Edges and integrated darkness must agree within this share of the width, or the darkness decides."""
LEAST_CONTRAST = 3.0
"""Integrated darkness of a crack that is there, in standard deviations."""
LEAST_DARKNESS = 2.0
"""... and in grey levels x px."""
WIDEST_MASKS = 3.0
"""A dark band wider than this many masks is something else."""
FLOOR_PX = 0.017
"""What rounding to pixels and grey levels leaves of the sharpest pictures."""
ROWS = 64
"""Looked at together."""
SOFT_SHARE = 0.25
DRAWN_SOFTNESS_PX = 0.6
"""Integral of p (1 - p) across an anti-aliased band, read between pixels."""
CORRELATION_PX = 2 * np.sqrt(np.pi) * ROW_SMOOTHING_PX
"""Length over which smoothing makes the errors of neighbouring points alike."""


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
    plane = grey.astype(np.float32)
    profiles = [grey_profiles(plane, mask, branch) for branch in branches]
    shapes = fit_shapes(profiles)
    return [
        read_grey(profile, shape, branch) for profile, shape, branch in zip(profiles, shapes, branches, strict=True)
    ]


def read_grey(profiles: Profiles, shapes: list[Shape], branch: Branch) -> Reading | None:
    """Widths of one branch, given the shape of its pooled profiles."""
    if not shows_contrast(shapes, branch):
        return None
    middles = [shape.middle for shape in shapes]
    places = np.arange(len(profiles.values))
    shape = np.array([np.interp(places, middles, [shape.values[i] for shape in shapes]) for i in range(6)])
    noise = np.interp(places, middles, [shape.noise for shape in shapes])
    bands = integrate(profiles, shape.astype(np.float32)[..., None], branch)
    blur, width = np.exp(shape[LOG_BLUR]), shape[WIDTH]
    sees_edges = width > np.maximum(PLATEAU_BLURS * blur, PLATEAU_LEAST_PX)
    apart = np.abs(bands.edges_px - bands.dark_px)
    use_edges = sees_edges & (apart <= AGREEMENT * bands.dark_px)
    widths = median_filter(np.where(use_edges, bands.edges_px, bands.dark_px), 5, mode="nearest")
    widths = np.maximum(widths, LEAST_WIDTH_PX)
    counted = profiles.counted if profiles.counted.any() else np.ones(len(widths), np.bool_)
    if widths[counted].mean() < LEAST_MEAN_PX:
        return None

    seen_px = np.where(use_edges, EDGE_ZONE_BLURS * blur, bands.window_px)
    variance = noise * seen_px / (shape[DEPTH] ** 2 * CORRELATION_PX)
    variance += np.where(sees_edges & ~use_edges, apart / 2, 0) ** 2
    relative = np.hypot(np.mean([shape.sigmas[WIDTH] for shape in shapes]), FLOOR_PX) / width.mean()
    sigmas = np.sqrt(variance + (relative * widths) ** 2)
    common = float(relative * widths[counted].mean())
    return Reading(widths, sigmas, common, profiles.shifts_px + shape[CENTRE], profiles.counted)


class Bands(NamedTuple):
    """Two widths at every point (n,) of a branch, px, and the window they were read in."""

    dark_px: Floats
    """Integrated darkness over depth: right for any blur, if the depth is."""
    edges_px: Floats
    """Distance between the half-depth edges: right for any dust in the crack, if its edges show."""
    window_px: Floats


def integrate(profiles: Profiles, shape: NDArray[np.float32], branch: Branch) -> Bands:
    """Widths from the darkness of profiles whose fitted shape at every point is (6, n, 1)."""
    blur = np.exp(shape[LOG_BLUR])
    half = window_half(shape[WIDTH], blur, branch)
    distance = np.abs(profiles.at - shape[CENTRE])
    inside = np.clip((half - distance) / STEP_PX + 0.5, 0, 1) * profiles.free
    outside = profiles.free & (distance > half + STEP_PX)
    deficit = shape[GROUND] + shape[SLOPE] * profiles.at - profiles.values
    open_px = blur_along(outside.sum(axis=1, dtype=np.float32), GROUND_SMOOTHING_PX, branch.closed)
    light = blur_along((deficit * outside).sum(axis=1), GROUND_SMOOTHING_PX, branch.closed) / np.maximum(open_px, 1)
    relative = blur_along((deficit - light[:, None]) / shape[DEPTH], ROW_SMOOTHING_PX, branch.closed)
    dark = np.einsum("nt,nt->n", relative, inside) * STEP_PX
    edges = np.einsum("nt,nt->n", np.clip(2 * relative - 0.5, 0, 1), inside) * STEP_PX
    return Bands(dark.astype(np.float64), edges.astype(np.float64), 2.0 * half[:, 0].astype(np.float64))


def shows_contrast(shapes: list[Shape], branch: Branch) -> bool:
    """Whether a dark band of a plausible width stands out of the ground near the mask."""
    mask_px = 2 * branch.radius_px
    for shape in shapes:
        width, depth, log_blur, centre = shape.values[[WIDTH, DEPTH, LOG_BLUR, CENTRE]]
        if shape.rows == 0:
            return False
        noise = np.sqrt(shape.noise * (width + 4 * np.exp(log_blur)) / shape.rows)
        if width * depth < LEAST_CONTRAST * noise + LEAST_DARKNESS:
            return False
        if width > WIDEST_MASKS * mask_px + 6 or abs(centre) > mask_px / 2 + 3:
            return False
    return bool(shapes)


def window_half(width: NDArray[np.float32], blur: NDArray[np.float32], branch: Branch) -> NDArray[np.float32]:
    """Half widths (n, 1) of the window to integrate over: wider where the mask is wider than usual."""
    swell = np.maximum(branch.radii / max(branch.radius_px, 0.5), 1.0)[:, None].astype(np.float32)
    return np.asarray(width / 2 * swell + 2.5 * blur + 0.5, dtype=np.float32)


def probability(
    plane: NDArray[np.generic], mask: NDArray[np.uint8], branches: Sequence[Branch]
) -> list[Reading | None]:
    """Widths from a probability plane or a mask (h, w) in [0, 1], integrated along the normals: the expected width.

    Unlike a count of pixels or a distance transform, an integral is right on average for masks without grey edges
    too.
    """
    if not branches:
        return []
    hard = is_hard(plane, mask)
    return [read_probability(plane, mask, branch, hard) for branch in branches]


def is_hard(plane: NDArray[np.generic], mask: NDArray[np.uint8]) -> bool:
    """Whether a plane holds 0 and 1 only, those of the mask; one that does not is known by its first rows."""
    return all(
        bool((plane[top : top + ROWS] == (mask[top : top + ROWS] > 0)).all()) for top in range(0, len(plane), ROWS)
    )


def read_probability(plane: NDArray[np.generic], mask: NDArray[np.uint8], branch: Branch, hard: bool) -> Reading:
    """Widths of one branch from the probability around it; `hard` planes hold 0 and 1 only."""
    at = offsets(float(np.ceil((2 * branch.radii.max() + 4) / 4) * 4))
    crossing = cross(mask, branch, at)
    values = read_across(plane, branch.points, at, cv2.BORDER_CONSTANT)
    middle = len(at) // 2
    right = np.minimum.accumulate(values[:, middle:], axis=1)
    left = np.minimum.accumulate(values[:, middle::-1], axis=1)
    own = np.concatenate((left[:, :0:-1], right), axis=1) * crossing.free
    raw = own.sum(axis=1, dtype=np.float64) * STEP_PX
    moment = (own @ at).astype(np.float64) * STEP_PX
    shifts = blur_along(moment, 4.0, branch.closed) / np.maximum(blur_along(raw, 4.0, branch.closed), 1e-6)
    smooth = blur_along(raw, ROW_SMOOTHING_PX, branch.closed)
    widths = np.maximum(smooth, LEAST_WIDTH_PX)
    common = np.hypot(FLOOR_PX, pixel_sigma(branch) if hard else soft_sigma(own))
    random = (raw - smooth)[crossing.counted].std() / np.sqrt(CORRELATION_PX) if crossing.counted.any() else 0.0
    return Reading(widths, np.full(len(raw), np.hypot(common, random)), float(common), shifts, crossing.counted)


def pixel_sigma(branch: Branch) -> float:
    """Standard deviation of the mean width of a mask of whole pixels: each row or column it crosses is one sample."""
    crossed = np.ptp(branch.points, axis=0).min() + 1
    return float(np.sqrt(1 / 6 / crossed))


def soft_sigma(own: NDArray[np.float32]) -> float:
    """Standard deviation of the mean width by the blur of the probability's flanks, beyond that of drawn edges."""
    softness = float((own * (1 - own)).sum(axis=1).mean()) * STEP_PX
    return SOFT_SHARE * max(softness - DRAWN_SOFTNESS_PX, 0.0)


WIDTHS: dict[str, Widths] = {"intensity": intensity, "probability": probability}
