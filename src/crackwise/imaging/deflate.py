"""Compressed data of PNG and TIFF, counted without being kept: a bomb costs time, never memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

__all__ = ["unpacked_bytes"]

PIECE_BYTES = 4096
"""Taken in at a time; it unpacks to 1032 times as much at most."""


def unpacked_bytes(parts: Iterable[memoryview], most: int) -> int:
    """How many bytes the zlib stream that lies in ``parts`` unpacks to; counting ends at ``most``.

    Raises:
        ValueError: it is no zlib stream, it ends too early, or it does not agree with the checksum at its end.
    """
    unpacker, count = zlib.decompressobj(), 0
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            try:
                count += len(unpacker.decompress(part[start : start + PIECE_BYTES]))
            except zlib.error as error:
                raise ValueError("its compressed data is damaged") from error
            if unpacker.eof or count >= most:
                return min(count, most)
    raise ValueError("its compressed data ends too early")
