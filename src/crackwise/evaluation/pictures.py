"""Labelled pictures judged as a whole: the score and the label of each, and what a set of them amounts to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.bootstrap import Draws, Estimate, draw_pictures
from crackwise.evaluation.classification import PictureCounts, count_pictures, undefined

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item
    from crackwise.data.masks import Mask

__all__ = ["OF_WHOLE_PICTURES", "Judgement", "Verdict", "are_of_whole_pictures", "draw_verdicts", "judge", "label_of"]

OF_WHOLE_PICTURES = frozenset({"somewhere"})
"""Mask kinds that say a class is on the picture, not where: their sets are judged picture by picture."""


class Verdict(NamedTuple):
    """One picture: what the predictor says, and what the label says."""

    score: float
    """The highest probability of the class on it."""
    label: int | None
    """1 shows the class, 0 does not; None: not labelled."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Pictures judged as a whole, cracked or not."""

    counts: PictureCounts
    estimates: Mapping[str, Estimate]
    """Keys as in `PICTURE_SCORES`."""
    undefined: Mapping[str, str]
    """The scores that these pictures do not define, and why."""


def are_of_whole_pictures(items: Iterable[Item]) -> bool:
    """Whether a set is labelled picture by picture: at least one label says the class is somewhere, not where."""
    return any(item.mask.kind in OF_WHOLE_PICTURES for item in items)


def label_of(mask: Mask, target: NDArray[np.uint8], class_name: str) -> int | None:
    """1 where any pixel of the label plane (h, w) is of the class, 0 where none is, None without a labelled one."""
    if (target == 1).any():
        return 1
    if (target == 0).any():
        return 0
    return 1 if mask.kind in OF_WHOLE_PICTURES and mask.label in (None, class_name) else None


def judge(verdicts: Sequence[Verdict], groups: Sequence[str], *, threshold: float, seed: int) -> Judgement:
    """The pictures that are labelled, at the threshold; ``groups`` names the photograph of each."""
    scores, labels, _ = labelled(verdicts, groups)
    counts = count_pictures(scores, labels, threshold)
    drawn = draw_verdicts(verdicts, groups, threshold=threshold, seed=seed)
    return Judgement(counts, {name: draws.estimate() for name, draws in drawn.items()}, undefined(counts))


def draw_verdicts(
    verdicts: Sequence[Verdict], groups: Sequence[str], *, threshold: float, seed: int = 0
) -> dict[str, Draws]:
    """Every score of the pictures that are labelled, over all photographs and over each draw of them."""
    scores, labels, photographs = labelled(verdicts, groups)
    return draw_pictures(scores, labels, photographs, threshold=threshold, seed=seed)


def labelled(
    verdicts: Sequence[Verdict], groups: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], list[str]]:
    """Scores (n,), labels (n,) and photographs of the pictures that have a label."""
    kept = [(verdict, group) for verdict, group in zip(verdicts, groups, strict=True) if verdict.label is not None]
    scores = np.array([verdict.score for verdict, _ in kept], np.float32)
    labels = np.array([verdict.label for verdict, _ in kept], np.uint8)
    return scores, labels, [group for _, group in kept]
