"""What an export lost: probabilities, masks and measured widths of a model and of the file made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from crackwise.backends.graph import GraphPredictor, PictureToMaps
from crackwise.backends.shown import NOT_LABELLED, Picture, Shown, cut_to
from crackwise.errors import ModelError
from crackwise.imaging.tiles import predict_tiled
from crackwise.measure import measure
from crackwise.predictor import ModelCard, Parity
from crackwise.trust.temperature import tempered_threshold

__all__ = ["LIMITS", "NEAR", "Limits", "Reference", "measure_parity", "refuse_difference"]

NEAR = 1e-4
"""So near to the threshold rounding decides."""
REACH_PX = 3.0
"""Points of two centrelines that are nearer show one place of one crack."""
APART = 1e6
"""Further than any picture is wide: places of two classes are never one."""


LINE_LIKE = 0.25
"""Share of a photograph that cracks cover at most; what marks more has found no lines that have a width."""


class Limits(NamedTuple):
    """What an export may lose and still appear."""

    largest_difference: float
    """Of any probability."""
    clear_agreement: float
    """Share of the pixels away from the threshold that keep their side."""
    width_change: float
    """Of the median measured width, as a share."""
    found_again: float
    """Share of the centrelines that are there still."""
    f1_loss: float


LIMITS = {
    "f32": Limits(1e-4, 0.9999, 0.001, 0.999, 0.0005),
    "f16": Limits(0.25, 0.999, 0.02, 0.98, 0.005),
    "bf16": Limits(0.5, 0.998, 0.02, 0.95, 0.005),
    "int8": Limits(1.0, 0.995, 0.02, 0.9, 0.005),
}
"""By the precision that was asked for."""


class Reference(NamedTuple):
    """The model that an export is compared with."""

    run: PictureToMaps
    """Probabilities (k, h, w) of a picture (h, w, 3), not tempered."""
    card: ModelCard
    told: str
    """Its runtime and precision."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """As `run`."""
        return self.run(pixels)


class Points(NamedTuple):
    """Where cracks were measured on one photograph."""

    places: NDArray[np.float64]
    """(n, 3): the number of the class times `APART`, row and column."""
    widths_px: NDArray[np.float64]


@dataclass
class Side:
    """What was found by one of the two, over all photographs."""

    level: float
    classes: tuple[str, ...]
    cracks: int = 0
    points: int = 0
    """Of centrelines, with a width that counts."""
    shared_px: list[NDArray[np.float64]] = field(default_factory=list)
    """Widths where the other one found a crack too."""
    hits: int = 0
    """Labelled crack pixels that were found."""
    marked: int = 0
    """Labelled pixels that were predicted, and those that are crack."""
    true: int = 0
    """Labelled pixels that are crack."""

    def score(self, picture: Picture, maps: NDArray[np.float32]) -> None:
        """Add one photograph's hits, if it has a label."""
        if picture.target is not None:
            predicted = (maps >= self.level) & (picture.target != NOT_LABELLED)
            true = picture.target == 1
            self.hits += int((predicted & true).sum())
            self.true += int(true.sum())
            self.marked += int(predicted.sum()) + int(true.sum())

    def measure(self, picture: Picture, maps: NDArray[np.float32]) -> Points:
        """Add one photograph's cracks, and tell where they were measured."""
        cracks = measure(picture.pixels, maps, classes=self.classes, threshold=self.level)
        self.cracks += len(cracks)
        places, widths = [np.empty((0, 3))], [np.empty(0)]
        for crack in cracks:
            line = crack.centreline[crack.counted].astype(np.float64)
            places.append(np.insert(line, 0, self.classes.index(crack.label) * APART, axis=1))
            widths.append(crack.widths_px[crack.counted].astype(np.float64))
        points = Points(np.concatenate(places), np.concatenate(widths))
        self.points += len(points.places)
        return points

    @property
    def widths_px(self) -> NDArray[np.float64]:
        """All of `shared_px`."""
        return np.concatenate([np.empty(0), *self.shared_px])

    @property
    def f1(self) -> float:
        """Over all labelled pixels; nan where none of them is crack."""
        return 2 * self.hits / self.marked if self.true else float("nan")


def share(one: Side, found: Points, other: Side, found_by_other: Points) -> None:
    """Keep the widths of those points that lie on both centrelines, each with its nearest."""
    if not len(found.places) or not len(found_by_other.places):
        return
    distances, nearest = KDTree(found_by_other.places).query(found.places, distance_upper_bound=REACH_PX)
    both = np.isfinite(distances)
    one.shared_px.append(found.widths_px[both])
    other.shared_px.append(found_by_other.widths_px[nearest[both]])


def measure_parity(reference: Reference, exported: GraphPredictor, shown: Shown) -> Parity:
    """How the file compares with its reference on these photographs, cut as its card says.

    Raises:
        ModelError: the two do not return maps of one shape.
        ImageError, DataError: a photograph or label that cannot be used.
    """
    card = exported.card
    reference = reference._replace(card=card)
    level = tempered_threshold(card.threshold, 1 / card.temperature)  # no graph knows of the temperature
    before, after = Side(level, card.classes), Side(level, card.classes)
    difference, pixels, agreeing, clear, clear_agreeing = 0.0, 0, 0, 0, 0
    for picture in (cut_to(each, card.fixed_px) for each in shown):
        expected, got = predict_tiled(reference, picture.pixels), predict_tiled(exported, picture.pixels)
        if expected.shape != got.shape:
            raise ModelError(f"The exported model returns {got.shape} where {reference.told} returns {expected.shape}.")
        difference = max(difference, float(np.abs(expected - got).max()))
        same, away = (expected >= level) == (got >= level), np.abs(expected - level) > NEAR
        pixels, agreeing = pixels + same.size, agreeing + int(same.sum())
        clear, clear_agreeing = clear + int(away.sum()), clear_agreeing + int((same & away).sum())
        before.score(picture, expected)
        after.score(picture, got)
        if np.mean(expected >= level) <= LINE_LIKE:
            share(before, before.measure(picture, expected), after, after.measure(picture, got))
    widths = before.widths_px, after.widths_px
    return Parity(
        reference=reference.told,
        runtime=exported.runtime,
        precision=exported.precision,
        photographs=shown.name,
        pictures=len(shown.pictures),
        largest_difference=difference,
        mask_agreement=agreeing / pixels,
        clear_agreement=clear_agreeing / clear if clear else 1.0,
        cracks=(before.cracks, after.cracks),
        found_again=len(widths[0]) / before.points if before.points else 1.0,
        median_width_px=(float(np.median(widths[0])), float(np.median(widths[1]))) if len(widths[0]) else None,
        width_changes=changes(*widths) if len(widths[0]) else None,
        f1=(before.f1, after.f1) if before.true else None,
    )


def changes(before_px: NDArray[np.float64], after_px: NDArray[np.float64]) -> tuple[float, float]:
    """What half, and 95 %, of the widths do not change by more than, as shares."""
    half, most = np.percentile(np.abs(after_px / before_px - 1), (50, 95))
    return float(half), float(most)


def refuse_difference(parity: Parity, precision: str, what: str) -> None:
    """Do not let a file appear that lost more than its precision may.

    Raises:
        ModelError: it did; the message says what.
    """
    limits = LIMITS[precision]
    widths, f1 = parity.median_width_px or (1.0, 1.0), parity.f1 or (1.0, 1.0)
    change = abs(widths[1] / widths[0] - 1)
    told = parity.f1 is not None and parity.f1[0] > 0 and parity.median_width_px is not None  # 0 cannot fall
    faults = {
        f"probabilities by {parity.largest_difference:.2g} (allowed {limits.largest_difference:g})":
            parity.largest_difference > limits.largest_difference,
        f"masks agree on {parity.clear_agreement:.4%} of the clear pixels (at least {limits.clear_agreement:.4%})":
            parity.clear_agreement < limits.clear_agreement,
        f"the median width by {change:.2%} (allowed {limits.width_change:.2%})": change > limits.width_change,
        f"{parity.found_again:.2%} of the cracks' length is found again (at least {limits.found_again:.1%})":
            parity.found_again < limits.found_again,
        f"F1 falls from {f1[0]:.4f} to {f1[1]:.4f} (allowed {limits.f1_loss:g})": f1[0] - f1[1] > limits.f1_loss,
        "no labelled cracks were shown that would tell": precision == "int8" and not told,
    }  # fmt: skip
    found = [fault for fault, true in faults.items() if true]
    if found:
        raise ModelError(f"The {what} differs from {parity.reference}: {'; '.join(found)}. Nothing was written.")
