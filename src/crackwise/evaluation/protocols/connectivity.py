"""The family ``connectivity``: into how many pieces true cracks fall, and how many cracks there are that are none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crackwise.evaluation.protocols.answer import Answer, components
from crackwise.evaluation.protocols.score import Protocol, Score, ratio
from crackwise.tally import FloatArray, within

__all__ = ["CONNECTIVITY_SCORES", "Connectivity", "count_connectivity"]

TOLERANCE_PX = 2


class Connectivity(NamedTuple):
    """Counts of one picture, or of a sum of them. A true crack is an 8-connected component of the label."""

    cracked: FloatArray
    crack_free: FloatArray
    true_cracks: FloatArray
    found_cracks: FloatArray
    """Those with any pixel of the centreline within 2 px of a predicted one."""
    pieces: FloatArray
    """8-connected parts of the centrelines that are within 2 px of a predicted pixel."""
    false_cracks: FloatArray
    """8-connected components predicted on crack-free pictures."""


def count_connectivity(answer: Answer) -> Connectivity:
    """The counts of one picture."""
    cracked, crack_free = answer.kind
    if not cracked:
        return Connectivity(*np.array((0, crack_free, 0, 0, 0, components(answer.found)[0]), np.float64))
    count, parts = components(answer.truth)
    covered = answer.true_lines & within(answer.found, TOLERANCE_PX)
    pieces, _ = components(covered)
    found = np.unique(parts[covered]).size
    return Connectivity(*np.array((1, 0, count, found, pieces, 0), np.float64))


CONNECTIVITY_SCORES: dict[str, Score] = {
    "breaks_per_crack": Score(
        lambda c: ratio(c.pieces - c.found_cracks, c.found_cracks),
        Protocol("pooled", "cracked", TOLERANCE_PX),
        "breaks per crack",
        "pieces less one, into which the centreline of a true crack (8-connected component) falls where it is within "
        "2 px of a predicted pixel; mean over the true cracks found at all, undefined if none is",
        is_share=False,
        family="connectivity",
    ),
    "cracks_found": Score(
        lambda c: ratio(c.found_cracks, c.true_cracks),
        Protocol("pooled", "cracked", TOLERANCE_PX),
        "cracks found",
        "share of the true cracks (8-connected components) with any pixel of the centreline within 2 px of a predicted "
        "one",
        family="connectivity",
    ),
    "false_cracks_per_image": Score(
        lambda c: ratio(c.false_cracks, c.crack_free),
        Protocol("per image", "crack-free"),
        "false cracks per image",
        "8-connected components predicted on a crack-free picture, mean over these pictures",
        is_share=False,
        family="connectivity",
    ),
}
"""A prediction on a crack-free picture is no piece of a crack."""
