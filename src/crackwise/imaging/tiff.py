"""TIFF, believed only where its strips and tiles are whole, as far as their compression lets one tell.

libtiff passes over the checksums of Deflate and the warnings of libjpeg, and writes what it does notice to standard
error, whoever calls it.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import simplejpeg
from PIL.ExifTags import Base as Tag
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Tags
from PIL.TiffImagePlugin import TiffImageFile

from crackwise.imaging.deflate import unpacked_bytes
from crackwise.imaging.jpeg import check_scans, decode_jpeg

__all__ = ["check_tiff", "silent_libtiff"]

SEPARATE_PLANES = 2
LOW_BIT_FIRST = 2
END_OF_IMAGE = b"\xff\xd9"
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Byte to the byte of the same bits in the other order."""
SILENCE = threading.Lock()
"""Held while standard error leads nowhere, so that it is always the true one that comes back."""


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Let what C code writes to standard error go nowhere."""
    with SILENCE:
        try:
            kept = os.dup(2)
        except OSError:  # closed already
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def check_tiff(content: bytes, picture: TiffImageFile) -> None:
    """Every strip or tile that carries a checksum, or is a JPEG, is whole; of other compressions nothing is known.

    Raises:
        ValueError: a strip or tile is damaged, or it is not said where they are.
        EOFError: one lies beyond the end.
    """
    tags = picture.tag_v2
    check = CHECKS.get(tags.get(Tag.Compression, 1))
    if check is None:
        return
    for start, length in places(tags):
        end = start + length
        if end > len(content):
            raise EOFError
        try:
            check(memoryview(content)[start:end], tags)
        except (ValueError, LookupError, struct.error):
            raise ValueError(f"its data from byte {start} to {end} is damaged or overwritten") from None


def places(tags: Tags) -> Iterator[tuple[int, int]]:
    """Start and length of every strip or tile."""
    tiled = Tag.TileOffsets in tags
    starts = tags.get(Tag.TileOffsets if tiled else Tag.StripOffsets, ())
    lengths = tags.get(Tag.TileByteCounts if tiled else Tag.StripByteCounts, ())
    width, height = part_size(tags)
    count = math.ceil(tags[Tag.ImageWidth] / width) * math.ceil(tags[Tag.ImageLength] / height)
    if tags.get(Tag.PlanarConfiguration) == SEPARATE_PLANES:
        count *= tags.get(Tag.SamplesPerPixel, 1)
    if min(len(starts), len(lengths)) < count:
        raise ValueError("it does not say where all of its data is")
    yield from zip(starts[:count], lengths[:count], strict=True)


def part_size(tags: Tags) -> tuple[int, int]:
    """Width and height of a strip or tile; the last strip may be lower."""
    if Tag.TileOffsets in tags:
        width, height = tags[Tag.TileWidth], tags[Tag.TileLength]
    else:
        width, height = tags[Tag.ImageWidth], tags.get(Tag.RowsPerStrip, tags[Tag.ImageLength])
        height = min(height, tags[Tag.ImageLength])
    if width < 1 or height < 1:
        raise ValueError("its strips or tiles have no size")
    return width, height


def check_deflate(part: memoryview, tags: Tags) -> None:
    """The zlib stream goes on to its checksum and agrees with it."""
    width, height = part_size(tags)
    bits = max(tags.get(Tag.BitsPerSample, (1,))) * tags.get(Tag.SamplesPerPixel, 1)
    most = 2 * math.ceil(width * bits / 8) * height + 64  # blocks of subsampled colours reach beyond the edges
    if tags.get(Tag.FillOrder) == LOW_BIT_FIRST:
        part = memoryview(bytes(part).translate(REVERSED))
    if unpacked_bytes([part], most) == most:
        raise ValueError("it unpacks to more than it should")


def check_jpeg(part: memoryview, tags: Tags) -> None:
    """The JPEG, with the tables that all parts share, is one that would be read on its own."""
    tables: bytes = tags.get(Tag.JPEGTables, b"")
    content = tables.removesuffix(END_OF_IMAGE) + bytes(part[2:] if tables else part)
    if tags.get(Tag.SamplesPerPixel, 1) == 2:  # grey and transparency, which simplejpeg does not know
        check_scans(content)
        return
    height, width = simplejpeg.decode_jpeg_header(content)[:2]
    widest, highest = part_size(tags)
    if width > widest or height > highest:
        raise ValueError("it is larger than its part of the picture")
    decode_jpeg(content)


CHECKS: dict[int, Callable[[memoryview, Tags], None]] = {7: check_jpeg, 8: check_deflate, 32946: check_deflate}
"""Compression to what finds damage in a strip or tile."""
