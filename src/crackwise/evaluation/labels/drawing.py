"""A pair for the eye: the photograph with the outline of its label, and the worst place of it enlarged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.data.folder import Item, read_target
from crackwise.errors import CrackwiseError
from crackwise.evaluation.drawing import FALSE_RGB, FOUND_RGB, jpeg_source
from crackwise.evaluation.labels.look import Look
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import shrink

__all__ = ["draw_pair"]

Pixels = NDArray[np.uint8]

PANEL_PX = 400
CROP_PX = 80
GAP_PX = 4
MIDDLE_GREY = 128
"""Beside a picture: neither light nor dark pages are blinded by it."""
LABEL_RGB, PLACE_RGB = FALSE_RGB, FOUND_RGB


def draw_pair(look: Look, item: Item | None) -> str:
    """The ``data:`` address of a drawing of a pair; empty where its picture cannot be read."""
    if look.image is None:
        return ""
    try:
        pixels = read_image(look.image)
    except CrackwiseError:
        return ""
    label = label_of(item, pixels)
    whole = panel(outlined(shrink(pixels, PANEL_PX), label))
    return jpeg_source(
        np.hstack([whole, np.full((PANEL_PX, GAP_PX, 3), MIDDLE_GREY, np.uint8), enlarged(look, pixels, label)])
    )


def label_of(item: Item | None, pixels: Pixels) -> NDArray[np.bool_] | None:
    """The label of a picture, where there is a readable one of its size."""
    if item is None:
        return None
    try:
        return np.asarray(read_target(item, pixels.shape[:2], (item.mask.label or "crack",))[0] == 1)
    except CrackwiseError:
        return None


def enlarged(look: Look, pixels: Pixels, label: NDArray[np.bool_] | None) -> Pixels:
    """The surroundings of the worst place, with the label, and where it would lie on the dark line."""
    height, width = pixels.shape[:2]
    row, column = look.worst or (height // 2, width // 2)
    size = min(CROP_PX, height, width)
    top, left = int(np.clip(row - size // 2, 0, height - size)), int(np.clip(column - size // 2, 0, width - size))
    window = slice(top, top + size), slice(left, left + size)
    crop = cv2.resize(pixels[window], (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    crop = outlined(crop, None if label is None else label[window])
    if look.fit is not None:
        beside = look.fit.alignment.down_px, look.fit.alignment.right_px
        places = (look.line - beside - (top, left) + 0.5) * PANEL_PX / size
        for y, x in places[((places >= 0) & (places < PANEL_PX)).all(axis=1)]:
            cv2.circle(crop, (round(float(x)), round(float(y))), 1, PLACE_RGB, -1)
    return crop


def outlined(pixels: Pixels, label: NDArray[np.bool_] | None) -> Pixels:
    """A copy of the picture with the outline of a label that may be smaller or larger than it."""
    drawn = pixels.copy()
    if label is not None:
        size = pixels.shape[1], pixels.shape[0]
        scaled = cv2.resize(label.view(np.uint8), size, interpolation=cv2.INTER_AREA if size[0] < label.shape[1] else 0)
        outlines, _ = cv2.findContours(scaled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, LABEL_RGB, 1)
    return drawn


def panel(pixels: Pixels) -> Pixels:
    """The picture in the middle of a square of `PANEL_PX`."""
    square = np.full((PANEL_PX, PANEL_PX, 3), MIDDLE_GREY, np.uint8)
    top, left = (PANEL_PX - pixels.shape[0]) // 2, (PANEL_PX - pixels.shape[1]) // 2
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square
