"""Whether two models differ on the same photographs, or only by the luck of which photographs there are.

If two models are equally good, it is chance which of the two results on a photograph is whose. The paired permutation
test (Fisher, *The Design of Experiments*, 1935, section 21) exchanges them photograph by photograph, whole, and asks
how often the difference becomes as large as the one seen. A score of summed counts is computed anew from the sums
after every exchange, so it need not be a mean over photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from crackwise.tally import FloatArray

__all__ = ["DRAWS", "EXACT_PHOTOGRAPHS", "Formula", "holm", "least_p", "permutation_p"]

EXACT_PHOTOGRAPHS = 13
"""Up to so many photographs every exchange is gone through, 4096 of them; beyond, exchanges are drawn."""
DRAWS = 10_000
CHUNK = 500
ROUNDING = 1e-9

Formula: TypeAlias = Callable[[FloatArray], FloatArray]
"""Sums of counts (n, f) to scores (n,)."""


def permutation_p(first: FloatArray, second: FloatArray, score: Formula, *, seed: int = 0) -> float:
    """The share of exchanges under which the scores of two models differ at least as much as they do; two-sided.

    ``first`` and ``second`` (g, f) hold the summed counts of each photograph. Drawn exchanges count the one that was
    seen as well: p = (1 + as large) / (1 + draws) (Phipson and Smyth, SAGMB 9, 2010). nan if a score is undefined; an
    exchange that makes one undefined counts as being as large.
    """
    total, turned = first.sum(0) + second.sum(0), second - first
    seen = difference(first.sum(0)[None], total, score)[0]
    if np.isnan(seen):
        return np.nan
    as_large = tried = 0
    for exchanged in exchanges(len(first), seed):
        sizes = difference(first.sum(0) + exchanged @ turned, total, score)
        as_large += int((~(sizes < seen - ROUNDING * max(1.0, seen))).sum())
        tried += len(sizes)
    if len(first) <= EXACT_PHOTOGRAPHS:
        return as_large / tried
    return (1 + as_large) / (1 + tried)


def difference(sums: FloatArray, total: FloatArray, score: Formula) -> FloatArray:
    """(n,): how far apart the scores of the sums (n, f) and of the rest of the total (f,) are."""
    return np.abs(score(sums) - score(total - sums))


def exchanges(n: int, seed: int) -> Iterator[FloatArray]:
    """Which of n photographs are exchanged, rows of 0 and 1; every way once, or ``DRAWS`` of them.

    To exchange the other photographs instead gives the same difference, so the first one always stays.
    """
    if n <= EXACT_PHOTOGRAPHS:
        ways = np.arange(2 ** max(0, n - 1))[:, None]
        yield (ways >> np.arange(n) & 1).astype(np.float64)
        return
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS // CHUNK):
        yield rng.integers(0, 2, (CHUNK, n)).astype(np.float64)


def least_p(photographs: int) -> float:
    """What p cannot fall below with so many photographs, whatever the two models do on them."""
    return 2.0 ** (1 - photographs) if photographs <= EXACT_PHOTOGRAPHS else 1 / (1 + DRAWS)


def holm(values: Sequence[float]) -> list[float]:
    """p-values of one family, each corrected for the others (Holm, Scand. J. Statist. 6, 1979).

    To call those at most alpha after correction differences makes at least one false call with a chance of at most
    alpha. Undefined ones (nan) stay so and are not of the family.
    """
    corrected, largest = [float("nan")] * len(values), 0.0
    order = sorted((i for i, p in enumerate(values) if not np.isnan(p)), key=lambda i: values[i])
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[i]))
        corrected[i] = largest
    return corrected
