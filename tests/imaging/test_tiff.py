"""TIFF strips and tiles that carry a checksum or are JPEG must be whole; what libtiff says of others stays inside."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from crackwise.errors import ImageError
from crackwise.imaging.image import read_image
from crackwise.imaging.tiff import REVERSED

ROWS_PER_STRIP = 278
PACKED = {
    "deflate": {"compression": "tiff_adobe_deflate"},
    "old deflate": {"compression": "tiff_deflate"},
    "jpeg": {"compression": "jpeg"},
}


def draw_wall() -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 400, (150, 200, 3))
    return np.clip(150 + cv2.GaussianBlur(noise, (0, 0), 3), 0, 255).astype(np.uint8)


def tiff_of(size: tuple[int, int], data: bytes, **changed: int) -> bytes:
    """A TIFF of one strip of grey."""
    tags = {"width": 256, "height": 257, "bits": 258, "packed": 259, "white": 262, "order": 266, "start": 273}
    tags |= {"rows": 278, "length": 279}
    values = {"width": size[1], "height": size[0], "bits": 8, "packed": 1, "white": 1, "order": 1}
    values |= {"start": 10 + 12 * len(tags) + 4, "rows": size[0], "length": len(data)} | changed
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, values[name]) for name, tag in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def check_that_zeros_are_found(path: Path, starts: NDArray[np.integer]) -> None:
    """64 bytes of zero, written over the file from each start on, must make it unreadable."""
    whole = path.read_bytes()
    for at in starts:
        path.write_bytes(whole[:at] + bytes(64) + whole[at + 64 :])
        with pytest.raises(ImageError, match="damaged or overwritten"):
            read_image(path)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("rows", [8, 64, 150])
@pytest.mark.parametrize("packed", PACKED)
def test_zeros_over_the_data_are_found(
    tmp_path: Path, rng: np.random.Generator, packed: str, rows: int, mode: str
) -> None:
    picture = Image.fromarray(draw_wall()).convert(mode)
    path = tmp_path / "wall.tif"
    picture.save(path, tiffinfo={ROWS_PER_STRIP: rows}, **PACKED[packed])
    error = np.abs(read_image(path).astype(int) - np.asarray(picture.convert("RGB")).astype(int)).mean()
    assert error < (3 if packed == "jpeg" else 1.5)
    check_that_zeros_are_found(path, rng.integers(20, path.stat().st_size - 1500, 6))  # the header comes last


@pytest.mark.parametrize("tile", [None, (64, 48), (512, 512)])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_tiles_and_planes_of_their_own_are_checked(
    tmp_path: Path, rng: np.random.Generator, planes: str, tile: tuple[int, int] | None
) -> None:
    wall, path = draw_wall(), tmp_path / "wall.tif"
    stored = wall if planes == "contig" else np.moveaxis(wall, -1, 0)
    tifffile.imwrite(path, stored, compression="zlib", photometric="rgb", planarconfig=planes, tile=tile)
    np.testing.assert_array_equal(read_image(path), wall)
    size = path.stat().st_size
    check_that_zeros_are_found(path, rng.integers(size // 2, size - 70, 10))


def test_bits_may_be_stored_the_other_way_round(tmp_path: Path) -> None:
    grey = draw_wall()[:, :, 0]
    data = zlib.compress(grey.tobytes()).translate(REVERSED)
    (tmp_path / "wall.tif").write_bytes(tiff_of(grey.shape, data, packed=8, order=2))
    np.testing.assert_array_equal(read_image(tmp_path / "wall.tif")[:, :, 0], grey)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"length": 10**6}, "the file is cut short"),
        ({"rows": 9}, "does not say where all of its data is"),
        ({"rows": 0}, "have no size"),
    ],
)
def test_data_that_is_not_where_the_header_says_is_refused(
    tmp_path: Path, changed: dict[str, int], reason: str
) -> None:
    data = zlib.compress(bytes(40 * 50))
    (tmp_path / "m.tif").write_bytes(tiff_of((40, 50), data, packed=8, **changed))
    with pytest.raises(ImageError, match=reason):
        read_image(tmp_path / "m.tif")


def test_a_strip_that_unpacks_to_a_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tif").write_bytes(tiff_of((40, 50), zlib.compress(bytes(10**7)), packed=8))
    with pytest.raises(ImageError, match="damaged or overwritten"):
        read_image(tmp_path / "m.tif")


def test_a_strip_that_is_a_larger_jpeg_is_refused(tmp_path: Path) -> None:
    content = cv2.imencode(".jpg", np.zeros((800, 900), np.uint8))[1].tobytes()
    (tmp_path / "m.tif").write_bytes(tiff_of((40, 50), content, packed=7))
    with pytest.raises(ImageError, match="damaged or overwritten"):
        read_image(tmp_path / "m.tif")


@pytest.mark.parametrize("rows", [8, 150])
def test_libtiff_keeps_its_complaints_to_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str], rows: int) -> None:
    path = tmp_path / "wall.tif"
    Image.fromarray(draw_wall()).save(path, compression="tiff_lzw", tiffinfo={ROWS_PER_STRIP: rows})
    whole = path.read_bytes()
    path.write_bytes(whole[:500] + bytes(300) + whole[800:])
    with pytest.raises(ImageError, match="is damaged or incomplete"):
        read_image(path)
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_a_program_without_standard_error_reads_on(tmp_path: Path) -> None:
    Image.fromarray(draw_wall()).save(tmp_path / "wall.tif")
    kept = os.dup(2)
    os.close(2)
    try:
        assert read_image(tmp_path / "wall.tif").shape == (150, 200, 3)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("packed", [1, 8])
def test_sixteen_bits_may_count_from_white(tmp_path: Path, white: int, packed: int) -> None:
    grey = draw_wall()[:, :, 0]
    data = ((grey if white else 255 - grey).astype("<u2") * 257).tobytes()
    data = zlib.compress(data) if packed == 8 else data
    (tmp_path / "wall.tif").write_bytes(tiff_of(grey.shape, data, bits=16, white=white, packed=packed))
    np.testing.assert_array_equal(read_image(tmp_path / "wall.tif")[:, :, 0], grey)


def test_of_twelve_bits_the_upper_eight_are_kept(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    (tmp_path / "wall.tif").write_bytes(tiff_of((64, 64), packed, bits=12))
    np.testing.assert_array_equal(read_image(tmp_path / "wall.tif")[:, :, 0], values >> 4)


def test_twelve_bits_in_sixteen_stay_as_dark_as_the_file_says(tmp_path: Path) -> None:
    values = draw_wall()[:, :, 0].astype("<u2") * 16
    (tmp_path / "wall.tif").write_bytes(tiff_of(values.shape, values.tobytes(), bits=16))
    np.testing.assert_array_equal(read_image(tmp_path / "wall.tif")[:, :, 0], values >> 8)
