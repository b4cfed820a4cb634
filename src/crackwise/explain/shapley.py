"""Shapley values by weighted least squares.

Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017: the Shapley values of a game v
on k features are the phi that minimise the sum over coalitions z of w(|z|) (v(z) - v(0) - z . phi)^2 under
sum(phi) = v(1) - v(0), with w(s) = (k - 1) / (C(k, s) s (k - s)). All coalitions give the exact values; of fewer,
sizes that cost no more than their share of w are taken whole, the rest is drawn in pairs of a coalition and its
complement (Covert and Lee, "Improving KernelSHAP", AISTATS 2021). Here the sum holds exactly, by elimination; captum's
KernelShap enforces it by a large weight, draws without pairs and repeats coalitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError

__all__ = ["EXACT_UP_TO", "Game", "Shares", "Track", "coalitions", "kernel_shap"]

EXACT_UP_TO = 9
"""Features of which all coalitions are tried by default: 510."""
SPARE_SAMPLES = 512

Game = Callable[[NDArray[np.bool_]], float]
"""Which of the k features are there (k,), to the value."""

Track = Callable[[NDArray[np.bool_]], Iterable[NDArray[np.bool_]]]
"""Coalitions (n, k) to the same one by one: where a progress bar goes."""


class Shares(NamedTuple):
    """What each feature adds to the value."""

    phi: NDArray[np.float64]
    """(k,); sums to ``full - empty``."""
    empty: float
    full: float
    evaluations: int
    is_exact: bool


def kernel_shap(game: Game, k: int, *, samples: int | None = None, seed: int = 0, track: Track = iter) -> Shares:
    """The Shapley values of a game of k features, the empty coalition as background.

    ``samples``: how often the game may be played beside the two ends; None: all 2^k - 2 coalitions for k up to
    ``EXACT_UP_TO``, else 2 k + 512. ``track``: sees every coalition before the game is played with it.

    Raises:
        CrackwiseError: the samples are too few to tell k features apart.
    """
    empty, full = game(np.zeros(k, bool)), game(np.ones(k, bool))
    if k == 1:
        return Shares(np.array([full - empty]), empty, full, 2, is_exact=True)
    if samples is None:
        samples = 2**k - 2 if k <= EXACT_UP_TO else 2 * k + SPARE_SAMPLES
    if samples < min(2 * k, 2**k - 2):
        raise CrackwiseError(f"{samples} samples cannot tell {k} features apart: pass --samples {2 * k} or more.")
    masks, weights = coalitions(k, samples, np.random.default_rng(seed))
    gains = np.array([game(mask) for mask in track(masks)]) - empty
    phi = solve(masks, weights, gains, full - empty)
    return Shares(phi, empty, full, len(masks) + 2, is_exact=len(masks) == 2**k - 2)


def coalitions(k: int, samples: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """At most ``samples`` coalitions (n, k) other than the ends, and their weights (n,)."""
    masks, weights = [np.zeros((0, k), bool)], [np.zeros(0)]
    sizes = list(range(1, k // 2 + 1))
    mass = {s: (k - 1) / (s * (k - s)) * (1 if 2 * s == k else 2) for s in sizes}  # of all of size s and k - s
    while sizes:
        s = sizes[0]
        count = comb(k, s) * (1 if 2 * s == k else 2)
        if count > samples * mass[s] / sum(mass[size] for size in sizes) + 1e-9:
            break
        whole = all_of_size(k, s)
        masks.append(whole if 2 * s == k else np.vstack([whole, ~whole]))
        weights.append(np.full(count, mass[s] / count))
        sizes, samples = sizes[1:], samples - count
    if sizes and samples >= 2:
        chances = np.array([mass[s] for s in sizes])
        drawn = rng.choice(sizes, size=samples // 2, p=chances / chances.sum())
        half = rng.random((len(drawn), k)).argsort(1).argsort(1) < drawn[:, None]
        masks += [half, ~half]
        weights.append(np.full(2 * len(drawn), chances.sum() / (2 * len(drawn))))
    return np.vstack(masks), np.concatenate(weights)


def all_of_size(k: int, size: int) -> NDArray[np.bool_]:
    """Every coalition of ``size`` features (C(k, size), k)."""
    masks = np.zeros((comb(k, size), k), bool)
    for row, members in enumerate(combinations(range(k), size)):
        masks[row, list(members)] = True
    return masks


def solve(
    masks: NDArray[np.bool_], weights: NDArray[np.float64], gains: NDArray[np.float64], total: float
) -> NDArray[np.float64]:
    """The phi of least weighted squares whose sum is ``total``: the last is what the others leave.

    Raises:
        CrackwiseError: the coalitions do not tell all features apart.
    """
    z, root = masks.astype(np.float64), np.sqrt(weights)
    design = (z[:, :-1] - z[:, -1:]) * root[:, None]
    phi, _, rank, _ = np.linalg.lstsq(design, (gains - z[:, -1] * total) * root, rcond=None)
    if rank < design.shape[1]:
        raise CrackwiseError("The drawn coalitions do not tell all features apart: pass more --samples.")
    return np.append(phi, total - phi.sum())
