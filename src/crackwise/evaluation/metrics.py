"""The table of scores, and that of the families of counts which they follow from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from crackwise.errors import DataError
from crackwise.evaluation.protocols.calibration import CALIBRATION_SCORES, count_calibration
from crackwise.evaluation.protocols.connectivity import CONNECTIVITY_SCORES, count_connectivity
from crackwise.evaluation.protocols.levels import LEVEL_SCORES, count_levels
from crackwise.evaluation.protocols.lines import LINE_SCORES, count_lines
from crackwise.evaluation.protocols.mask import MASK_SCORES, count_mask
from crackwise.evaluation.protocols.measured import MEASURED_SCORES, count_measured
from crackwise.evaluation.protocols.review import count_review
from crackwise.evaluation.protocols.score import Counts, Family, Score
from crackwise.evaluation.protocols.surfaces import SURFACE_SCORES, count_surfaces
from crackwise.evaluation.protocols.thinned import THINNED_SCORES, count_thinned
from crackwise.evaluation.protocols.widths import WIDTH_SCORES, count_widths
from crackwise.tally import FloatArray

__all__ = ["FAMILIES", "SCORES", "refuse_unknown", "scores_in", "scores_of"]

FAMILIES: dict[str, Family] = {
    "mask": count_mask,
    "levels": count_levels,
    "thinned": count_thinned,
    "lines": count_lines,
    "surfaces": count_surfaces,
    "connectivity": count_connectivity,
    "widths": count_widths,
    "measured": count_measured,
    "calibration": count_calibration,
    "review": count_review,
}
"""What is counted on one picture; ``mask`` always is, the others where somebody asks for their scores."""

SCORES: dict[str, Score] = {
    **MASK_SCORES,
    **LEVEL_SCORES,
    **THINNED_SCORES,
    **LINE_SCORES,
    **SURFACE_SCORES,
    **CONNECTIVITY_SCORES,
    **WIDTH_SCORES,
    **MEASURED_SCORES,
    **CALIBRATION_SCORES,
}
"""Every score, in the order of the families."""


def scores_in(family: str) -> dict[str, Score]:
    """The scores that follow from the counts of one family."""
    return {name: score for name, score in SCORES.items() if score.family == family}


def scores_of(counts: Counts, family: str = "mask") -> dict[str, FloatArray]:
    """Every score of a sum of counts; nan where it is undefined."""
    return {name: score.formula(counts) for name, score in scores_in(family).items()}


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse a name that no score has.

    Raises:
        DataError: there is one.
    """
    for name in names:
        if name not in SCORES:
            near = [each for each in SCORES if name in each] or difflib.get_close_matches(name, SCORES) or list(SCORES)
            raise DataError(f"No score {name!r}; near it are {', '.join(near[:3])}. All stand in docs/protocols.md.")
