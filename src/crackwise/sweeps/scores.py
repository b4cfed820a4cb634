"""The scores that a sweep shows: of pixels and of whole pictures, under one name each, from what was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from crackwise.evaluation.bootstrap import Draws, Estimate, draw_scores
from crackwise.evaluation.classification import PICTURE_SCORES, WHOLE_PICTURES
from crackwise.evaluation.metrics import scores_in
from crackwise.evaluation.pictures import Verdict, draw_verdicts
from crackwise.evaluation.repeats import mean_of
from crackwise.tally import Tally

__all__ = ["SHOWN", "Findings", "Shown", "estimate"]


class Findings(NamedTuple):
    """One run on one case: what was found on every picture."""

    tallies: tuple[Tally, ...]
    """One per picture: its pixels."""
    verdicts: tuple[Verdict, ...]
    """One per picture, as a whole."""
    groups: tuple[str, ...]
    """The photograph of each."""
    threshold: float
    leaking: int
    """How many of the pictures, or their photographs, the run has met in training or validation."""


class Shown(NamedTuple):
    """A score with what must stand beside it before it may be compared with another."""

    title: str
    definition: str
    averaging: str
    over: str
    tolerance_px: float | None
    draws: Callable[[Findings], Mapping[str, Draws]]
    """It and all others that follow from the same counts."""

    @property
    def is_of_pixels(self) -> bool:
        """Needs labels that say where a crack is."""
        return self.draws is of_pixels


def of_pixels(findings: Findings) -> Mapping[str, Draws]:
    """The scores of masks in ``SCORES``."""
    return draw_scores(findings.tallies, findings.groups)


def of_pictures(findings: Findings) -> Mapping[str, Draws]:
    """The scores of ``PICTURE_SCORES``."""
    return draw_verdicts(findings.verdicts, findings.groups, threshold=findings.threshold)


SHOWN: dict[str, Shown] = {
    name: Shown(row.title, row.definition, *row.protocol[:3], of_pixels) for name, row in scores_in("mask").items()
} | {
    name: Shown(row.title, row.definition, WHOLE_PICTURES, row.over, None, of_pictures)
    for name, row in PICTURE_SCORES.items()
}
"""Every score that a page may name; no name is in both tables."""


def estimate(name: str, runs: tuple[Findings, ...]) -> Estimate:
    """A score, averaged over runs that differ in the seed and saw the same pictures."""
    return table_of(SHOWN[name].draws, runs)[name]


@lru_cache
def table_of(draws: Callable[[Findings], Mapping[str, Draws]], runs: tuple[Findings, ...]) -> dict[str, Estimate]:
    """All scores of one table."""
    drawn = [draws(run) for run in runs]
    return mean_of(drawn) if len(drawn) > 1 else {name: each.estimate() for name, each in drawn[0].items()}
