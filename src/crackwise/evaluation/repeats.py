"""One recipe trained with several seeds: how far its mean score may lie from that of other seeds on other photographs.

Two things vary, the photographs and the training. The first is told by drawing whole photographs with replacement, the
same ones for every run; the second by the spread of the runs. Both variances add up, each made unbiased for how few
there are of its kind, and Student's quantile at the degrees of freedom of Welch and Satterthwaite (Biometrika 34, 1947;
Biometrics Bulletin 2, 1946) says how far a sum of so few may be off: three seeds that disagree give a wide interval.
Drawing seeds with replacement as well would not do: three of three hide a third of their variance, and what lies
outside of them is never drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from crackwise.evaluation.bootstrap import CONFIDENCE, Estimate, interval, photograph_sums, pictures_of, resample
from crackwise.evaluation.metrics import SCORES, scores_of
from crackwise.tally import FloatArray, Tally

__all__ = ["estimate_difference", "estimate_mean"]

Runs = Sequence[Sequence[Tally]]
"""The tallies of every run, a run per seed, the same pictures in the same order."""


def estimate_mean(runs: Runs, groups: Sequence[str], *, seed: int = 0) -> dict[str, Estimate]:
    """Every score, averaged over the runs. ``groups`` names the photograph of each picture."""
    scored = [run_scores(run, groups, seed) for run in runs]
    return {
        name: estimate([run[name] for run in scored], runs[0], groups, name, is_share=SCORES[name].is_share)
        for name in SCORES
    }


def estimate_difference(runs: Runs, others: Runs, groups: Sequence[str], *, seed: int = 0) -> dict[str, Estimate]:
    """By how much every score of the runs is above that of the others, pair by pair: same seed, same photographs."""
    pairs = [
        (run_scores(run, groups, seed), run_scores(other, groups, seed))
        for run, other in zip(runs, others, strict=True)
    ]
    return {
        name: estimate([a[name] - b[name] for a, b in pairs], runs[0], groups, name, is_share=False) for name in SCORES
    }


def run_scores(run: Sequence[Tally], groups: Sequence[str], seed: int) -> dict[str, FloatArray]:
    """Every score of one run: over all photographs, then over each draw of them."""
    sums = photograph_sums(run, groups)
    return scores_of(Tally(*np.vstack([sums.sum(0), resample(sums, seed)]).T))


def estimate(
    runs: Sequence[FloatArray], tallies: Sequence[Tally], groups: Sequence[str], name: str, *, is_share: bool
) -> Estimate:
    """The mean over runs of one score, or of one difference, each with its value first and then the resampled ones."""
    pictures = pictures_of(Tally(*photograph_sums(tallies, groups).T), SCORES[name].protocol)
    photographs = int((pictures > 0).sum())
    values, resampled = np.array(runs)[:, 0], np.mean(np.array(runs)[:, 1:], axis=0)
    low, high = spread(values, resampled, photographs)
    if low == high:
        low, high = interval(float(values.mean()), resampled, photographs, is_share=is_share)
    ends = (0.0, 1.0) if is_share else (None, None)
    low, high = np.clip((low, high), *ends).tolist()
    return Estimate(float(values.mean()), low, high, int(pictures.sum()), photographs)


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
