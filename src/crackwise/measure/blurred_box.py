"""A dark band of one width, blurred, on sloping ground: the model of a crack's profile, fitted to many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["Fit", "Prior", "fit_blurred_boxes"]

Floats = NDArray[np.float64]

WIDTH, DEPTH, LOG_BLUR, CENTRE, GROUND, SLOPE = range(6)
STEPS = 14
TAIL = 4.0
"""Degrees of freedom of the priors' tails: far from what is expected, the profile decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is expected before looking at the profile; arrays (k,) or numbers."""

    depth: Floats
    depth_sigma: Floats
    log_blur: Floats
    log_blur_sigma: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Parameters (k, 6) in the order of `WIDTH` ... `SLOPE`, and their covariances (k, 6, 6)."""

    values: Floats
    covariance: Floats

    def sigmas(self) -> Floats:
        """Standard deviations (k, 6)."""
        return np.asarray(np.sqrt(np.maximum(np.einsum("kii->ki", self.covariance), 1e-18)))


def fit_blurred_boxes(at: Floats, profiles: Floats, weights: Floats, start: Floats, prior: Prior) -> Fit:
    """The most probable box under each profile (k, t), by Levenberg-Marquardt on all of them at once.

    `at` (t,) are offsets in px, `weights` (k, t) inverse variances of the samples, `start` (k, 6) first guesses.
    """
    values = start.copy()
    damping = np.full(len(values), 1e-2)
    cost, gradient, normal = linearise(at, profiles, weights, values, prior)
    for _ in range(STEPS):
        diagonal = np.einsum("kii->ki", normal)
        damped = normal + np.eye(6) * (damping[:, None] * diagonal + 1e-9)[:, None, :]
        tried = limit(values - np.linalg.solve(damped, gradient[..., None])[..., 0])
        new_cost, new_gradient, new_normal = linearise(at, profiles, weights, tried, prior)
        better = new_cost <= cost
        values[better], cost[better] = tried[better], new_cost[better]
        gradient[better], normal[better] = new_gradient[better], new_normal[better]
        damping = np.where(better, damping / 5, damping * 8)
    return Fit(values, np.asarray(np.linalg.inv(normal + np.eye(6) * 1e-9), dtype=np.float64))


def limit(values: Floats) -> Floats:
    """Parameters kept where the model has a meaning."""
    values[:, WIDTH] = np.maximum(values[:, WIDTH], 0.02)
    values[:, DEPTH] = np.maximum(values[:, DEPTH], 0.5)
    values[:, LOG_BLUR] = np.clip(values[:, LOG_BLUR], np.log(0.25), np.log(6.0))
    return values


def linearise(
    at: Floats, profiles: Floats, weights: Floats, values: Floats, prior: Prior
) -> tuple[Floats, Floats, Floats]:
    """Cost (k,), gradient (k, 6) and approximate Hessian (k, 6, 6) at the parameters."""
    width, depth, log_blur, centre, ground, slope = (values[:, i, None] for i in range(6))
    blur = np.exp(log_blur)
    left, right = (at - centre + width / 2) / blur, (at - centre - width / 2) / blur
    bell_left, bell_right = (np.exp(-0.5 * side**2) / np.sqrt(2 * np.pi) for side in (left, right))
    band = ndtr(left) - ndtr(right)
    residual = ground + slope * at - depth * band - profiles
    jacobian = np.stack(
        (
            -depth * (bell_left + bell_right) / (2 * blur),
            -band,
            depth * (left * bell_left - right * bell_right),
            depth * (bell_left - bell_right) / blur,
            np.ones_like(band),
            np.broadcast_to(at, band.shape),
        ),
        axis=-1,
    )
    weighted = jacobian * weights[..., None]
    gradient = np.einsum("kti,kt->ki", weighted, residual)
    normal = weighted.transpose(0, 2, 1) @ jacobian
    cost = (weights * residual**2).sum(axis=1)
    for parameter, mean, sigma in (
        (DEPTH, prior.depth, prior.depth_sigma),
        (LOG_BLUR, prior.log_blur, prior.log_blur_sigma),
        (CENTRE, 0.0, 1.0),
    ):
        z = (values[:, parameter] - mean) / sigma
        pull = 1 / (1 + z**2 / TAIL)
        cost += TAIL * np.log1p(z**2 / TAIL)
        gradient[:, parameter] += pull * z / sigma
        normal[:, parameter, parameter] += pull / sigma**2
    return cost, gradient, normal
