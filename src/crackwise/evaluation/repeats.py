"""One recipe trained with several seeds: how far its mean score may lie from that of other seeds on other photographs.

Two things vary, the photographs and the training. The first is told by drawing whole photographs with replacement, the
same ones for every run; the second by the spread of the runs. Both variances add up, each made unbiased for how few
there are of its kind, and Student's quantile at the degrees of freedom of Welch and Satterthwaite (Biometrika 34, 1947;
Biometrics Bulletin 2, 1946) says how far a sum of so few may be off: three seeds that disagree give a wide interval.
Drawing seeds with replacement as well would not do: three of three hide a third of their variance, and what lies
outside of them is never drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t

from crackwise.evaluation.bootstrap import CONFIDENCE, Draws, Estimate, draw_scores, interval
from crackwise.tally import FloatArray, Tally

__all__ = ["difference", "estimate_difference", "estimate_mean", "mean_of"]

Runs = Sequence[Sequence[Tally]]
"""The tallies of every run, a run per seed, the same pictures in the same order."""


def estimate_mean(runs: Runs, groups: Sequence[str], *, seed: int = 0) -> dict[str, Estimate]:
    """Every score of pixels, averaged over the runs. ``groups`` names the photograph of each picture."""
    return mean_of([draw_scores(run, groups, seed=seed) for run in runs])


def mean_of(runs: Sequence[Mapping[str, Draws]]) -> dict[str, Estimate]:
    """Every score, averaged over runs whose draws are of the same photographs."""
    return {name: estimate([run[name] for run in runs]) for name in runs[0]}


def estimate_difference(runs: Runs, others: Runs, groups: Sequence[str], *, seed: int = 0) -> dict[str, Estimate]:
    """By how much every score of the runs is above that of the others, pair by pair: same seed, same photographs."""
    pairs = [
        (draw_scores(run, groups, seed=seed), draw_scores(other, groups, seed=seed))
        for run, other in zip(runs, others, strict=True)
    ]
    return {name: estimate([difference(a[name], b[name]) for a, b in pairs]) for name in pairs[0][0]}


def difference(a: Draws, b: Draws) -> Draws:
    """By how much one is above the other; no share, whatever the two are."""
    apart, photographs = a.resampled - b.resampled, max(a.photographs, b.photographs)
    return Draws(a.value - b.value, apart, a.pictures, photographs, is_share=False, is_bounded=False)


def estimate(runs: Sequence[Draws]) -> Estimate:
    """The mean over runs of one score, or of one difference; it rests on no more than each of them does."""
    values, resampled = np.array([run.value for run in runs]), np.mean([run.resampled for run in runs], axis=0)
    pictures, photographs = min(run.pictures for run in runs), min(run.photographs for run in runs)
    low, high = spread(values, resampled, photographs)
    if low == high:
        low, high = interval(float(values.mean()), resampled, photographs, is_share=runs[0].is_share)
    ends = (0.0, 1.0) if runs[0].is_bounded else (None, None)
    low, high = np.clip((low, high), *ends).tolist()
    return Estimate(float(values.mean()), low, high, pictures, photographs)


def spread(values: FloatArray, resampled: FloatArray, photographs: int) -> tuple[float, float]:
    """The interval of the mean of the values; nan with fewer than two runs or photographs, or an undefined value."""
    n = len(values)
    if n < 2 or photographs < 2 or np.isnan(values).any():
        return np.nan, np.nan
    by_seed = values.var(ddof=1) / n
    by_photograph = np.nanvar(resampled, ddof=1) * photographs / (photographs - 1)
    both = by_seed + by_photograph
    if both == 0:
        return float(values.mean()), float(values.mean())
    freedom = both**2 / (by_seed**2 / (n - 1) + by_photograph**2 / (photographs - 1))
    reach = t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(both)
    return float(values.mean() - reach), float(values.mean() + reach)
