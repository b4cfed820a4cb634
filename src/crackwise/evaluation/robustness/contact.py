"""A contact sheet: one photograph under every condition, so that a reader sees what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.data.masks import read_mask
from crackwise.evaluation.drawing import jpeg_source, side_by_side
from crackwise.evaluation.noise import NOISES, Condition
from crackwise.evaluation.robustness.run import Looks
from crackwise.imaging.image import read_image

if TYPE_CHECKING:
    from crackwise.data.folder import Item

__all__ = ["Sheet", "Strip", "draw_sheet"]

PANEL_PX = 300
MOST_LEVELS = 3
CLOSE_UP = ("sensor", "optics", "published")
"""Kinds that are too fine to be seen on a picture made smaller."""


class Strip(NamedTuple):
    """The photograph clean, then under one noise from weak to strong."""

    title: str
    caption: str
    source: str
    """A ``data:`` address that holds the JPEG."""


class Sheet(NamedTuple):
    """All strips of one photograph."""

    picture: str
    strips: list[Strip]


def draw_sheet(looks: Looks, conditions: Sequence[Condition], *, seed: int) -> Sheet:
    """The picture of the set with most crack on it; up to three levels of every noise."""
    item = looks.items[int(np.argmax([each.true_positives + each.false_negatives for each in looks.clean]))]
    photo = read_image(item.image)
    window = around_crack(read_mask(item.mask, photo.shape[:2], (looks.class_name,))[0] == 1)
    levels: dict[str, list[Condition]] = {}
    for each in conditions:
        levels.setdefault(each.noise, []).append(each)
    return Sheet(item.name, [draw_strip(photo, item, spread(several), window, seed) for several in levels.values()])


def spread(conditions: Sequence[Condition]) -> list[Condition]:
    """The first, the middle and the last one, or fewer where there are fewer."""
    chosen = np.linspace(0, len(conditions) - 1, min(MOST_LEVELS, len(conditions))).round().astype(int)
    return [conditions[i] for i in chosen]


def draw_strip(
    photo: NDArray[np.uint8], item: Item, conditions: Sequence[Condition], window: tuple[slice, slice], seed: int
) -> Strip:
    """The photograph and what some levels of one noise make of it, close up where it would not be seen otherwise."""
    noise = conditions[0].noise
    place = window if NOISES[noise].kind in CLOSE_UP else (slice(None), slice(None))
    panels = [photo[place], *(each.pixels(photo, item.name, seed)[place] for each in conditions)]
    levels = ", ".join(f"{each.level} ({each.parameter:g})" for each in conditions if each.level is not None)
    caption = f"clean, then {levels} {NOISES[noise].unit}" if levels else "clean, then made worse"
    return Strip(noise.replace("_", " "), caption, jpeg_source(side_by_side(panels, PANEL_PX), quality=85))


def around_crack(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a window of ``PANEL_PX`` around the crack's pixel nearest to the middle of the picture."""
    middle = np.array(mask.shape) / 2
    pixels = np.argwhere(mask)
    centre = pixels[np.argmin(((pixels - middle) ** 2).sum(1))] if len(pixels) else middle
    top, left = np.clip(centre - PANEL_PX // 2, 0, np.maximum(0, np.array(mask.shape) - PANEL_PX)).astype(int)
    return slice(top, top + PANEL_PX), slice(left, left + PANEL_PX)
