"""How deep and how blurred the cracks of a photograph are, from grey profiles pooled along each crack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.measure.blurred_box import CENTRE, DEPTH, GROUND, LOG_BLUR, SLOPE, WIDTH, Prior, fit_blurred_boxes
from crackwise.measure.branch import Branch
from crackwise.measure.curve import normals
from crackwise.measure.profile import STEP_PX, blur_along, cross, offsets, read_across

__all__ = ["Profiles", "Shape", "fit_shapes", "grey_profiles"]

Floats = NDArray[np.float64]

GROUND_PX = 11
"""Blurred flank and open ground that a profile shows on either side of the mask."""
CENTRE_SMOOTHING_PX = 6.0
PIECE_PX = 256
"""A longer branch is fitted in pieces of about this length: light and focus change along it."""
OUTLIER = 2.5
LEAST_GROUND = 10.0
"""Grey level of ground too black for a crack to be darker."""

DARKNESS, DARKNESS_SIGMA = 0.69, 0.065
"""Depth of a crack as a share of its ground, for all cracks of a photograph together."""
DARKNESS_SCATTER = 0.04
"""How much that differs between the cracks of one photograph."""
LOG_BLUR_MEAN, LOG_BLUR_SIGMA = np.log(0.95), 0.45
"""Blur of lens, sensor and reading between pixels together, px."""
LOG_BLUR_SCATTER = 0.08
MODEL_ERROR = 0.006
"""Share of the depth by which a flank differs from the Gaussian one."""
SHARP_MODEL_ERROR, SHARP_PX, THIN_PX = 0.03, 0.75, 3.0
"""... and how much more where blur and width are less than about these."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Grey values across one branch."""

    at: NDArray[np.float32]
    """(t,) offsets from the centre, px."""
    values: NDArray[np.float32]
    """(n, t)"""
    free: NDArray[np.bool_]
    """(n, t) samples of this crack and its ground."""
    counted: NDArray[np.bool_]
    """(n,) points away from ends and junctions."""
    shifts_px: Floats
    """(n,) from the branch's centreline to the middle of the dark band."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The fitted pooled profile of one piece of a branch."""

    middle: float
    """Number of the point in the middle of the piece."""
    values: Floats
    """(6,) width, depth, log blur, centre, ground, slope"""
    sigmas: Floats
    """(6,) standard deviations"""
    noise: float
    """Spectral density of the ground's texture, grey levels squared x px squared."""
    rows: int
    """How many profiles were pooled."""


def grey_profiles(grey: NDArray[np.float32], mask: NDArray[np.uint8], branch: Branch) -> Profiles:
    """Profiles of a branch, centred on the dark band: the mask may lie beside the crack."""
    reach = float(np.ceil((1.25 * branch.radius_px + GROUND_PX) / 4) * 4)
    at = offsets(reach)
    crossing = cross(mask, branch, at)
    coarse = slice(len(at) // 2 % 2, None, 2)
    values = read_across(grey, branch.points, at[coarse], cv2.BORDER_REPLICATE)
    shifts = dark_centres(at[coarse], values, crossing.free[:, coarse], branch)
    centred = branch.points + normals(branch.points) * shifts[:, None]
    values = read_across(grey, centred, at, cv2.BORDER_REPLICATE)
    return Profiles(at, values, crossing.free, crossing.counted, shifts)


def dark_centres(
    at: NDArray[np.float32], values: NDArray[np.float32], free: NDArray[np.bool_], branch: Branch
) -> Floats:
    """Offsets (n,) of the centroid of the darkness, smooth along the branch."""
    outer = free[:, np.abs(at) > at[-1] * 0.7]
    smooth = blur_along(values, 2.0, branch.closed)
    ground = (smooth[:, np.abs(at) > at[-1] * 0.7] * outer).sum(axis=1) / np.maximum(outer.sum(axis=1), 1)
    near = np.abs(at) <= float(np.max(branch.radii)) + 4
    deficit = np.maximum(ground[:, None] - smooth, 0) * (free & near)
    weight = np.maximum(deficit - 0.4 * deficit.max(axis=1).mean(), 0)
    moment = blur_along(weight @ at, CENTRE_SMOOTHING_PX, branch.closed)
    mass = blur_along(weight.sum(axis=1), CENTRE_SMOOTHING_PX, branch.closed)
    return np.where(mass > 1e-3, moment / np.maximum(mass, 1e-3), 0.0).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The mean profile of one piece of a branch."""

    branch: int
    middle: float
    at: NDArray[np.float32]
    profile: Floats
    rows: Floats
    """(t,) how many profiles were pooled at each offset."""
    noise: float


def fit_shapes(branches: Sequence[Profiles]) -> list[list[Shape]]:
    """Shapes of the pieces of every branch.

    Of a thin blurred crack only width x depth shows. What its own profile leaves open is filled in from the other
    cracks of the photograph, and what those leave open from how dark cracks commonly are.
    """
    pools = [pool for number, branch in enumerate(branches) for pool in pool_pieces(number, branch)]
    shapes: list[list[Shape]] = [[] for _ in branches]
    if not pools:
        return shapes
    guesses = np.array([first_guess(pool) for pool in pools])
    ground = np.maximum(guesses[:, GROUND], LEAST_GROUND)
    own = fit_pools(pools, common_prior(ground, len(pools)), guesses)
    start = np.array([shape.values for shape in own])
    for pool, shape in zip(pools, fit_pools(pools, shared_prior(own, ground), start), strict=True):
        shapes[pool.branch].append(shape)
    return shapes


def pool_pieces(number: int, branch: Profiles) -> list[Pool]:
    """Mean profiles of the pieces of a branch that have rows to count."""
    n = len(branch.values)
    edges = np.linspace(0, n, max(1, round(n / PIECE_PX)) + 1).astype(int)
    pools = []
    for first, last in pairwise(edges.tolist()):
        rows = np.flatnonzero(branch.counted[first:last]) + first
        if len(rows):
            pools.append(pool_rows(number, branch, rows))
    return pools


def pool_rows(number: int, branch: Profiles, rows: NDArray[np.int64]) -> Pool:
    """The mean of some profiles, without the rows that differ most, and the noise of the ground."""
    values, free = branch.values[rows], branch.free[rows].astype(np.float32)
    mean, rest = mean_and_rest(values, free)
    spread = np.einsum("nt,nt->n", rest, rest)
    kept = spread <= OUTLIER**2 * max(float(np.median(spread)), 1e-6)
    if not kept.all():
        mean, rest = mean_and_rest(values[kept], free[kept])
    share = free.mean(axis=0)
    noise = texture(rest)
    return Pool(number, float(rows.mean()), branch.at, mean, len(rest) * np.where(share > 0.2, share, 0), noise)


def mean_and_rest(values: NDArray[np.float32], free: NDArray[np.float32]) -> tuple[Floats, NDArray[np.float32]]:
    """The mean (t,) of the free samples of profiles (n, t), and what each profile differs from it, but for light."""
    mean = np.einsum("nt,nt->t", values, free) / np.maximum(free.sum(axis=0), 1)
    rest = (values - mean) * free
    rest -= (rest.sum(axis=1) / np.maximum(free.sum(axis=1), 1))[:, None]
    return mean.astype(np.float64), rest


def texture(rest: NDArray[np.float32]) -> float:
    """Spectral density of noise and texture (grey levels squared x px squared), from blocks of 4 x 2 px."""
    rows, columns = len(rest) // 4 * 4, rest.shape[1] // 4 * 4
    if rows < 8:
        return float(np.square(rest).mean() * 2 + 1.0)
    blocks = rest[:rows, :columns].reshape(rows // 4, 4, columns // 4, 4).mean(axis=(1, 3))
    return float(np.median(blocks.var(axis=0)) * 4 * 4 * STEP_PX + 0.1)


def common_prior(ground: Floats, count: int) -> Prior:
    """What cracks of any photograph are like."""
    return Prior(
        ground * DARKNESS,
        ground * np.hypot(DARKNESS_SIGMA, DARKNESS_SCATTER),
        np.full(count, LOG_BLUR_MEAN),
        np.full(count, np.hypot(LOG_BLUR_SIGMA, LOG_BLUR_SCATTER)),
    )


def shared_prior(shapes: list[Shape], ground: Floats) -> Prior:
    """What the other cracks of this photograph are like."""
    own = common_prior(ground, len(shapes))
    darkness = np.array([shape.values[DEPTH] for shape in shapes]) / ground
    darkness_sigma = np.array([shape.sigmas[DEPTH] for shape in shapes]) / ground
    blur = np.array([shape.values[LOG_BLUR] for shape in shapes])
    blur_sigma = np.array([shape.sigmas[LOG_BLUR] for shape in shapes])
    mean, sigma = others(darkness, darkness_sigma, DARKNESS, DARKNESS_SIGMA, DARKNESS_SCATTER)
    log_blur, log_blur_sigma = others(blur, blur_sigma, LOG_BLUR_MEAN, LOG_BLUR_SIGMA, LOG_BLUR_SCATTER)
    return replace(
        own, depth=ground * mean, depth_sigma=ground * sigma, log_blur=log_blur, log_blur_sigma=log_blur_sigma
    )


def others(values: Floats, sigmas: Floats, mean: float, sigma: float, scatter: float) -> tuple[Floats, Floats]:
    """For each value (k,) the mean expected from all others, and its standard deviation.

    `values` were found with the expectation `mean` +- hypot(`sigma`, `scatter`), which is taken out of them first.
    """
    before = 1 / (sigma**2 + scatter**2)
    precision = np.maximum(1 / sigmas**2 - before, 1e-6)
    alone = (values / sigmas**2 - mean * before) / precision
    weight = 1 / (1 / precision + scatter**2)
    total = 1 / sigma**2 + weight.sum() - weight
    expected = (mean / sigma**2 + (weight * alone).sum() - weight * alone) / total
    return expected, np.sqrt(1 / total + scatter**2)


def weigh(pool: Pool, guess: Floats) -> Floats:
    """Inverse variances (t,) of the samples of a mean profile, given what is known of its shape (6,).

    The flanks of a sharp picture, read between pixels, are not those of a Gaussian; of a thin crack little else is
    seen.
    """
    thin, sharp = guess[WIDTH] / THIN_PX, np.exp(guess[LOG_BLUR]) / SHARP_PX
    share = MODEL_ERROR + SHARP_MODEL_ERROR * float(np.exp(-(thin**2) - sharp**4))
    model = share * max(float(np.ptp(pool.profile[pool.rows > 0])) if (pool.rows > 0).any() else 0.0, 1.0)
    return np.where(pool.rows > 0, 1 / (pool.noise / np.maximum(pool.rows * STEP_PX, 1e-9) + model**2), 0.0)


def fit_pools(pools: list[Pool], prior: Prior, start: Floats) -> list[Shape]:
    """Fitted shapes of pooled profiles, those of one length together, from first guesses (k, 6)."""
    shapes: dict[int, Shape] = {}
    lengths = np.array([len(pool.at) for pool in pools])
    for length in np.unique(lengths):
        numbers = np.flatnonzero(lengths == length)
        same = [pools[number] for number in numbers]
        part = Prior(*(getattr(prior, name)[numbers] for name in Prior.__slots__))
        fit = fit_blurred_boxes(
            same[0].at.astype(np.float64),
            np.array([pool.profile for pool in same]),
            np.array([weigh(pools[number], start[number]) for number in numbers]),
            start[numbers],
            part,
        )
        sigmas = fit.sigmas()
        shapes |= {
            int(number): Shape(pools[number].middle, values, sigma, pools[number].noise, int(pools[number].rows.max()))
            for number, values, sigma in zip(numbers, fit.values, sigmas, strict=True)
        }
    return [shapes[number] for number in range(len(pools))]


def first_guess(pool: Pool) -> Floats:
    """Parameters (6,) to start from: ground from the outer samples, width from the darkness missing there."""
    at, seen = pool.at.astype(np.float64), pool.rows > 0
    outer = seen & (np.abs(at) > at[-1] * 0.65)
    if outer.sum() < 4:
        outer = seen
    ground = float(np.mean(pool.profile[outer])) if outer.any() else float(pool.profile.max())
    deficit = np.where(seen & (np.abs(at) < at[-1] * 0.8), ground - pool.profile, 0)
    peak = max(float(deficit.max()), 1.0)
    depth = max(peak, min(DARKNESS * ground, 3 * peak))
    guess = np.zeros(6)
    guess[WIDTH] = np.clip(deficit.sum() * STEP_PX / depth, 0.1, at[-1])
    guess[DEPTH], guess[LOG_BLUR], guess[CENTRE] = depth, LOG_BLUR_MEAN, 0.0
    guess[GROUND], guess[SLOPE] = ground, 0.0
    return guess
