"""`Answer`: one labelled picture and what is said of it, with what several protocols look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from crackwise.tally import NOT_LABELLED

__all__ = ["DIAGONAL_SHARE", "Answer", "Mask", "away", "box", "components", "cropped", "distances", "thin"]

Mask = NDArray[np.bool_]

DIAGONAL_SHARE = 0.0075
"""Tolerance in diagonals of the picture: BSDS and Csurka et al. use it, FPHBN for cracks."""


@dataclass(frozen=True)
class Answer:
    """One labelled picture and what is said of it. What has no label is out of all masks, and counts nowhere."""

    probability: NDArray[np.float32]
    """(h, w)."""
    predicted: Mask
    """(h, w), at the threshold."""
    target: NDArray[np.uint8]
    """(h, w): 0 absent, 1 present, 255 not labelled."""

    @cached_property
    def labelled(self) -> Mask:
        """(h, w)."""
        return np.not_equal(self.target, NOT_LABELLED)

    @cached_property
    def truth(self) -> Mask:
        """(h, w): the true crack."""
        return np.equal(self.target, 1)

    @cached_property
    def found(self) -> Mask:
        """(h, w): the predicted mask."""
        return self.predicted & self.labelled

    @cached_property
    def true_lines(self) -> Mask:
        """(h, w): the true crack thinned to lines of one pixel."""
        return thin(self.truth)

    @cached_property
    def found_lines(self) -> Mask:
        """(h, w): the predicted mask thinned."""
        return thin(self.found)

    @cached_property
    def kind(self) -> tuple[bool, bool]:
        """Whether the picture shows a crack, and whether it shows none; neither without a labelled pixel."""
        cracked = bool(self.truth.any())
        return cracked, not cracked and bool(self.labelled.any())

    @property
    def diagonal_px(self) -> float:
        """Of the picture."""
        return float(np.hypot(*self.target.shape))


def thin(mask: Mask) -> Mask:
    """The mask (h, w) thinned to lines of one pixel (Zhang and Suen, CACM 27(3), 1984); no component is lost."""
    lines, cut = np.zeros_like(mask), box(mask)
    if mask[cut].size:
        lines[cut] = skeletonize(mask[cut])  # type: ignore[no-untyped-call]
    return lines


def components(mask: Mask) -> tuple[int, NDArray[np.int32]]:
    """How many 8-connected components a mask (h, w) has, and the number of each pixel's, from 1; 0 elsewhere."""
    if not mask.size:
        return 0, np.zeros(mask.shape, np.int32)
    count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(parts, np.int32)


def box(*masks: Mask) -> tuple[slice, slice]:
    """The smallest rows and columns that hold all pixels of the masks (h, w)."""
    either = np.logical_or.reduce(masks)
    rows, columns = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def cropped(*masks: Mask) -> tuple[Mask, ...]:
    """The part of each mask (h, w) in which any of them has a pixel: what else there is costs time alone."""
    cut = box(*masks)
    return tuple(mask[cut] for mask in masks)


def distances(mask: Mask, other: Mask) -> NDArray[np.float64]:
    """How far each pixel (n,) of a mask (h, w), row by row, is from the nearest of another, px; inf if it is empty."""
    return away(other)[mask]


def away(mask: Mask) -> NDArray[np.float64]:
    """How far each pixel (h, w) is from the nearest of a mask, px, from centre to centre; inf if it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.sqrt(np.rint(np.square(far, dtype=np.float64)))  # float32 rounds the root: 5 could be a little more
