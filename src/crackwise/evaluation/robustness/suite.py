"""Which conditions a model is shown, and which pictures stand for a set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from crackwise.errors import DataError
from crackwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.noise import NOISES, Condition, noise_named

__all__ = ["CLEAN", "SUITES", "Plan", "Suite", "conditions_of"]


class Plan(NamedTuple):
    """What is asked, of every model on every set."""

    conditions: tuple[Condition, ...]
    scores: tuple[str, ...]
    """Rows of `SCORES`."""
    seed: int = 0
    """Of what noises draw, of the sample of pictures and of the intervals."""
    pictures: int | None = None
    """At most so many of a set; None: all."""

    @property
    def families(self) -> tuple[str, ...]:
        """The keys of `FAMILIES` that the scores follow from; ``mask`` always."""
        return tuple(dict.fromkeys(("mask", *(SCORES[name].family for name in self.scores))))


Suite = Literal["corruptions", "cracksam", "blur"]

CLEAN = "clean"
"""The name of the photographs as they were taken."""
SUITES: dict[Suite, tuple[str, ...]] = {
    "corruptions": tuple(CORRUPTIONS),
    "cracksam": ("dark", "blur"),
    "blur": ("gaussian_blur",),
}
"""Rows of `NOISES`."""


def conditions_of(suite: Suite, only: Sequence[str] = (), severities: Sequence[int] = ()) -> tuple[Condition, ...]:
    """Every noise of a suite at every level, or those of ``only`` and, where a noise has severities, of these.

    A name of ``only`` may carry its own level: ``"fog:3"``; it may be of any suite.

    Raises:
        DataError: an unknown noise, level or severity.
    """
    if wrong := [severity for severity in severities if severity not in SEVERITIES]:
        raise DataError(f"There is no severity {wrong[0]}; severities are {', '.join(map(str, SEVERITIES))}.")
    found: dict[str, Condition] = {}
    for name in only or SUITES[suite]:
        asked = name.partition(":")[0]
        if asked != name or not (asked in NOISES and NOISES[asked].levels):
            wanted: Iterable[str] = (name,)
        else:
            levels = severities if severities and asked in CORRUPTIONS else NOISES[asked].levels
            wanted = (f"{asked}:{level}" for level in levels)
        found |= {each.name: each for each in map(noise_named, wanted)}
    return tuple(found.values())
