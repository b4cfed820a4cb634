"""JPEG, decoded only where the data is whole.

libjpeg's warnings, taken as errors, find data that is cut or out of step. They miss zeros written over scan data when
the zeros happen to fill as many blocks as were lost; those are found by what a row of zero bits would mean.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

__all__ = ["decode_jpeg"]

ZEROS = bytes(64)
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
START_OF_SCAN, END_OF_IMAGE, HUFFMAN_TABLES = 0xDA, 0xD9, 0xC4
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
END_OF_BLOCK = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """Where the coded data of one scan lies, and whether zero bits there could mean an even surface."""

    start: int
    end: int
    zeros_are_plausible: bool


def decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """RGB (h, w, 3) as stored, of any JPEG colour space.

    Raises:
        ValueError: not a JPEG, cut short, or overwritten.
        LookupError, struct.error: it ends inside a segment.
    """
    for scan in find_scans(content):
        at = content.find(ZEROS, scan.start, scan.end)
        if at >= 0 and not scan.zeros_are_plausible:
            raise ValueError(f"its data is overwritten with zeros from byte {at} on")
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, colorspace="RGB", strict=True)
    return pixels


def find_scans(content: bytes) -> Iterator[Scan]:
    """The scans of the first picture in the file, up to its end marker."""
    at = 0
    first_symbols: dict[int, int] = {}
    while (kind := content[at + 1]) != END_OF_IMAGE:
        if content[at] != 0xFF:
            raise ValueError(f"there is no marker at byte {at}")
        if kind == 0xFF:
            at += 1
            continue
        if kind in WITHOUT_LENGTH:
            at += 2
            continue
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        segment = content[at + 4 : end]
        if kind == HUFFMAN_TABLES:
            first_symbols |= all_zero_symbols(segment)
        if kind == START_OF_SCAN:
            marker = NEXT_MARKER.search(content, end)
            if marker is None:
                raise ValueError("the end-of-image marker is missing")
            yield Scan(end, marker.start(), zeros_are_plausible(segment, first_symbols))
            end = marker.start()
        at = end


def all_zero_symbols(segment: bytes) -> dict[int, int]:
    """Table class and number to the symbol whose code is all zero bits: the first that a canonical table lists."""
    symbols, at = {}, 0
    while at < len(segment):
        count = sum(segment[at + 1 : at + 17])
        symbols[segment[at]] = segment[at + 17]
        at += 17 + count
    return symbols


def zeros_are_plausible(segment: bytes, first_symbols: dict[int, int]) -> bool:
    """Whether an encoder may write a long row of zero bits in this scan.

    It may where they say "as before" for every component, as in a blown-out sky, and where they are the plain lower
    bits of brightness. Otherwise they say that hundreds of coefficients in a row are -1, which no picture does.
    """
    first, last, refining = segment[-3], segment[-2], segment[-1] >> 4
    if refining:
        return first == 0
    tables = [segment[at] for at in range(2, 1 + 2 * segment[0], 2)]
    codes = [first_symbols[table >> 4] for table in tables] if first == 0 else []
    codes += [first_symbols[0x10 | table & 15] for table in tables] if last > 0 else []
    return all(code == END_OF_BLOCK for code in codes)
