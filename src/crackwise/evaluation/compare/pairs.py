"""Models pairwise on the same pictures: how far apart, how sure, and what may be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from crackwise.evaluation.bootstrap import Draws, Estimate, draw_scores, packed, photograph_sums, unpacked
from crackwise.evaluation.compare.permutation import Formula, holm, least_p, permutation_p
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.protocols.score import Counts
from crackwise.evaluation.repeats import difference
from crackwise.tally import FloatArray

__all__ = ["ALPHA", "Pair", "Rivals", "compare_pairs"]

ALPHA = 0.05
"""The chance of at least one false verdict among all pairs of one score on one set, if no two models differ."""

Outcome = Literal["above", "below", "no difference shown", "no verdict"]


class Rivals(NamedTuple):
    """One score of several models on the same pictures."""

    estimates: Mapping[str, Estimate]
    """By model."""
    pairs: tuple[Pair, ...]


class Pair(NamedTuple):
    """Two models under one score."""

    first: str
    second: str
    difference: Estimate
    """By how much the first is above the second, with its own 95 % interval, not corrected for other pairs."""
    p: float
    """Of the paired permutation test; nan where the score is undefined."""
    p_holm: float
    """Corrected for all pairs of this score on this set."""
    outcome: Outcome
    """Of the first against the second."""
    reason: str
    """Why there is no verdict; empty where there is one."""

    @property
    def verdict(self) -> str:
        """The outcome in words."""
        if self.outcome in ("above", "below"):
            return f"{self.first} {self.outcome} {self.second}"
        if self.reason:
            return f"no verdict on {self.first} and {self.second}: {self.reason}"
        return f"no difference shown between {self.first} and {self.second}"


def compare_pairs(
    models: Mapping[str, Sequence[Counts]], groups: Sequence[str], scores: Sequence[str], *, seed: int = 0
) -> dict[str, Rivals]:
    """Every two models under each score of one family, on the same pictures; ``groups`` names each one's photograph."""
    if not scores:
        return {}
    (family,) = {SCORES[name].family for name in scores}
    draws = {model: draw_scores(counts, groups, family=family, seed=seed) for model, counts in models.items()}
    like = next(iter(models.values()))[0]
    rows = {model: [packed(each) for each in counts] for model, counts in models.items()}
    sums = {model: photograph_sums(each, groups, len(each[0])) for model, each in rows.items()}

    def rivals_under(name: str) -> Rivals:
        def score(rows: FloatArray) -> FloatArray:
            return SCORES[name].formula(unpacked(rows, like))

        drawn = {model: each[name] for model, each in draws.items()}
        estimates = {model: each.estimate() for model, each in drawn.items()}
        return Rivals(estimates, pairs_of(drawn, sums, score, seed))

    return {name: rivals_under(name) for name in scores}


def pairs_of(drawn: Mapping[str, Draws], sums: Mapping[str, FloatArray], score: Formula, seed: int) -> tuple[Pair, ...]:
    """All pairs under one score."""
    couples = list(combinations(drawn, 2))
    p_values = [permutation_p(sums[a], sums[b], score, seed=seed) for a, b in couples]
    pairs = []
    for (a, b), p, p_holm in zip(couples, p_values, holm(p_values), strict=True):
        apart = difference(drawn[a], drawn[b]).estimate()
        pairs.append(Pair(a, b, apart, p, p_holm, *outcome_of(apart, p_holm, len(couples))))
    return tuple(pairs)


def outcome_of(apart: Estimate, p_holm: float, pairs: int) -> tuple[Outcome, str]:
    """What may be said of a difference, and if nothing, why.

    A verdict needs both the test and the interval: the first holds the chance of a false one among all pairs, the
    second does not take for granted that two equally good models do equally well on every photograph.
    """
    if np.isnan(apart.value):
        return "no verdict", "the score is not defined on these pictures"
    if apart.photographs < 2:
        return "no verdict", "one photograph says nothing about others"
    if least_p(apart.photographs) * pairs > ALPHA:
        few = f"{apart.photographs} photographs are too few"
        return "no verdict", f"{few}; not even a model ahead on all of them could be told from luck"
    if p_holm > ALPHA or not (apart.low > 0 or apart.high < 0):
        return "no difference shown", ""
    return ("above" if apart.value > 0 else "below"), ""
