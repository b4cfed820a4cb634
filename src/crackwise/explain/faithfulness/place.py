"""Whether a map lies where people drew the crack: pointing game, energy and overlap.

These measure agreement with the label, not faithfulness to the model: a model that is right for wrong reasons, and an
honest map of them, score low.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata

__all__ = ["POINTING_PX", "energy", "overlap", "points", "rank_correlation"]

POINTING_PX = 15.0
"""How far from the crack the greatest value may lie, as in the pointing game's paper."""
DIGITS = 6
CUT = 0.5
"""Of the span of a map: from there on it says crack."""

Map = NDArray[np.floating]
Mask = NDArray[np.bool_]


def points(heat: Map, mask: Mask, tolerance_px: float = POINTING_PX) -> float:
    """The share of the greatest values of a map (h, w), mostly one, that lie within reach of the mask (h, w).

    Zhang et al., "Top-down neural attention by excitation backprop", ECCV 2016. nan for a flat map or an empty mask.
    """
    if not mask.any() or heat.max() == heat.min():
        return float("nan")
    away_px = distance_transform_edt(~mask)
    return float(np.mean(away_px[heat == heat.max()] <= tolerance_px))


def energy(heat: Map, mask: Mask, known: Mask) -> float:
    """The share of what speaks for the answer that lies in the mask, over labelled pixels.

    Wang et al., "Score-CAM", CVPR Workshops 2020. nan where nothing does; a flat map gets the mask's share of the area.
    """
    positive = np.where(known, np.maximum(heat, 0), 0).astype(np.float64)
    total = positive.sum()
    return float(positive[mask].sum() / total) if total > 0 else float("nan")


def overlap(heat: Map, mask: Mask, known: Mask) -> float:
    """IoU of the mask and of where the map, its positive part scaled to 0 to 1, reaches ``CUT``; nan for a flat one."""
    positive = np.maximum(heat, 0).astype(np.float64)
    least, greatest = positive.min(), positive.max()
    if greatest == least:
        return float("nan")
    found = ((positive - least) / (greatest - least) >= CUT) & known
    union = int((found | mask).sum())
    return float((found & mask).sum() / union) if union else float("nan")


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's correlation of two maps (h, w); nan where one is flat.

    Values are equal that differ by less than a millionth of the greatest: parts that get nothing would else be ranked
    by errors of rounding.
    """
    a, b = rankdata(without_rounding(one).ravel()), rankdata(without_rounding(other).ravel())
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / spread) if spread > 0 else float("nan")


def without_rounding(heat: Map) -> NDArray[np.float64]:
    """The map in units of its greatest value, to ``DIGITS`` digits."""
    values = heat.astype(np.float64)
    reach = float(np.abs(values).max())
    return np.round(values / reach, DIGITS) if reach > 0 else values
