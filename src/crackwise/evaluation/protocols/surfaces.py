"""The family ``surfaces``: how far the outlines of the two masks lie from each other."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from crackwise.evaluation.protocols.answer import DIAGONAL_SHARE, Answer, Mask, cropped, distances
from crackwise.evaluation.protocols.score import Protocol, Score, harmonic, ratio
from crackwise.tally import FloatArray

__all__ = ["SURFACE_SCORES", "Surfaces", "count_surfaces", "outline"]

TOLERANCE_PX = 2
PERCENTILE = 95


class Surfaces(NamedTuple):
    """Counts of one picture, or of a sum of them."""

    cracked: FloatArray
    crack_free: FloatArray
    boundary_f1_2: FloatArray
    """Sum of each picture's F1 of outlines within 2 px; the next within 0.75 % of the diagonal."""
    boundary_f1_diagonal: FloatArray
    surface_dice_2: FloatArray
    """Sum of each picture's share of both outlines within 2 px of the other."""
    hausdorff_px: FloatArray
    """Sum of each picture's 95 % Hausdorff distance."""
    cracked_hausdorff_px: FloatArray


def count_surfaces(answer: Answer) -> Surfaces:
    """The counts of one picture; where one mask alone is empty, the distance is the picture's diagonal."""
    cracked, crack_free = answer.kind
    outlines = [outline(mask) for mask in cropped(answer.found, answer.truth)]
    found, true = (distances(a, b) for a, b in (outlines, outlines[::-1]))
    if cracked and found.size:
        reach = TOLERANCE_PX, DIAGONAL_SHARE * answer.diagonal_px
        f1s = [float(harmonic(*(ratio((d <= limit).sum(), d.size) for d in (found, true)))) for limit in reach]
        hits = (found <= TOLERANCE_PX).sum() + (true <= TOLERANCE_PX).sum()
        shares = [*f1s, hits / (found.size + true.size)]
        distance = max(float(np.percentile(d, PERCENTILE)) for d in (found, true))
    else:
        silent = crack_free and not found.size
        shares = [float(silent)] * 3
        distance = answer.diagonal_px * float((cracked or crack_free) and not silent)
    return Surfaces(*np.array((cracked, crack_free, *shares, distance, distance * cracked), np.float64))


def outline(mask: Mask) -> Mask:
    """Pixels (h, w) of a mask with one of their four neighbours outside of it, or of the picture."""
    if not mask.size:
        return mask
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(mask & (inner == 0))


def per_image(c: Surfaces, total: FloatArray) -> FloatArray:
    """Mean over all pictures."""
    return ratio(total, c.cracked + c.crack_free)


EMPTY_RULE = "a crack-free picture gives 1 if nothing is predicted on it, else 0; a cracked one without prediction 0"
DISTANCE_RULE = (
    "95th percentile of the distances from one outline to the other, the larger of both ways, px (as MONAI); "
    "0 where both masks are empty, the picture's diagonal where one is"
)
PER_IMAGE_2 = Protocol("per image", "all", TOLERANCE_PX)

SURFACE_SCORES: dict[str, Score] = {
    "boundary_f1@2": Score(
        lambda c: per_image(c, c.boundary_f1_2),
        PER_IMAGE_2,
        "boundary F1 within 2 px",
        "mean of each picture's F1 of outline pixels within 2 px of the other (after Csurka et al., BMVC 2013); "
        + EMPTY_RULE,
        family="surfaces",
    ),
    "boundary_f1@diagonal": Score(
        lambda c: per_image(c, c.boundary_f1_diagonal),
        Protocol("per image", "all", None),
        "boundary F1 within 0.75 % of the diagonal",
        "mean of each picture's F1 of outline pixels within 0.75 % of its diagonal (Csurka et al., BMVC 2013); "
        + EMPTY_RULE,
        family="surfaces",
    ),
    "surface_dice@2": Score(
        lambda c: per_image(c, c.surface_dice_2),
        PER_IMAGE_2,
        "normalised surface distance",
        "mean of each picture's share of the pixels of both outlines within 2 px of the other (Nikolov et al., 2018; "
        f"as MONAI); {EMPTY_RULE}",
        family="surfaces",
    ),
    "hausdorff95_px": Score(
        lambda c: per_image(c, c.hausdorff_px),
        Protocol("per image", "all"),
        "95 % Hausdorff distance, px",
        f"mean of each picture's {DISTANCE_RULE}",
        is_share=False,
        family="surfaces",
    ),
    "cracked_hausdorff95_px": Score(
        lambda c: ratio(c.cracked_hausdorff_px, c.cracked),
        Protocol("per image", "cracked"),
        "95 % Hausdorff distance, px",
        f"mean over the pictures with a crack of the {DISTANCE_RULE}",
        is_share=False,
        family="surfaces",
    ),
}
"""An outline are the pixels of a mask with a neighbour (of four) outside; a mask ends where the labels end."""
