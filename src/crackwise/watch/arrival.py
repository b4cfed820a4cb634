"""One picture as it comes, before anybody has looked at it, and what becomes of all of them."""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from crackwise.errors import ImageError
from crackwise.imaging.image import read_image
from crackwise.imaging.jpeg import decode_jpeg

__all__ = ["Arrival", "Counts", "Filed", "Shot", "pixels_of"]


class Filed(NamedTuple):
    """A finished picture of a folder."""

    path: Path
    changed_ns: int
    """Last change of the file or its name, Unix time."""


Shot = bytes | Filed | NDArray[np.uint8] | None
"""A JPEG, a file, or RGB pixels (h, w, 3). No bytes: it came damaged. None: passed over, to be counted only."""

MOST_MEGAPIXELS = 100.0
"""Of a frame; a stream of larger ones is no stream that could be kept up with."""


class Arrival(NamedTuple):
    """A picture that came."""

    number: int
    """Of all that came, from 1; gaps are pictures that were dropped or passed over."""
    time_s: float
    """When it came, Unix time."""
    shot: bytes | Filed | NDArray[np.uint8]


@dataclass(slots=True)
class Counts:
    """What became of the pictures of one watch."""

    arrived: int = 0
    computed: int = 0
    dropped: int = 0
    """Came while an earlier one was computed, and a newer one came before its turn."""
    still: int = 0
    """Showed what the one before showed."""
    damaged: int = 0
    failed: int = 0
    """The model gave no answer."""
    reconnects: int = 0

    def to_dict(self) -> dict[str, int]:
        """Ready for JSON."""
        return asdict(self)


def pixels_of(shot: bytes | Filed | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (h, w, 3), decoded strictly.

    Raises:
        ImageError: damaged, cut short or too large.
    """
    if isinstance(shot, Filed):
        return read_image(shot.path, max_megapixels=MOST_MEGAPIXELS)
    if not isinstance(shot, bytes):
        return shot
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(shot)
        if width * height > MOST_MEGAPIXELS * 1e6:
            raise ImageError(
                f"A frame of {width}x{height} px is too large; the limit is {MOST_MEGAPIXELS:g} megapixels."
            )
        return decode_jpeg(shot)
    except MemoryError as error:
        raise ImageError(f"A frame of {len(shot):,} bytes needs more memory than there is.") from error
    except (ValueError, LookupError, struct.error) as error:
        raise ImageError(f"A frame of {len(shot):,} bytes is damaged: {error}.") from error
