"""The failures of each model, sorted by kind: how many, and the worst of each kind drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crackwise.evaluation.answers.view import target_of
from crackwise.evaluation.compare.kinds import KINDS, Failure, failure_of
from crackwise.evaluation.compare.pictures import mask_at, show
from crackwise.evaluation.compare.results import Contest
from crackwise.evaluation.drawing import draw_errors, jpeg_source, side_by_side
from crackwise.evaluation.page import Example

if TYPE_CHECKING:  # the module imports torch
    from crackwise.data.folder import Item

__all__ = ["Failures", "draw_failures", "find_failures"]

PANEL_PX = 300


class Failures(NamedTuple):
    """What goes wrong on a set with one model."""

    of_pictures: Mapping[int, Failure]
    """By the place of each picture that fails."""

    def of_kind(self, kind: str) -> list[int]:
        """Places of the pictures of a kind, those with most pixels of it first."""
        places = [i for i, failure in self.of_pictures.items() if failure.kind == kind]
        return sorted(places, key=lambda i: -self.of_pictures[i].pixels[kind])

    def pixels(self, kind: str) -> int:
        """Wrong pixels of a kind on all pictures that fail."""
        return sum(failure.pixels[kind] for failure in self.of_pictures.values())


def find_failures(contest: Contest, items: Sequence[Item]) -> dict[str, Failures]:
    """The failures of each model on all pictures."""
    found: dict[str, dict[int, Failure]] = {model: {} for model in contest.models}
    for i, item in enumerate(items):
        masks = {model: mask_at(kept.masks[i]) for model, kept in contest.models.items()}
        target = target_of(item, contest.question, next(iter(masks.values())).shape[:2])
        for model, mask in masks.items():
            by_file = {contest.sha256[name]: other for name, other in masks.items()}
            del by_file[contest.sha256[model]]
            failure = failure_of(mask, target, list(by_file.values()))
            if failure is not None:
                found[model][i] = failure
    return {model: Failures(of_pictures) for model, of_pictures in found.items()}


def draw_failures(
    contest: Contest, items: Sequence[Item], failures: Failures, model: str, count: int
) -> dict[str, list[Example]]:
    """Photograph and errors of the worst ``count`` pictures of each kind."""
    drawn: dict[str, list[Example]] = {}
    for kind in KINDS:
        places = failures.of_kind(kind)[:count]
        for place, shown in zip(places, show(contest, items, places), strict=True):
            errors = draw_errors(shown.photo, shown.target, shown.masks[model])
            source = jpeg_source(side_by_side((shown.photo, errors), PANEL_PX))
            drawn.setdefault(kind, []).append(Example(shown.name, caption(kind, failures.of_pictures[place]), source))
    return drawn


def caption(kind: str, failure: Failure) -> str:
    """What the numbers say."""
    share = f"{failure.pixels[kind]} px {KINDS[kind].title}"
    return share if np.isnan(failure.iou) else f"crack IoU {failure.iou:.2f}, {share}"
