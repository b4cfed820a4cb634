"""The table of scores, and that of the families of counts which they follow from."""

from __future__ import annotations

from crackwise.evaluation.protocols.mask import MASK_SCORES, count_mask
from crackwise.evaluation.protocols.score import Counts, Family, Score
from crackwise.tally import FloatArray

__all__ = ["FAMILIES", "SCORES", "scores_in", "scores_of"]

FAMILIES: dict[str, Family] = {"mask": count_mask}
"""What is counted on one picture; ``mask`` always is, the others where somebody asks for their scores."""

SCORES: dict[str, Score] = {**MASK_SCORES}


def scores_in(family: str) -> dict[str, Score]:
    """The scores that follow from the counts of one family."""
    return {name: score for name, score in SCORES.items() if score.family == family}


def scores_of(counts: Counts, family: str = "mask") -> dict[str, FloatArray]:
    """Every score of a sum of counts; nan where it is undefined."""
    return {name: score.formula(counts) for name, score in scores_in(family).items()}
