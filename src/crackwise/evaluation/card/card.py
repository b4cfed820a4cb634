"""One set of pictures on the protocol card: what of the record the page groups, compares and draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crackwise.evaluation.card.curves import curve_of
from crackwise.evaluation.card.published import Published, published_for
from crackwise.evaluation.metrics import FAMILIES, SCORES, scores_in

if TYPE_CHECKING:
    from crackwise.evaluation.evaluate import Evaluation

__all__ = ["card_record", "groups"]

TITLES = {
    "levels": "At the best threshold, and over all of them",
    "thinned": "Thinned lines, at the best threshold",
    "lines": "Centrelines",
    "surfaces": "Outlines",
    "connectivity": "Cracks in one piece",
    "widths": "By the width of the crack",
    "measured": "Measured length and width",
    "calibration": "What a probability is worth",
}
"""Of the families but ``mask``."""


def groups() -> dict[str, list[str]]:
    """Every score under the heading it stands below."""
    found: dict[str, list[str]] = {"Overlap, pixel by pixel": [], "Within a tolerance": [], "False alarms": []}
    for family in FAMILIES:
        for name, score in scores_in(family).items():
            if score.protocol.over == "crack-free":
                title = "False alarms"
            elif family == "mask":
                title = "Within a tolerance" if score.protocol.tolerance_px else "Overlap, pixel by pixel"
            else:
                title = TITLES[family]
            found.setdefault(title, []).append(name)
    return found


def card_record(reference: str, evaluation: Evaluation) -> dict[str, Any] | None:
    """Published numbers under the same protocol, and the curve over all thresholds; None without scores of pixels."""
    if not evaluation.scores:
        return None
    question = evaluation.question
    plain = question.class_name == "crack" and not (
        question.absent or question.open_close or question.phrase or question.noise
    )
    known = published_for(reference, evaluation.threshold_source) if plain else Published({}, {})
    counted = evaluation.scores["all"].keys() & SCORES.keys()
    return {
        "beside": {score: numbers for score, numbers in known.beside.items() if score in counted},
        "left_out": known.left_out,
        "curve": curve_of(evaluation.counts["levels"]) if "levels" in evaluation.counts else None,
    }
