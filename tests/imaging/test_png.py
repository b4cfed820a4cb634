"""A PNG must hold every row that its header speaks of, in passes too."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crackwise.errors import ImageError
from crackwise.imaging.image import read_image
from crackwise.imaging.png import ADAM7, WHOLE, check_png


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows_of(pixels: NDArray[np.uint8], *, interlaced: bool, bits: int) -> bytes:
    """The rows of all passes, each with filter 0."""
    passes = [pixels[y::dy, x::dx] for x, y, dx, dy in (ADAM7 if interlaced else WHOLE)]
    pack = np.packbits if bits == 1 else np.ravel
    return b"".join(b"\0" + pack(row).tobytes() for part in passes if part.size for row in part)


def png_of(pixels: NDArray[np.uint8], rows: bytes, *, interlaced: bool, bits: int = 8) -> bytes:
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, 0 if pixels.ndim == 2 else 2, 0, 0, interlaced)
    packed = zlib.compress(rows)
    data = chunk(b"IDAT", packed[:20]) + chunk(b"IDAT", packed[20:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (5, 1), (8, 8), (33, 20)])
def test_every_row_must_be_there(tmp_path: Path, rng: np.random.Generator, interlaced: bool, size: tuple[int]) -> None:
    pixels = rng.integers(0, 256, (*size, 3), np.uint8)
    rows = rows_of(pixels, interlaced=interlaced, bits=8)
    (tmp_path / "whole.png").write_bytes(png_of(pixels, rows, interlaced=interlaced))
    np.testing.assert_array_equal(read_image(tmp_path / "whole.png"), pixels)
    for short in (rows[:-1], rows[: len(rows) // 2]):
        (tmp_path / "half.png").write_bytes(png_of(pixels, short, interlaced=interlaced))
        with pytest.raises(ImageError, match=r"damaged or incomplete: it holds fewer rows than its header says"):
            read_image(tmp_path / "half.png")


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_byte_may_hold_eight_pixels(tmp_path: Path, rng: np.random.Generator, interlaced: bool) -> None:
    pixels = rng.integers(0, 2, (21, 19), np.uint8)
    rows = rows_of(pixels, interlaced=interlaced, bits=1)
    (tmp_path / "whole.png").write_bytes(png_of(pixels, rows, interlaced=interlaced, bits=1))
    np.testing.assert_array_equal(read_image(tmp_path / "whole.png")[:, :, 0], pixels * 255)
    with pytest.raises(ValueError, match="fewer rows"):
        check_png(png_of(pixels, rows[:-1], interlaced=interlaced, bits=1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_colour_is_counted_right(mode: str) -> None:
    grey = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7))
    picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 999) if mode == "I;16" else grey.convert(mode)
    content = BytesIO()
    picture.save(content, "PNG")
    whole = content.getvalue()
    check_png(whole)
    width, height = whole[16:20], struct.pack(">I", 6)
    taller = whole[:8] + chunk(b"IHDR", width + height + whole[24:29]) + whole[33:]
    with pytest.raises(ValueError, match="fewer rows"):
        check_png(taller)
