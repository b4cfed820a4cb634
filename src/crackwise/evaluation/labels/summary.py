"""What the labels of a whole set are like: how wide, and how far beside the cracks, with intervals by photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.evaluation.bootstrap import Estimate, draw_photographs, interval
from crackwise.evaluation.labels.alignment import to_step
from crackwise.evaluation.labels.checks import LABEL_CHECKS, OF_WIDTH, UNALIGNED, Finding
from crackwise.evaluation.labels.look import Look

__all__ = ["Summary", "summarise"]

Floats = NDArray[np.float64]

WIDE_SET, THIN_SET = 1.5, 0.67
"""A set is called wide or thin if the whole interval of its median ratio lies beyond."""
BESIDE_PX = 1.0
"""A set lies beside its cracks if the whole interval of the distance does, and it is a quarter of the labels' width."""


class Summary(NamedTuple):
    """One set."""

    pictures: int
    photographs: int
    labelled: int
    """Pictures with anything labelled."""
    empty: int
    label_width_px: float
    """Median over the pictures of the median width of their labels, where the crack is seen."""
    ratio: Estimate
    """Median over the pictures of the label's width over the crack's."""
    width: Literal["wide", "right", "thin", "open"]
    """``"open"``: the interval does not tell."""
    right_px: Estimate
    down_px: Estimate
    """Where the labels of all pictures together lie as seen from the cracks."""
    distance_px: Estimate
    beside: bool | None
    """None where nobody can tell."""
    counts: dict[str, int]
    """Check to the number of its findings."""


def summarise(looks: Sequence[Look], findings: Sequence[Finding], *, seed: int = 0) -> Summary:
    """The summary of one set's looks and findings."""
    paired = [look for look in looks if look.image is not None]
    ratio = median_ratio(paired, seed)
    widths = [np.median(look.thickness.label_px) for look in paired if look.thickness and len(look.thickness.label_px)]
    wide_px = float(np.median(widths)) if widths else np.nan
    right, down, distance = displacement(paired, seed)
    told = not np.isnan(distance.low)
    counts = Counter(finding.check for finding in findings)
    return Summary(
        pictures=len(paired),
        photographs=len({look.group for look in paired}),
        labelled=sum(look.share > 0 for look in paired),
        empty=sum(look.share == 0 for look in paired),
        label_width_px=wide_px,
        ratio=ratio,
        width=verdict(ratio),
        right_px=right,
        down_px=down,
        distance_px=distance,
        beside=distance.low > BESIDE_PX and distance.value > OF_WIDTH * wide_px if told else None,
        counts={name: counts[name] for name in LABEL_CHECKS if counts[name]},
    )


def verdict(ratio: Estimate) -> Literal["wide", "right", "thin", "open"]:
    """What the interval of the ratio says."""
    if ratio.low > WIDE_SET:
        return "wide"
    if ratio.high < THIN_SET:
        return "thin"
    return "right" if ratio.low >= THIN_SET and ratio.high <= WIDE_SET else "open"


def median_ratio(looks: Sequence[Look], seed: int) -> Estimate:
    """Median of the ratio of widths over pictures, and its interval by photograph."""
    seen = [look for look in looks if look.thickness is not None and not np.isnan(look.thickness.ratio)]
    ratios = np.array([look.thickness.ratio for look in seen if look.thickness is not None])
    photographs, index = np.unique([look.group for look in seen], return_inverse=True)
    if not len(seen):
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    order = ratios.argsort(kind="stable")
    draws = [
        ratios[order][(times.cumsum(axis=1) >= times.sum(axis=1, keepdims=True) / 2).argmax(axis=1)]
        for all_times in draw_photographs(len(photographs), seed)
        for times in [all_times[:, index[order]]]
    ]
    value = float(np.median(ratios))
    low, high = interval(value, np.concatenate(draws), len(photographs), is_share=False)
    return Estimate(value, low, high, len(seen), len(photographs))


def displacement(looks: Sequence[Look], seed: int) -> tuple[Estimate, Estimate, Estimate]:
    """Right, down and distance, px, at which the labels of all pictures together lie, with intervals by photograph.

    The maps of steps of all pictures whose labels fit are added: a crooked line tells what a straight one leaves open.
    """
    seen = [look for look in looks if look.fit is not None and look.fit.alignment.chance <= UNALIGNED]
    photographs, index = np.unique([look.group for look in seen], return_inverse=True)
    if not len(seen):
        none = Estimate(np.nan, np.nan, np.nan, 0, 0)
        return none, none, none
    maps = np.array([look.fit.means for look in seen if look.fit is not None])
    side = maps.shape[1]
    sums = np.zeros((len(photographs), side * side))
    np.add.at(sums, index, maps.reshape(len(maps), -1))
    value = -np.array(to_step(sums.sum(axis=0).reshape(side, side)))
    drawn = np.concatenate([times @ sums for times in draw_photographs(len(photographs), seed)])
    steps = -np.array([to_step(each.reshape(side, side)) for each in drawn])
    estimates = []
    for mine, all_drawn in ((value[0], steps[:, 0]), (value[1], steps[:, 1]), (np.hypot(*value), np.hypot(*steps.T))):
        low, high = interval(float(mine), all_drawn, len(photographs), is_share=False)
        estimates.append(Estimate(float(mine), low, high, len(seen), len(photographs)))
    return estimates[0], estimates[1], estimates[2]
