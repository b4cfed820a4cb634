"""PNG, believed only where every chunk is whole and together they hold every row.

Pillow leaves rows that are missing black, and passes over wrong checksums.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

from crackwise.imaging.deflate import unpacked_bytes

__all__ = ["check_png"]

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Kind of colour to samples of a pixel."""
WHOLE = ((0, 0, 1, 1),)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of the passes of an interlaced picture, and the steps from there."""


def check_png(content: bytes) -> None:
    """Every chunk agrees with its checksum, the last one is there, and the data holds every row.

    Raises:
        ValueError: something of this is not so.
        struct.error: it ends inside a chunk.
    """
    chunks = list(chunks_of(content))
    kind, header = chunks[0]
    if kind != b"IHDR":
        raise ValueError("it does not begin with its header")
    expected = bytes_of(header)
    if unpacked_bytes((data for kind, data in chunks if kind == b"IDAT"), expected) < expected:
        raise ValueError("it holds fewer rows than its header says")


def chunks_of(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and data of every chunk, checked."""
    start, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + 8 + length
        (checksum,) = struct.unpack_from(">I", content, end)
        if zlib.crc32(memoryview(content)[start + 4 : end]) != checksum:
            raise ValueError(f"its part {kind.decode('ascii', 'replace')} does not agree with its checksum")
        yield kind, memoryview(content)[start + 8 : end]
        start = end + 4


def bytes_of(header: memoryview) -> int:
    """How many bytes the rows of all passes take, each with the number of its filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for x, y, step_x, step_y in ADAM7 if interlaced else WHOLE:
        columns, rows = len(range(x, width, step_x)), len(range(y, height, step_y))
        if columns:
            total += rows * (1 + math.ceil(columns * depth * CHANNELS[colour] / 8))
    return total
