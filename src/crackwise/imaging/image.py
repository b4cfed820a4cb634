"""Read photographs and masks strictly: a file that is not whole is refused, never half-read."""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from crackwise.errors import ImageError
from crackwise.imaging.jpeg import decode_jpeg
from crackwise.imaging.mask import to_mask
from crackwise.imaging.png import check_png
from crackwise.imaging.tiff import check_tiff, silent_libtiff
from crackwise.quiet import without_warnings

__all__ = [
    "MAX_MEGAPIXELS", "SUFFIXES", "Photo", "check_header", "decode_photo", "read_image", "read_mask", "read_photo",
]  # fmt: skip

MAX_MEGAPIXELS = 250.0
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".webp", ".bmp"})
"""How the names of photographs end; what a file is, its content decides."""

Pixels = NDArray[np.uint8]
Levels = NDArray[np.uint8] | NDArray[np.uint16]
Opener = Callable[[IO[bytes]], ImageFile.ImageFile]

# The classes themselves, because Image.open has a limit of its own, in a global, and tries more formats than we trust.
OPENERS: dict[bytes, Opener] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
    b"RIFF": WebPImageFile,
    b"BM": BmpImageFile,
}
"""First bytes of a file to what reads its header."""

TURNS: dict[int, Callable[[Levels], Levels]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: p.swapaxes(0, 1)[::-1],
}
"""EXIF orientation to the operation that puts the picture upright."""

COLOURS = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
WHITE_IS_ZERO = 0
"""Value of the TIFF tag PhotometricInterpretation."""
REDUCED_PAGE = 1
"""Bit of the TIFF tag NewSubfileType: a smaller copy of another page."""

DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    EOFError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip
"""What decoders raise over a damaged file."""
CUT_SHORT = (EOFError, IndexError, struct.error)
"""Those of them that reading beyond the end raises, in words for programmers."""
NO_MEMORY = re.compile("out of memory|decoder error -9")
"""What Pillow's decoders say instead of raising MemoryError."""


class Photo(NamedTuple):
    """A decoded photograph and the fingerprint of its file."""

    pixels: Pixels
    """uint8 RGB (h, w, 3), upright."""
    sha256: str


def read_image(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Pixels:
    """A photograph as uint8 RGB (h, w, 3), upright.

    JPEG, PNG, TIFF, WebP or BMP, by content. EXIF orientation is applied; of 12 or 16 bits the upper 8 are kept;
    transparent parts become white.

    Raises:
        ImageError: no such file, another format, damaged or cut short, several pages, more than ``max_megapixels``,
            or too large for the memory.
    """
    return read_photo(path, max_megapixels=max_megapixels).pixels


def read_photo(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Photo:
    """As `read_image`, with the sha256 of the file."""
    return decode_photo(read_checked(Path(path), max_megapixels), path)


def decode_photo(content: bytes, name: str | Path) -> Photo:
    """As `read_photo`, of the bytes of a file that `check_header` lets pass; errors call it ``name``."""
    with damage_of(name):
        return Photo(to_photo(*decode(content, background=255)), hashlib.sha256(content).hexdigest())


def read_mask(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Pixels:
    """A mask as uint8 (h, w), 0 background to 255 crack, upright; grey edges are kept.

    Of colours the brightest channel counts, transparent parts are background, and a mask of nothing but 0 and 1, or of
    nothing but 0 and 255 in 16 bits, is brought to 0 and 255.

    Raises:
        ImageError: as `read_image`, or nothing in the mask is brighter than half: nobody can tell what it means.
    """
    content = read_checked(Path(path), max_megapixels)
    with damage_of(path):
        levels, bits = decode(content, background=0)
        return to_mask(levels, bits, path)


def read_checked(path: Path, max_megapixels: float) -> bytes:
    """The bytes of a file whose header says that it is one picture of a permitted size."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            next(path.iterdir(), None)  # one that may not be listed says so
            raise ImageError(f"{path} is a folder, not a picture.")
        if not stat.S_ISREG(kind):
            raise ImageError(f"{path} is not a regular file.")
        with path.open("rb") as file:
            check_header(file, path, max_megapixels)
            file.seek(0)
            return file.read()
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except MemoryError as error:
        raise too_large(path) from error


def too_large(path: str | Path) -> ImageError:
    """What is said where the memory does not suffice."""
    return ImageError(f"{path} needs more memory than there is. Cut it into parts.")


def check_header(file: IO[bytes], path: str | Path, max_megapixels: float) -> None:
    """Look at the first bytes only; nothing is decoded.

    Raises:
        ImageError: empty, another format, several pages, or more than ``max_megapixels``.
    """
    start = file.read(16)
    if not start:
        raise ImageError(f"{path} is empty (0 bytes). Copy it again from the camera.")
    opener = opener_of(start)
    if opener is None:
        raise ImageError(f"{path} is not a JPEG, PNG, TIFF, WebP or BMP picture. Convert it to one of these.")
    file.seek(0)
    with damage_of(path):
        picture = opener(file)
        width, height = picture.size
        several = holds_several(picture)
    if width * height > max_megapixels * 1e6:
        raise ImageError(
            f"{path} has {width}x{height} px = {width * height / 1e6:.0f} megapixels; "
            f"the limit is {max_megapixels:g}. Cut it into parts, or raise the limit with --max-megapixels."
        )
    if several:
        raise ImageError(f"{path} holds several pictures. Save the one to inspect as a file of its own.")


def opener_of(start: bytes) -> Opener | None:
    """What reads a file that begins so."""
    for signature, opener in OPENERS.items():
        if start.startswith(signature) and (signature != b"RIFF" or start[8:12] == b"WEBP"):
            return opener
    return None


def holds_several(picture: ImageFile.ImageFile) -> bool:
    """Whether there are frames or pages beside the first; smaller copies of it do not count."""
    if isinstance(picture, TiffImageFile) and picture.is_animated:
        picture.seek(1)
        return not picture.tag_v2.get(ExifTags.Base.NewSubfileType, 0) & REDUCED_PAGE
    return bool(getattr(picture, "is_animated", False))


@contextmanager
def damage_of(path: str | Path) -> Iterator[None]:
    """Turn what decoders raise into one sentence, and keep their warnings to ourselves."""
    try:
        with without_warnings():
            yield
    except Image.DecompressionBombError as error:  # Pillow's own limit, which its WebP reader alone insists on
        raise ImageError(f"{path} has more pixels than a WebP may have here. Convert it to TIFF.") from error
    except MemoryError as error:
        raise too_large(path) from error
    except DAMAGE as error:
        if NO_MEMORY.search(str(error)):
            raise too_large(path) from error
        cut_short = isinstance(error.__cause__ or error, CUT_SHORT)  # Pillow wraps what happens in a header
        reason = "the file is cut short" if cut_short else " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{path} is damaged or incomplete: {reason}. Copy it again from the camera.") from error


def decode(content: bytes, *, background: int) -> tuple[Levels, int]:
    """What the file holds, upright, and the bits of its samples.

    RGB (h, w, 3) of 8 bits, transparent parts in the grey value ``background``; grey of more bits as plane (h, w).
    """
    opener = opener_of(content[:16])
    if opener is None:
        raise ValueError("the file changed while it was read")
    picture = opener(BytesIO(content))
    if opener is JpegImageFile:
        levels: Levels = decode_jpeg(content)
    else:
        load(picture, content)
        levels = to_levels(picture, background)
    if levels.shape[:2] != picture.size[::-1]:
        raise ValueError("its header and its data differ in size")
    turn = TURNS.get(orientation_of(picture))
    return turn(levels) if turn else levels, bits_of(picture, content)


def load(picture: ImageFile.ImageFile, content: bytes) -> None:
    """Decode what is whole; Pillow alone fills up what is missing, or passes over wrong checksums."""
    if isinstance(picture, PngImageFile):
        check_png(content)
    if isinstance(picture, WebPImageFile) and len(content) < 8 + int.from_bytes(content[4:8], "little"):
        raise ValueError("the file is cut short")
    if isinstance(picture, TiffImageFile):
        check_tiff(content, picture)
        with silent_libtiff():
            picture.load()
    else:
        picture.load()


def orientation_of(picture: ImageFile.ImageFile) -> int:
    """EXIF orientation; 1, which is upright, where nothing readable says otherwise."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except DAMAGE:
        return 1


def bits_of(picture: ImageFile.ImageFile, content: bytes) -> int:
    """Bits of a sample in the file, of which Pillow may have kept 8."""
    if isinstance(picture, PngImageFile):
        return content[24]
    if isinstance(picture, TiffImageFile):
        return int(max(picture.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))))
    return 8


def to_levels(picture: ImageFile.ImageFile, background: int) -> Levels:
    """RGB (h, w, 3) of any colour mode with an agreed range, or grey (h, w) of more than 8 bits."""
    if picture.mode in SIXTEEN_BIT:
        grey = np.asarray(picture).astype(np.uint16)
        inverted = isinstance(picture, TiffImageFile) and (
            picture.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO
        )
        return ~grey if inverted else grey
    if picture.mode not in COLOURS:
        raise ValueError(f"pixels of kind {picture.mode!r} have no agreed black and white; save it with 8 or 16 bits")
    if not picture.has_transparency_data:
        return np.array(picture.convert("RGB"))
    paper = Image.new("RGBA", picture.size, (background, background, background, 255))
    paper.alpha_composite(picture.convert("RGBA"))
    return np.array(paper.convert("RGB"))


def to_photo(levels: Levels, bits: int) -> Pixels:
    """RGB (h, w, 3), the upper 8 of ``bits``."""
    if levels.ndim == 2:
        levels = np.repeat((levels >> (bits - 8)).astype(np.uint8)[:, :, None], 3, axis=2)
    return np.ascontiguousarray(levels, np.uint8)
