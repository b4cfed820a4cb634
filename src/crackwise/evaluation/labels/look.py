"""One picture and its label looked at: everything that the checks judge, read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.data.folder import Item, read_target
from crackwise.errors import CrackwiseError
from crackwise.evaluation.labels.alignment import Fit, align, darkness_of
from crackwise.evaluation.labels.listing import has_file
from crackwise.evaluation.labels.raw import RASTER_KINDS, RawMask, photo_orientation, read_raw
from crackwise.evaluation.labels.thickness import Thickness, join_thickness, measure_thickness, middle_lines
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.tally import largest_component_px, within

if TYPE_CHECKING:
    from crackwise.predictor import Predictor

__all__ = ["Found", "Look", "Opinion", "look_at", "orphan"]

Label = NDArray[np.bool_]
Window = tuple[slice, slice]

WHOLE_PX = 1_200_000
"""Larger pictures are looked at in windows around their labels."""
WINDOW_PX = 768
MOST_WINDOWS = 3
LEAST_LINE_PX = 20
"""A shorter middle line fits anywhere."""
INVERTED_SHARE = 0.5
SPECK_PX = 3
FRAME_SHARE, INSIDE_SHARE, INSIDE_PX = 0.5, 0.1, 3
"""A side is framed where this share of its outermost pixels is labelled, and less of those so far inside."""
CONFIDENT = 0.8
NEAR_PX = 5


class Found(NamedTuple):
    """What a check says of one picture."""

    value: float
    sentence: str


class Opinion(NamedTuple):
    """What a model says of a picture."""

    confident_px: int
    """Pixels of its largest piece of crack with a probability of at least `CONFIDENT`."""
    seen: float
    """Share of the label within `NEAR_PX` of what it finds at all; nan without a label."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A picture and its label; what could not be read is None or nan."""

    name: str
    group: str
    image: Path | None
    label: Path | None
    missing: str | None = None
    """``"picture"`` or ``"label"``."""
    error: str | None = None
    """Why one of them could not be read."""
    photo_size: tuple[int, int] | None = None
    """Height and width, upright, px."""
    orientation: int = 1
    """Of the photograph by EXIF."""
    raw: RawMask | None = None
    share: float = np.nan
    """Crack among the labelled pixels."""
    on_crack: float = np.nan
    """Mean local darkness under the label, less that of the rest, in standard deviations; of inverted labels alone."""
    digest: str | None = None
    """Of the label as it is read; None where it is empty."""
    specks: int = 0
    frame_sides: int = 0
    fit: Fit | None = None
    thickness: Thickness | None = None
    line: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    """(n, 2) row, column of the label's middle line."""
    stroke_px: float = 0.0
    """Median width of the label."""
    worst: tuple[int, int] | None = None
    """Row and column that a drawing should show."""
    opinion: Opinion | None = None
    same_as: tuple[str, ...] = ()
    """Other pictures with this very label."""
    belongs_to: str | None = None
    """The picture whose label fits better, or how this one would have to be turned to fit."""


def orphan(label: Path) -> Look:
    """What is known of a label file without a picture."""
    return Look(f"{label.parent.name}/{label.name}", "", None, label, missing="picture")


def look_at(item: Item, predictor: Predictor | None = None) -> Look:
    """Everything the checks need of one pair; whatever is wrong with its files is part of the answer."""
    own_file = has_file(item)
    label = item.mask.path if own_file else None
    if not item.image.is_file():
        return Look(item.name, item.group, None, label or item.mask.path, missing="picture")
    if not item.mask.path.is_file():
        return Look(item.name, item.group, item.image, None, missing="label")
    raw: RawMask | None = None
    try:
        pixels = read_image(item.image)
        orientation = photo_orientation(item.image)
        raw = read_raw(item.mask.path) if item.mask.kind in RASTER_KINDS else None
        size = pixels.shape[0], pixels.shape[1]
        if raw is not None and (raw.height_px, raw.width_px) != size:
            return Look(item.name, item.group, item.image, label, photo_size=size, orientation=orientation, raw=raw)
        target = read_target(item, size, (item.mask.label or "crack",))[0]
    except CrackwiseError as error:
        return Look(item.name, item.group, item.image, label, error=str(error), raw=raw)
    return look_at_pixels(item, pixels, target, raw, orientation, predictor)


def look_at_pixels(
    item: Item,
    pixels: NDArray[np.uint8],
    target: NDArray[np.uint8],
    raw: RawMask | None,
    orientation: int,
    predictor: Predictor | None,
) -> Look:
    """The look at a pair that could be read."""
    label = target == 1
    labelled = int((target != 255).sum())
    share = float(label.sum() / labelled) if labelled else np.nan
    known = Look(
        item.name,
        item.group,
        item.image,
        item.mask.path if has_file(item) else None,
        photo_size=(pixels.shape[0], pixels.shape[1]),
        orientation=orientation,
        raw=raw,
        share=share,
        opinion=None if predictor is None else ask(predictor, pixels, label),
    )
    return known if not label.any() else with_strokes(known, pixels, label)


def with_strokes(known: Look, pixels: NDArray[np.uint8], label: Label) -> Look:
    """The look with everything that is read from the strokes of a label."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    digest = hashlib.sha256(repr(label.shape).encode() + np.packbits(label).tobytes()).hexdigest()
    known = replace(known, digest=digest, specks=count_specks(label), frame_sides=count_frame_sides(label))
    if known.share > INVERTED_SHARE:
        dark = darkness_of(grey)
        rest = float(dark[~label].mean()) if not label.all() else 0.0
        return replace(known, on_crack=float(dark[label].mean()) - rest)
    windows = windows_of(label)
    parts = [(middle_lines(label[window]), window) for window in windows]
    parts = [(lines, window) for lines, window in parts if len(lines.points)]
    if sum(len(lines.points) for lines, _ in parts) < LEAST_LINE_PX:
        return replace(known, worst=first_of(label))
    fit = align([(darkness_of(grey[window], lines.width_px), lines.points) for lines, window in parts])
    beside = (fit.alignment.right_px, fit.alignment.down_px)
    widths = [measure_thickness(grey[window], label[window], lines, beside) for lines, window in parts]
    corners = [(float(rows.start), float(columns.start)) for _, (rows, columns) in parts]
    thickness = join_thickness(widths, corners)
    line = np.concatenate([lines.points + corner for (lines, _), corner in zip(parts, corners, strict=True)])
    middle = line[len(line) // 2]
    worst = thickness.widest or (round(float(middle[0])), round(float(middle[1])))
    return replace(
        known, fit=fit, thickness=thickness, line=line.astype(np.float32), worst=worst, stroke_px=parts[0][0].width_px
    )


def windows_of(label: Label) -> list[Window]:
    """Where to look: the whole of a small picture, else around the label, else where most of it is."""
    height, width = label.shape
    if height * width <= WHOLE_PX:
        return [(slice(0, height), slice(0, width))]
    tiles = [
        (slice(top, min(top + WINDOW_PX, height)), slice(left, min(left + WINDOW_PX, width)))
        for top in range(0, height, WINDOW_PX)
        for left in range(0, width, WINDOW_PX)
    ]
    filled = [(int(np.count_nonzero(label[tile])), -number, tile) for number, tile in enumerate(tiles)]
    return [tile for count, _, tile in sorted(filled, reverse=True)[:MOST_WINDOWS] if count]


def first_of(label: Label) -> tuple[int, int]:
    """Row and column of the first labelled pixel."""
    row, column = np.unravel_index(int(label.argmax()), label.shape)
    return int(row), int(column)


def count_specks(label: Label) -> int:
    """Pieces of at most `SPECK_PX` pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(label.view(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] <= SPECK_PX).sum())


def count_frame_sides(label: Label) -> int:
    """Sides of the picture along which the outermost pixels are labelled, and those inside are not."""
    if min(label.shape) <= 2 * INSIDE_PX:
        return 0
    sides = (label, label[::-1], label.T, label.T[::-1])
    return sum(bool(side[0].mean() > FRAME_SHARE and side[INSIDE_PX].mean() < INSIDE_SHARE) for side in sides)


def ask(predictor: Predictor, pixels: NDArray[np.uint8], label: Label) -> Opinion:
    """What a model says of a picture with a label (h, w)."""
    classes = predictor.card.classes
    probability = predict_tiled(predictor, pixels)[classes.index("crack") if "crack" in classes else 0]
    largest = largest_component_px(probability >= CONFIDENT)
    if not label.any():
        return Opinion(largest, np.nan)
    around = within(probability >= predictor.card.threshold, NEAR_PX)
    return Opinion(largest, float(around[label].mean()))
