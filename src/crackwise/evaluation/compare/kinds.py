"""In which way a mask fails: the table of kinds, each a rule that is measured from the masks.

Every wrong pixel is of exactly one of the first six kinds. A picture that fails is of the kind of most of its wrong
pixels, unless its label is in doubt: then all of them are of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.tally import NOT_LABELLED, within

__all__ = ["AGREEMENT", "FAILURE_IOU", "KINDS", "REACH_PX", "Failure", "Kind", "failure_of"]

Mask = NDArray[np.bool_]

FAILURE_IOU = 0.6
"""A picture fails whose crack IoU is lower; two annotators of thin cracks reach 0.41 to 0.60."""
REACH_PX = 5
"""Errors so close (Euclidean) to a true or predicted pixel are a matter of thickness, others of what is a crack."""
SAME_AREA = 1.25
"""Masks whose areas differ by no more than this factor are equally thick."""
CLOSE_ERRORS = 0.9
"""Masks draw the same line if this share of the errors is within reach."""
AGREEMENT = 0.9
"""Two masks agree whose F1 within 2 px is at least this."""
DISAGREEMENT = 0.7
"""A mask disagrees with a label if the same number is below this."""


@dataclass(frozen=True)
class Masks:
    """One picture: what a model says, what the label says, what the other models say; (h, w) each."""

    predicted: Mask
    truth: Mask
    others: Sequence[Mask] = ()

    @cached_property
    def false(self) -> Mask:
        """Predicted and not true."""
        return self.predicted & ~self.truth

    @cached_property
    def missing(self) -> Mask:
        """True and not predicted."""
        return self.truth & ~self.predicted

    @cached_property
    def near_truth(self) -> Mask:
        """Within reach of a true pixel."""
        return within(self.truth, REACH_PX)

    @cached_property
    def near_predicted(self) -> Mask:
        """Within reach of a predicted pixel."""
        return within(self.predicted, REACH_PX)


def touching(mask: Mask, place: Mask) -> Mask:
    """The 8-connected components of a mask that have a pixel in the place."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(np.isin(labels, np.unique(labels[place & mask])) & mask)


def wrong_object(m: Masks) -> Mask:
    """Components of the mask with no true pixel within reach."""
    return m.predicted & ~touching(m.predicted, m.near_truth)


def straying(m: Masks) -> Mask:
    """The false pixels out of reach on components that follow a crack elsewhere."""
    return m.false & ~m.near_truth & touching(m.predicted, m.near_truth)


def missed(m: Masks) -> Mask:
    """True components with no predicted pixel within reach."""
    return m.truth & ~touching(m.truth, m.near_predicted)


def cut_short(m: Masks) -> Mask:
    """The missing pixels out of reach on components that are found elsewhere."""
    return m.missing & ~m.near_predicted & touching(m.truth, m.near_predicted)


def too_thick(m: Masks) -> Mask:
    """False pixels within reach of the crack."""
    return m.false & m.near_truth


def too_thin(m: Masks) -> Mask:
    """Missing pixels within reach of the mask."""
    return m.missing & m.near_predicted


def disputed(m: Masks) -> Mask:
    """All wrong pixels, where the label is in doubt."""
    wrong = m.false | m.missing
    return wrong if same_line(m) or outvoted(m) else np.zeros_like(wrong)


def same_line(m: Masks) -> bool:
    """Whether mask and label draw one line of one thickness, a few pixels apart."""
    areas = m.predicted.sum(), m.truth.sum()
    if not min(areas):
        return False
    close = too_thick(m).sum() + too_thin(m).sum()
    errors = m.false.sum() + m.missing.sum()
    return bool(max(areas) <= SAME_AREA * min(areas) and close >= CLOSE_ERRORS * errors)


def outvoted(m: Masks) -> bool:
    """Whether all models, two or more, find the same, and something else than the label says."""
    if not m.others or not m.predicted.any() or agreement(m.predicted, m.truth) >= DISAGREEMENT:
        return False
    return all(agreement(m.predicted, other) >= AGREEMENT for other in m.others)


def agreement(mask: Mask, other: Mask) -> float:
    """F1 within 2 px of two masks; 0 where one is empty."""
    shares = [(a & within(b, 2)).sum() / max(1, a.sum()) for a, b in ((mask, other), (other, mask))]
    return float(2 * shares[0] * shares[1] / max(sum(shares), 1e-9))


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of `KINDS`."""

    where: Callable[[Masks], Mask]
    title: str
    rule: str


KINDS: dict[str, Kind] = {
    "disputed": Kind(
        disputed,
        "disputed label",
        f"mask and label have areas within a factor of {SAME_AREA} and {CLOSE_ERRORS:.0%} of the wrong pixels lie "
        f"within {REACH_PX} px (one line, drawn a little apart), or all compared models agree with each other "
        f"(F1 within 2 px at least {AGREEMENT}) and not with the label (below {DISAGREEMENT})",
    ),
    "wrong_object": Kind(
        wrong_object, "wrong object", f"components of the mask with no true pixel within {REACH_PX} px"
    ),
    "missed": Kind(missed, "missed", f"components of the label with no predicted pixel within {REACH_PX} px"),
    "straying": Kind(
        straying,
        "straying",
        f"false pixels farther than {REACH_PX} px from the label, on a component that follows a crack elsewhere",
    ),
    "cut_short": Kind(
        cut_short,
        "cut short",
        f"missed pixels farther than {REACH_PX} px from the mask, on a crack that is found elsewhere",
    ),
    "too_thick": Kind(too_thick, "mask too thick", f"false pixels at most {REACH_PX} px from the label"),
    "too_thin": Kind(too_thin, "mask too thin", f"missed pixels at most {REACH_PX} px from the mask"),
}
"""Every kind of failure; the first where several have as many pixels."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How one picture fails."""

    kind: str
    """A key of `KINDS`."""
    pixels: dict[str, int]
    """Wrong pixels of each kind; those of ``"disputed"`` are counted under the others as well."""
    iou: float
    """Of the crack; nan on a crack-free picture."""


def failure_of(predicted: Mask, target: NDArray[np.uint8], others: Sequence[Mask] = ()) -> Failure | None:
    """How a mask (h, w) fails against a label (h, w) of 0, 1 and 255; None where it does not.

    It fails below `FAILURE_IOU`, and on a crack-free picture with any predicted pixel. ``others``: the masks of the
    models it is compared with.
    """
    labelled, truth = target != NOT_LABELLED, target == 1
    masks = Masks(predicted & labelled, truth, [other & labelled for other in others])
    wrong = int(masks.false.sum() + masks.missing.sum())
    iou = 1 - wrong / int((masks.predicted | truth).sum()) if truth.any() else np.nan
    if not wrong or iou >= FAILURE_IOU:
        return None
    pixels = {name: int(kind.where(masks).sum()) for name, kind in KINDS.items()}
    return Failure(max(pixels, key=lambda name: pixels[name]), pixels, float(iou))
