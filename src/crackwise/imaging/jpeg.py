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

__all__ = ["check_scans", "decode_jpeg"]

NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
START_OF_SCAN, END_OF_IMAGE, HUFFMAN_TABLES = 0xDA, 0xD9, 0xC4
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
END_OF_BLOCK = 0
DEFAULT_SYMBOLS = {0x00: 0, 0x01: 0, 0x10: 1, 0x11: 0}
"""The tables that libjpeg takes where a file brings none, as frames of films do; as `all_zero_symbols` tells them."""
MOST_ZEROS, MOST_ZEROS_OF_COEFFICIENTS = 63, 15
"""Bytes in a row. Photographs hold up to 5; smooth drawings, in scans that tell few coefficients, some 40."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Where the coded data of one scan lies, and how many bytes of zero in a row could mean a picture."""

    start: int
    end: int
    most_zeros: int | None
    """None: any number, they mean an even surface."""


def decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """RGB (h, w, 3) as stored, of any JPEG colour space.

    Raises:
        ValueError: not a JPEG, cut short, or overwritten.
        LookupError, struct.error: it ends inside a segment.
        MemoryError: of a progressive JPEG, all coefficients are held at once.
    """
    check_scans(content)
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, colorspace="RGB", strict=True)
    except ValueError as error:
        if "Insufficient memory" in str(error):
            raise MemoryError from error
        raise
    return pixels


def check_scans(content: bytes) -> None:
    """No scan holds zeros that no picture would.

    Raises:
        ValueError: one does, or there is no end.
        LookupError, struct.error: it ends inside a segment.
    """
    for scan in find_scans(content):
        if scan.most_zeros is None:
            continue
        at = content.find(bytes(scan.most_zeros + 1), scan.start, scan.end)
        if at >= 0:
            raise ValueError(f"its data is overwritten with zeros from byte {at} on")


def find_scans(content: bytes) -> Iterator[Scan]:
    """The scans of the first picture in the file, up to its end marker."""
    at = 0
    first_symbols = DEFAULT_SYMBOLS
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
            first_symbols = first_symbols | all_zero_symbols(segment)
        if kind == START_OF_SCAN:
            marker = NEXT_MARKER.search(content, end)
            if marker is None:
                raise ValueError("the end-of-image marker is missing")
            yield Scan(end, marker.start(), most_zeros(segment, first_symbols))
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


def most_zeros(segment: bytes, first_symbols: dict[int, int]) -> int | None:
    """How many bytes of zero an encoder may write in a row in this scan; None: any number.

    Any number where they say "as before" for every component, as in a blown-out sky, and where they are the plain lower
    bits of brightness. Otherwise they say that many coefficients in a row are -1, which no picture does.
    """
    first, last, refining = segment[-3], segment[-2], segment[-1] >> 4
    if refining:
        return None if first == 0 else MOST_ZEROS
    tables = [segment[at] for at in range(2, 1 + 2 * segment[0], 2)]
    levels = [first_symbols.get(table >> 4) for table in tables] if first == 0 else []
    details = [first_symbols.get(0x10 | table & 15, END_OF_BLOCK) for table in tables] if last > 0 else []
    if any(code != END_OF_BLOCK for code in details):
        return MOST_ZEROS_OF_COEFFICIENTS
    return MOST_ZEROS if any(levels) else None
