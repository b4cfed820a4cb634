"""The family ``lines``: centrelines of the masks against each other and against the masks, whatever the width."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.score import Protocol, Score, harmonic, ratio
from crackwise.tally import FloatArray, within

__all__ = ["LINE_SCORES", "Lines", "count_lines"]

THICKNESS_PX = 4


class Lines(NamedTuple):
    """Counts of one picture, or of a sum of them."""

    cracked: FloatArray
    crack_free: FloatArray
    shared_px: FloatArray
    """Pixels at most 4 px from both centrelines."""
    either_px: FloatArray
    """Pixels at most 4 px from any of the two."""
    found_line_px: FloatArray
    found_line_inside: FloatArray
    """Pixels of the predicted centreline inside the true mask."""
    true_line_px: FloatArray
    true_line_inside: FloatArray
    """Pixels of the true centreline inside the predicted mask."""
    cl_dice: FloatArray
    """Sum of each picture's own; 1 for a crack-free one without a prediction."""


def count_lines(answer: Answer) -> Lines:
    """The counts of one picture."""
    cracked, crack_free = answer.kind
    found, true = answer.found_lines, answer.true_lines
    thick_found, thick_true = within(found, THICKNESS_PX), within(true, THICKNESS_PX)
    both, either = thick_found & thick_true, (thick_found | thick_true) & answer.labelled
    n_found, n_true = int(found.sum()), int(true.sum())
    found_inside, true_inside = int((found & answer.truth).sum()), int((true & answer.found).sum())
    own = float(crack_free and n_found == 0)
    if cracked:
        own = float(harmonic(ratio(found_inside, n_found), ratio(true_inside, n_true)))
    counts = (cracked, crack_free, (both & answer.labelled).sum(), either.sum())
    return Lines(*np.array((*counts, n_found, found_inside, n_true, true_inside, own), np.float64))


def cl_iou(c: Lines) -> FloatArray:
    """IoU of the thickened centrelines, pooled."""
    return np.where(c.true_line_px > 0, ratio(c.shared_px, c.either_px), np.nan)


def topology_precision(c: Lines) -> FloatArray:
    """Share of the predicted centreline inside the true mask, pooled."""
    return np.where(c.true_line_px > 0, ratio(c.found_line_inside, c.found_line_px), np.nan)


def topology_sensitivity(c: Lines) -> FloatArray:
    """Share of the true centreline inside the predicted mask, pooled."""
    return ratio(c.true_line_inside, c.true_line_px)


POOLED = Protocol("pooled", "all")
EMPTY_RULE = "a crack-free picture gives 1 if nothing is predicted on it, else 0; a cracked one without prediction 0"

LINE_SCORES: dict[str, Score] = {
    "cliou@4": Score(
        cl_iou,
        Protocol("pooled", "all", THICKNESS_PX),
        "clIoU",
        "IoU of the two centrelines, each dilated by a disk of 4 px, all pictures together (OmniCrack30k)",
        family="lines",
    ),
    "pooled_cldice": Score(
        lambda c: harmonic(topology_precision(c), topology_sensitivity(c)),
        POOLED,
        "clDice",
        "harmonic mean of topology precision and sensitivity (Shit et al., CVPR 2021), counted over all pictures",
        family="lines",
    ),
    "topology_precision": Score(
        topology_precision,
        POOLED,
        "topology precision",
        "share of the predicted centreline that lies inside the label, counted over all pictures",
        family="lines",
    ),
    "topology_sensitivity": Score(
        topology_sensitivity,
        POOLED,
        "topology sensitivity",
        "share of the label's centreline that lies inside the predicted mask, counted over all pictures",
        family="lines",
    ),
    "per_image_cldice": Score(
        lambda c: ratio(c.cl_dice, c.cracked + c.crack_free),
        Protocol("per image", "all"),
        "clDice",
        f"mean of each picture's clDice; {EMPTY_RULE}",
        family="lines",
    ),
}
"""Without a crack the pooled ones are undefined."""
