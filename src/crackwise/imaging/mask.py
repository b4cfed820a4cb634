"""What the values of a mask mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ImageError

__all__ = ["to_mask"]

WHITES = (1, 255)
"""What stands for 255 where a mask holds nothing else but 0: class numbers, and 8 bits in a file of 16."""


def to_mask(levels: NDArray[np.uint8] | NDArray[np.uint16], bits: int, path: str | Path) -> NDArray[np.uint8]:
    """A plane (h, w), 0 background to 255 crack, of RGB (h, w, 3) of 8 bits or of grey (h, w) of ``bits`` in the file.

    Raises:
        ImageError: nothing is brighter than half, and the marks are none of `WHITES`: nobody can tell what they mean.
    """
    deep = levels.ndim == 2
    plane = levels if deep else levels.max(axis=2)
    peak, white = int(plane.max()), (1 << bits) - 1 if deep else 255
    if peak > white // 2:
        return (plane >> (bits - 8) if deep else plane).astype(np.uint8)
    if bits > 8 and not deep:  # of colours Pillow keeps the upper 8 bits, so that low values are gone
        raise ImageError(f"{path} holds dark colours of {bits} bits, or none. Save the mask as grey of 8 bits.")
    alone = bool(((plane == 0) | (plane == peak)).all())
    if peak == 0 or (alone and peak in WHITES):
        return (plane > 0) * np.uint8(255)
    raise ImageError(
        f"{path} holds 0 {'and' if alone else 'to'} {peak}; a crack is drawn as {white} (or 1). Convert the mask."
    )
