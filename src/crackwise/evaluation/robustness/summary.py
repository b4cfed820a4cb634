"""What the scores under all conditions amount to: relative to clean photographs, and to another model.

The mean over corruptions and its ratio to the clean score are the mPC and rPC of Michaelis et al. (*Benchmarking
Robustness in Object Detection*, 2019); the mean corruption error against a baseline is that of Hendrycks and Dietterich
(ICLR 2019). All intervals rest on the same draws of photographs: a ratio is that of two scores on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crackwise.evaluation.bootstrap import Draws, Estimate, draw_scores
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.noise import Condition
from crackwise.evaluation.robustness.run import Looks
from crackwise.evaluation.robustness.suite import CLEAN, Plan

__all__ = ["Drawn", "Held", "Summary", "draw_looks", "goes_down", "summarise"]

Drawn = Mapping[str, Mapping[str, Draws]]
"""By condition, then by score."""


class Held(NamedTuple):
    """A score under a condition, or the mean over several."""

    score: Estimate
    relative: Estimate | None
    """To that of the clean photographs; None for a score that does not go down with damage."""


class Summary(NamedTuple):
    """One score of one model on one set."""

    clean: Estimate
    conditions: dict[str, Held]
    noises: dict[str, Held]
    """Means over the levels of each noise."""
    mean: Held
    """Over the noises."""
    error: Estimate | None
    """Mean corruption error: 1 is that of the baseline; None without one, or for a score that does not go down."""


def goes_down(score: str) -> bool:
    """Whether a score is a share of what is right, so that damage lowers it and 1 minus it is an error."""
    return SCORES[score].is_share and SCORES[score].protocol.over != "crack-free"


def draw_looks(looks: Looks, plan: Plan) -> dict[str, dict[str, Draws]]:
    """The scores of every condition, over all photographs and over the same draws of them."""
    drawn = {}
    for name, counts in looks.counts.items():
        every: dict[str, Draws] = {}
        for family in plan.families:
            every |= draw_scores([each[family] for each in counts], looks.groups, family=family, seed=plan.seed)
        drawn[name] = {score: every[score] for score in plan.scores}
    return drawn


def summarise(drawn: Drawn, conditions: Sequence[Condition], score: str, baseline: Drawn | None = None) -> Summary:
    """One score under every condition, per noise and over all; ``baseline``: another model on the same photographs."""
    of = {name: each[score] for name, each in drawn.items()}
    levels = levels_of(conditions)
    noises = {noise: mean([of[name] for name in names]) for noise, names in levels.items()}
    error = None
    if baseline is not None and goes_down(score):
        theirs = {name: each[score] for name, each in baseline.items()}
        error = corruption_error(of, theirs, levels).estimate()

    def held(draws: Draws) -> Held:
        return Held(draws.estimate(), ratio(draws, of[CLEAN]).estimate() if goes_down(score) else None)

    return Summary(
        of[CLEAN].estimate(),
        {each.name: held(of[each.name]) for each in conditions},
        {noise: held(draws) for noise, draws in noises.items()},
        held(mean(list(noises.values()))),
        error,
    )


def levels_of(conditions: Sequence[Condition]) -> dict[str, list[str]]:
    """The names of the conditions of each noise."""
    levels: dict[str, list[str]] = {}
    for each in conditions:
        levels.setdefault(each.noise, []).append(each.name)
    return levels


def corruption_error(
    ours: Mapping[str, Draws], theirs: Mapping[str, Draws], levels: Mapping[str, Sequence[str]]
) -> Draws:
    """Mean over the noises of the error summed over its levels, over that of the baseline."""
    errors = [
        ratio(mean([wrong(ours[name]) for name in names]), mean([wrong(theirs[name]) for name in names]))
        for names in levels.values()
    ]
    return mean(errors)


def wrong(draws: Draws) -> Draws:
    """1 minus the score."""
    return draws._replace(value=1 - draws.value, resampled=1 - draws.resampled)


def mean(several: Sequence[Draws]) -> Draws:
    """Of several scores on the same photographs; undefined where one is."""
    return several[0]._replace(
        value=float(np.mean([each.value for each in several])),
        resampled=np.mean([each.resampled for each in several], axis=0),
        pictures=min(each.pictures for each in several),
        photographs=min(each.photographs for each in several),
    )


def ratio(part: Draws, whole: Draws) -> Draws:
    """One over the other, draw by draw; undefined where the other is 0."""
    values = np.append(whole.resampled, whole.value)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(values > 0, np.append(part.resampled, part.value) / values, np.nan)
    return part._replace(value=float(shares[-1]), resampled=shares[:-1], is_share=False, is_bounded=False)
