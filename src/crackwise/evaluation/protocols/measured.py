"""The family ``measured``: lengths and widths that an inspector would read from the two masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from crackwise.evaluation.protocols.answer import Answer, Mask
from crackwise.evaluation.protocols.score import Protocol, Score, ratio
from crackwise.measure import Crack, measure
from crackwise.tally import FloatArray

__all__ = ["MEASURED_SCORES", "Measured", "count_measured"]

MATCH_PX = 3


class Measured(NamedTuple):
    """Counts of one picture, or of a sum of them. Both masks are measured by `crackwise.measure.measure`."""

    cracked: FloatArray
    crack_free: FloatArray
    true_length_px: FloatArray
    found_length_px: FloatArray
    """On pictures with a crack."""
    measurable: FloatArray
    """Pictures with a true crack that is long enough to be measured."""
    length_error: FloatArray
    """Sum over these of |found - true| / true length."""
    points: FloatArray
    """Points of the true centrelines, about a pixel apart, outside of junctions and ends."""
    matched: FloatArray
    """Those with a point of a found centreline at most 3 px away."""
    width_error_px: FloatArray
    """Sum over the matched ones of |found - true| width; the next of found - true."""
    width_excess_px: FloatArray


def count_measured(answer: Answer) -> Measured:
    """The counts of one picture."""
    cracked, crack_free = answer.kind
    if not cracked:
        return Measured(*np.array((0, crack_free) + (0,) * 8, np.float64))
    true, found = measured(answer.truth), measured(answer.found)
    true_length, found_length = (sum(crack.length_px for crack in cracks) for cracks in (true, found))
    measurable = true_length > 0
    error = abs(found_length - true_length) / true_length if measurable else 0.0
    points, matched, differences = compared(true, found)
    lengths = (true_length, found_length * measurable, measurable, error)
    widths = (points, matched, np.abs(differences).sum(), differences.sum())
    return Measured(*np.array((1, 0, *lengths, *widths), np.float64))


def measured(mask: Mask) -> tuple[Crack, ...]:
    """The cracks of a mask (h, w)."""
    return measure(None, mask) if mask.any() else ()


def compared(true: tuple[Crack, ...], found: tuple[Crack, ...]) -> tuple[int, int, FloatArray]:
    """How many points there are, how many are matched, and by how much the found width (matched,) is above the true."""
    places, widths = points_of(true)
    others, other_widths = points_of(found)
    if not (len(places) and len(others)):
        return len(places), 0, np.zeros(0)
    far, nearest = cKDTree(others).query(places)
    near = far <= MATCH_PX
    return len(places), int(near.sum()), (other_widths[nearest] - widths)[near]


def points_of(cracks: tuple[Crack, ...]) -> tuple[FloatArray, FloatArray]:
    """Places (n, 2) and widths (n,) of the counted points of all centrelines, px."""
    if not cracks:
        return np.zeros((0, 2)), np.zeros(0)
    places = np.concatenate([crack.centreline[crack.counted] for crack in cracks])
    widths = np.concatenate([crack.widths_px[crack.counted] for crack in cracks])
    return places.astype(np.float64), widths.astype(np.float64)


CRACKED = Protocol("pooled", "cracked")
MATCHED = Protocol("pooled", "cracked", MATCH_PX)
SAME = "both masks measured by the same function, as `crackwise inspect` measures; pictures with a crack only"
AT_POINTS = "at the points of the true centreline with a found one within 3 px"

MEASURED_SCORES: dict[str, Score] = {
    "length_ratio": Score(
        lambda c: ratio(c.found_length_px, c.true_length_px),
        CRACKED,
        "length ratio",
        f"measured length of the predicted cracks / of the labelled ones, summed over all pictures; 1 is right; {SAME}",
        is_share=False,
        family="measured",
    ),
    "per_image_length_error": Score(
        lambda c: ratio(c.length_error, c.measurable),
        Protocol("per image", "cracked"),
        "length error",
        f"mean of |predicted - labelled| / labelled measured length; 1 where nothing is predicted; {SAME}",
        is_share=False,
        family="measured",
        pictures=lambda c: c.measurable,
    ),
    "width_error_px": Score(
        lambda c: ratio(c.width_error_px, c.matched),
        MATCHED,
        "width error, px",
        f"mean |predicted - labelled| width {AT_POINTS}; {SAME}",
        is_share=False,
        family="measured",
    ),
    "width_bias_px": Score(
        lambda c: ratio(c.width_excess_px, c.matched),
        MATCHED,
        "width bias, px",
        f"mean predicted - labelled width {AT_POINTS}; {SAME}",
        is_share=False,
        family="measured",
    ),
    "width_matched_share": Score(
        lambda c: ratio(c.matched, c.points),
        MATCHED,
        "share of widths compared",
        f"share of the points of the true centreline with a found one within 3 px; {SAME}",
        family="measured",
    ),
}
"""Undefined where nothing is matched, or no true crack is long enough to be measured."""
