"""What a mask file itself holds, before anyone decides what its values mean."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crackwise.errors import ImageError
from crackwise.imaging.image import bits_of, damage_of, opener_of, orientation_of, read_checked

__all__ = ["RASTER_KINDS", "RawMask", "photo_orientation", "read_raw"]

Values = NDArray[Any]

RASTER_KINDS = ("png", "jpeg", "dark")
"""Kinds of labels that are pictures."""
COLOURED = 24
"""Levels by which the channels of a coloured pixel differ at least; JPEG noise stays below."""
MANY_MARKS = 0.05
"""A value is a level of its own from this share of the pixels that are not background."""
NEARLY_ALL = 0.98
"""Share of those pixels that the levels of a mask have together, if it has levels."""
PALETTE_MODES = ("P", "PA")
ALPHA_MODES = ("LA", "RGBA", "PA", "La", "RGBa")


class RawMask(NamedTuple):
    """Facts about one mask file."""

    form: str
    """``"PNG"``, ``"JPEG"``, ..."""
    mode: str
    """Pillow's name of the kind of pixels: ``"L"``, ``"P"``, ``"RGBA"``, ``"I;16"``, ..."""
    bits: int
    """Of a sample."""
    width_px: int
    height_px: int
    """As stored, before any turn."""
    orientation: int
    """By EXIF: 1 is upright."""
    least: int
    most: int
    """Of the brightest channel."""
    between: float
    """Share of the pixels that are neither of the two."""
    levels: tuple[int, ...]
    """Values other than the least, if there are only a few; nothing for smooth edges and noise."""
    coloured: float
    """Share of the pixels whose channels differ."""
    in_alpha: bool
    """The strokes are in the transparency alone."""

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width when turned as EXIF says, px."""
        size = self.height_px, self.width_px
        return size if self.orientation < 5 else size[::-1]

    @property
    def has_palette(self) -> bool:
        """Whether pixels are numbers of colours."""
        return self.mode in PALETTE_MODES


def read_raw(path: Path) -> RawMask:
    """The facts about a mask file.

    Raises:
        ImageError: it is no picture, damaged, or too large.
    """
    content = read_checked(path, max_megapixels=250.0)
    opener = opener_of(content[:16])
    if opener is None:
        raise ImageError(f"{path} changed while it was read.")
    with damage_of(path):
        picture = opener(BytesIO(content))
        turn, bits = orientation_of(picture), bits_of(picture, content)
        colours, alpha = channels(picture)
    plane = colours if colours.ndim == 2 else colours.max(axis=2)
    in_alpha = alpha is not None and np.ptp(plane) == 0 and np.ptp(alpha) > 0
    if in_alpha and alpha is not None:
        plane = alpha
    coloured = 0.0 if colours.ndim == 2 else float((np.ptp(colours, axis=2) >= COLOURED).mean())
    least, most = int(plane.min()), int(plane.max())
    return RawMask(
        form=str(picture.format),
        mode=picture.mode,
        bits=bits,
        width_px=picture.width,
        height_px=picture.height,
        orientation=turn,
        least=least,
        most=most,
        between=float(((plane > least) & (plane < most)).mean()),
        levels=levels_of(plane, least),
        coloured=coloured,
        in_alpha=bool(in_alpha),
    )


def photo_orientation(path: Path) -> int:
    """How a photograph is turned by its EXIF data; 1 is upright."""
    content = read_checked(path, max_megapixels=250.0)
    opener = opener_of(content[:16])
    with damage_of(path):
        return orientation_of(opener(BytesIO(content))) if opener else 1


def channels(picture: Image.Image) -> tuple[Values, Values | None]:
    """The values of a picture, grey (h, w) or colours (h, w, 3), and its transparency (h, w) if it has one."""
    if picture.mode in PALETTE_MODES or picture.mode in ALPHA_MODES:
        full = np.asarray(picture.convert("RGBA"))
        return full[:, :, :3], full[:, :, 3] if picture.has_transparency_data else None
    if picture.mode in ("CMYK", "YCbCr"):
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    return values.astype(np.uint8) if values.dtype == np.bool_ else values, None


def levels_of(plane: Values, least: int) -> tuple[int, ...]:
    """Values of a plane other than its least that many pixels have; none where the others are no exceptions."""
    values, counts = np.unique(plane[plane > least], return_counts=True)
    many = counts >= MANY_MARKS * counts.sum()
    if counts[many].sum() < NEARLY_ALL * counts.sum():
        return ()
    return tuple(int(value) for value in values[many])
