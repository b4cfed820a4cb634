"""Small files that claim to be huge, for tests that they are refused from their header."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

import numpy as np
from PIL import Image

__all__ = ["bombs"]


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: int = 1000) -> bytes:
    """A grey PNG of that size, its first rows there."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes((width + 1) * min(rows, height)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG with another size in its header."""
    stream = io.BytesIO()
    Image.new("L", (16, 16)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def tiff(width: int, height: int, compression: int = 8, tags: int = 0) -> bytes:
    """A TIFF of one strip of zeros in Deflate, whatever its size, with so many tags that mean nothing."""
    strip = zlib.compress(bytes(1 << 20), 9)
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 1), (273, 4, 8), (277, 3, 1),
        (278, 4, height), (279, 4, len(strip)), *((60000 + i, 4, i) for i in range(tags)),
    ]  # fmt: skip
    rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + struct.pack("<H", len(entries)) + rows + bytes(4)


def pages(count: int) -> bytes:
    """A TIFF of so many pages of one pixel."""
    content = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for i in range(count):
        start = len(content)
        after = start + 2 + 9 * 12 + 4
        entries = [
            (256, 4, 1),
            (257, 4, 1),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 0),
            (277, 3, 1),
            (278, 4, 1),
            (279, 4, 1),
        ]
        rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        content += struct.pack("<H", len(entries)) + rows + struct.pack("<I", after if i < count - 1 else 0)
    return bytes(content)


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of that size, nothing in it."""
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(8)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int) -> bytes:
    """A BMP of that size, nothing in it."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(header), 0, 0, 54) + header


def animation(frames: int) -> bytes:
    """A PNG of so many frames."""
    stream = io.BytesIO()
    pictures = [Image.fromarray(np.full((8, 8), i % 256, np.uint8)) for i in range(frames)]
    pictures[0].save(stream, "PNG", save_all=True, append_images=pictures[1:])
    return stream.getvalue()


def bombs() -> dict[str, bytes]:
    """Name to content; each is under 2 MiB and claims, or would unpack to, very much more, or is no photograph."""
    return {
        "png of 900 megapixels": png(30_000, 30_000),
        "png of 1600 megapixels": png(40_000, 40_000),
        "png 65,000 wide and as high": png(65_000, 65_000, 10),
        "png as large as a header can say": png(2**31 - 1, 2**31 - 1, 0),
        "jpeg of 4 gigapixels": jpeg(65_500, 65_500),
        "tiff in deflate": tiff(60_000, 60_000),
        "tiff of 10^5 pages": pages(100_000)[: 2**21],
        "tiff of 10^4 tags": tiff(50_000, 50_000, tags=5000),
        "webp of 268 megapixels": webp(16_384, 16_384),
        "bmp of 4 gigapixels": bmp(65_500, 65_500),
        "png of 300 frames": animation(300),
        "fits in gzip": gzip.compress(b"SIMPLE  =                    T" + bytes(50_000_000), 9),
    }
