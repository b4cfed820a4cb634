"""Whose label is it: the picture of a set that a label fits which does not fit its own, or the turn that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ImageError
from crackwise.evaluation.labels.alignment import align, darkness_of
from crackwise.evaluation.labels.checks import UNALIGNED
from crackwise.evaluation.labels.look import WHOLE_PX, Look
from crackwise.imaging.image import read_image

__all__ = ["find_owners"]

Line = NDArray[np.float32]

MOST_DOUBTFUL, MOST_OTHERS = 200, 1000
"""Labels whose owners are looked for, and pictures that are tried."""
FITS = 0.05
"""Share of other places that may suit a label on its true picture as well, over the pictures or turns tried."""
SEARCH_PX = 2.0
"""Blur of the darkness that labels are tried on: they may lie a little beside."""

TURNS: Mapping[str, Callable[[Line, Line], Line]] = {
    "mirrored left to right": lambda line, last: line * (1, -1) + last * (0, 1),
    "mirrored top to bottom": lambda line, last: line * (-1, 1) + last * (1, 0),
    "upside down": lambda line, last: last - line,
    "turned left": lambda line, last: line[:, ::-1] * (-1, 1) + last * (1, 0),
    "turned right": lambda line, last: line[:, ::-1] * (1, -1) + last * (0, 1),
}
"""Turns of a middle line (n, 2) of row and column on a picture with the last (row, column); two of square ones only."""


def find_owners(looks: Sequence[Look]) -> list[Look]:
    """The looks of one set, those of doubtful labels with what they fit instead, where that can be told."""
    doubtful = [number for number, look in enumerate(looks) if is_doubtful(look)][:MOST_DOUBTFUL]
    found = list(looks)
    owned = {number: name for number in doubtful if (name := turn_of(looks[number]))}
    for number, name in owned.items():
        found[number] = replace(looks[number], belongs_to=name)
    for number, name in swapped(looks, [number for number in doubtful if number not in owned]).items():
        found[number] = replace(looks[number], belongs_to=name)
    return found


def is_doubtful(look: Look) -> bool:
    """Whether a label fits its picture hardly better than by chance."""
    if look.fit is None or look.photo_size is None or look.photo_size[0] * look.photo_size[1] > WHOLE_PX:
        return False
    return look.fit.alignment.chance > UNALIGNED


def turn_of(look: Look) -> str | None:
    """How the label would have to be turned to fit its own picture."""
    darkness = darkness_at(look, look.stroke_px)
    if darkness is None or look.photo_size is None:
        return None
    last = np.subtract(look.photo_size, 1).astype(np.float32)
    for name, turn in TURNS.items():
        if (last[0] == last[1] or not name.startswith("turned")) and fits(darkness, turn(look.line, last), len(TURNS)):
            return f"the picture when it is {name}"
    return None


def swapped(looks: Sequence[Look], doubtful: Sequence[int]) -> dict[int, str]:
    """The picture that each doubtful label fits, among all of the set with the same size.

    Each picture is opened once and tried with all doubtful labels; only the best of them is looked at closely.
    """
    best: dict[int, tuple[float, int]] = {}
    sizes = {looks[number].photo_size for number in doubtful}
    others = [number for number, look in enumerate(looks) if look.photo_size in sizes and not look.error]
    for other in others[:MOST_OTHERS] if doubtful else []:
        darkness = darkness_at(looks[other])
        if darkness is None:
            continue
        soft = cv2.GaussianBlur(darkness, (0, 0), SEARCH_PX)
        for number in doubtful:
            if number != other and looks[number].photo_size == looks[other].photo_size:
                rows, columns = np.rint(looks[number].line).astype(int).T
                score = float(soft[rows.clip(0, soft.shape[0] - 1), columns.clip(0, soft.shape[1] - 1)].mean())
                best[number] = max(best.get(number, (-np.inf, -1)), (score, other))
    owners = {}
    for number, (_, other) in best.items():
        darkness = darkness_at(looks[other], looks[number].stroke_px)
        if darkness is not None and fits(darkness, looks[number].line, len(others)):
            owners[number] = looks[other].name
    return owners


def darkness_at(look: Look, stroke_px: float = 0.0) -> NDArray[np.float32] | None:
    """The local darkness of a look's picture, if it can be read."""
    if look.image is None:
        return None
    try:
        pixels = read_image(look.image)
    except ImageError:
        return None
    return darkness_of(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8), stroke_px)


def fits(darkness: NDArray[np.float32], line: Line, tried: int) -> bool:
    """Whether a middle line lies on the dark lines of a picture, as the labels of pictures do."""
    return align([(darkness, line.astype(np.float64))]).alignment.chance <= FITS / tried
