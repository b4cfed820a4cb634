"""Every kind of picture that should be read, and every kind of damage that should be refused."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from skimage.io import imsave

from crackwise.errors import ImageError
from crackwise.imaging.image import TURNS, read_image, read_mask, read_photo

HEIGHT, WIDTH = 90, 120
FORMATS: dict[str, dict[str, object]] = {
    "photo.jpg": {"quality": 95, "subsampling": 0},
    "progressive.jpg": {"quality": 95, "progressive": True},
    "photo.png": {},
    "photo.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "photo.webp": {"quality": 95},
    "lossless.webp": {"lossless": True},
    "photo.bmp": {},
}


def draw_photo() -> Image.Image:
    """A coloured gradient with a dark line: no two of its eight orientations are alike."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([60 + x, 40 + 2 * y, 200 - x], axis=2).astype(np.uint8)
    return Image.fromarray(cv2.line(pixels, (10, 15), (80, 40), (20, 20, 20), 3))


def save(picture: Image.Image, path: Path, **settings: object) -> Path:
    picture.save(path, **settings)  # type: ignore[arg-type]
    return path


def difference(path: Path, expected: NDArray[np.uint8]) -> float:
    pixels = read_image(path)
    assert pixels.shape == expected.shape
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"]
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_pixels_that_were_saved(tmp_path: Path, name: str) -> None:
    photo = draw_photo()
    path = save(photo, tmp_path / name, **FORMATS[name])
    assert difference(path, np.asarray(photo)) < (3 if path.suffix in (".jpg", ".webp") else 1e-9)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = save(draw_photo(), tmp_path / "photo.jpg").rename(tmp_path / "photo.png")
    assert difference(path, np.asarray(draw_photo())) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp", "photo.tif", "lzw.tif"])
def test_a_photo_stands_upright_whatever_its_exif_says(tmp_path: Path, name: str, orientation: int) -> None:
    upright = draw_photo()
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # how the camera would have stored it
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = save(stored, tmp_path / name, exif=exif, **FORMATS[name])
    assert difference(path, np.asarray(upright)) < (3 if path.suffix in (".jpg", ".webp") else 1e-9)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp"])
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 20])
def test_exif_that_cannot_be_read_is_no_damage(tmp_path: Path, name: str, exif: bytes) -> None:
    path = save(draw_photo(), tmp_path / name, exif=exif, **FORMATS[name])
    assert difference(path, np.asarray(draw_photo())) < 3


@pytest.mark.parametrize("name", ["photo.tif", "lzw.tif"])
def test_exif_of_a_tiff_may_lie_nowhere(tmp_path: Path, name: str) -> None:
    path = save(draw_photo(), tmp_path / name, tiffinfo={ExifTags.IFD.Exif: 0xFFFFFF00}, **FORMATS[name])
    assert difference(path, np.asarray(draw_photo())) == 0


def test_every_turn_is_tried() -> None:
    assert set(TURNS) == set(range(2, 9))


MODES = {
    "png": ("1", "L", "LA", "P", "RGBA"),
    "tif": ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"),
    "jpg": ("L", "CMYK"),
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix in MODES for mode in MODES[suffix]])
def test_every_colour_mode_looks_like_itself(tmp_path: Path, suffix: str, mode: str) -> None:
    photo = draw_photo().convert(mode)
    path = save(photo, tmp_path / f"photo.{suffix}", **({"quality": 95} if suffix == "jpg" else {}))
    assert difference(path, np.asarray(photo.convert("RGB"))) < (3 if suffix == "jpg" else 1.5)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_of_sixteen_bits_the_upper_eight_are_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = np.asarray(draw_photo())
    deep = pixels.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / f"deep.{suffix}"), deep[..., 0] if channels == 1 else deep[..., ::-1])
    expected = pixels[..., :1].repeat(3, axis=2) if channels == 1 else pixels
    assert difference(tmp_path / f"deep.{suffix}", expected) == 0


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    pixels = np.dstack([np.asarray(draw_photo()), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    pixels[:20, :, 3] = 0
    read = read_image(save(Image.fromarray(pixels), tmp_path / "cut.png"))
    assert (read[:20] == 255).all()
    np.testing.assert_array_equal(read[20:], pixels[20:, :, :3])


def test_a_palette_may_hold_a_transparent_colour(tmp_path: Path) -> None:
    indexed = Image.new("P", (8, 4), 1)
    indexed.putpalette([0, 0, 0, 10, 200, 30])
    indexed.paste(0, (0, 0, 4, 4))
    read = read_image(save(indexed, tmp_path / "p.png", transparency=0))
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[0, 7].tolist() == [10, 200, 30]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1)])
def test_the_smallest_pictures_are_pictures(tmp_path: Path, height: int, width: int) -> None:
    for name in FORMATS:
        assert read_image(save(Image.new("RGB", (width, height)), tmp_path / name)).shape == (height, width, 3)


def test_a_tiff_may_carry_a_smaller_copy_of_itself(tmp_path: Path) -> None:
    photo = draw_photo()
    small = photo.resize((60, 45))
    small.encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
    path = save(photo, tmp_path / "pyramid.tif", save_all=True, append_images=[small])
    with Image.open(path) as pages:
        pages.seek(1)
        assert pages.tag_v2[254] == 1  # type: ignore[attr-defined]
    assert difference(path, np.asarray(photo)) == 0


@pytest.mark.parametrize("name", ["pages.tif", "moving.png", "moving.webp"])
def test_several_pictures_in_one_file_are_refused(tmp_path: Path, name: str) -> None:
    other = Image.new("RGB", (WIDTH, HEIGHT), "red")
    path = save(draw_photo(), tmp_path / name, save_all=True, append_images=[other])
    with pytest.raises(ImageError, match="several pictures"):
        read_image(path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_short_is_refused_wherever_it_was_cut(tmp_path: Path, name: str) -> None:
    whole = save(draw_photo(), tmp_path / name, **FORMATS[name]).read_bytes()
    for length in {*range(len(whole) - 9, len(whole)), *(len(whole) * i // 40 for i in range(40))}:
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(ImageError):
            read_image(tmp_path / name)


def test_a_png_with_a_changed_byte_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    whole = save(draw_photo(), tmp_path / "photo.png").read_bytes()
    for at in rng.integers(8, len(whole), 60):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "photo.png").write_bytes(changed)
        with pytest.raises(ImageError):
            read_image(tmp_path / "photo.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused_in_plain_words(tmp_path: Path, kind: str, share: float) -> None:
    Image.fromarray(np.arange(30_000, dtype=np.uint8).reshape(100, 100, 3)).save(tmp_path / "whole", kind)
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "part").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match="is damaged or incomplete") as caught:
        read_image(tmp_path / "part")
    assert "unpack" not in str(caught.value)


NO_PICTURES: dict[str, tuple[bytes, str]] = {
    "empty.jpg": (b"", "is empty"),
    "text.jpg": (b"Dear inspector, the photographs follow tomorrow.", "not a JPEG, PNG, TIFF, WebP or BMP"),
    "page.png": (b"%PDF-1.7\n", "not a JPEG, PNG, TIFF, WebP or BMP"),
    "moving.gif": (b"GIF89a\x01\0\x01\0\0\0\0", "not a JPEG, PNG, TIFF, WebP or BMP"),
    "sound.webp": (b"RIFF\x24\0\0\0WAVEfmt ", "not a JPEG, PNG, TIFF, WebP or BMP"),
    "start.jpg": (b"\xff\xd8\xff\xe0", "damaged"),
    "start.tif": (b"II*\0\x08\0\0\0", "damaged"),
    "start.bmp": (b"BM\0\0", "damaged"),
    "zeros.jpg": (bytes(10_000), "not a JPEG"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_named_so(tmp_path: Path, name: str) -> None:
    content, reason = NO_PICTURES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "absent.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="not a regular file"):
        read_image("/dev/zero")


@pytest.mark.parametrize("dtype", [np.float32, np.uint32])
def test_numbers_without_an_agreed_white_are_refused(tmp_path: Path, dtype: type) -> None:
    values = np.ones((9, 9), dtype)
    if dtype is np.float32:
        values[3] = np.nan
    imsave(tmp_path / "odd.tif", values, check_contrast=False)
    with pytest.raises(ImageError, match="no agreed black and white"):
        read_image(tmp_path / "odd.tif")


def png_of(width: int, height: int, data: bytes) -> bytes:
    """A PNG of one bit per pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb_png(path: Path) -> None:
    path.write_bytes(png_of(30_000, 30_000, zlib.compress(bytes(30_000 * 3_751), 9)))


def bomb_tiff(path: Path) -> None:
    """40,000 x 40,000 px in a header of 100 bytes."""
    tags = [(256, 40_000), (257, 40_000), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1), (278, 40_000), (279, 4)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4))


def bomb_bmp(path: Path) -> None:
    path.write_bytes(
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 50_000, 50_000, 1, 24, *[0] * 6)
    )


def bomb_webp(path: Path) -> None:
    """16,383 x 16,383 px, the most the format allows, in a header of 30 bytes."""
    frame = b"VP8L" + struct.pack("<IBI", 12, 0x2F, 16_382 | 16_382 << 14) + bytes(7)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(frame) + 4) + b"WEBP" + frame)


@pytest.mark.parametrize("draw", [bomb_png, bomb_tiff, bomb_bmp, bomb_webp])
def test_a_bomb_is_refused_from_its_header(tmp_path: Path, draw: Callable[[Path], None]) -> None:
    path = tmp_path / "bomb"
    draw(path)
    assert path.stat().st_size < 130_000
    script = (
        "import resource, sys, time\n"
        "from crackwise import read_image\n"
        "from crackwise.errors import ImageError\n"
        "memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()\n"
        "try:\n    read_image(sys.argv[1])\n"
        "except ImageError as error:\n    print(error)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory\n"
        "assert grown < 100_000, grown\n"
        "assert time.process_time() - start < 0.5\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert "megapixels; the limit is 250" in done.stdout or "more pixels than a WebP may have" in done.stdout


def test_too_little_memory_is_not_called_damage(tmp_path: Path) -> None:
    names = ["large.jpg", "progressive.jpg", "large.png", "large.tif", "lzw.tif", "deflate.tif", "large.bmp"]
    for name in names:
        save(Image.new("RGB", (5000, 4000), "grey"), tmp_path / name, **FORMATS.get(name, {}))
    script = (
        "import resource, sys\n"
        "from crackwise import read_image\n"
        "from crackwise.errors import ImageError\n"
        "read_image(sys.argv[1] + '/small.tif')\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "for megabytes in (20, 70):\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, -1))\n"
        "    for name in sys.argv[2:]:\n"
        "        try:\n            read_image(sys.argv[1] + '/' + name)\n"
        "        except ImageError as error:\n            print(error)\n"
    )
    save(draw_photo(), tmp_path / "small.tif")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *names], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.removeprefix(f"{tmp_path}/") for line in lines[: len(names)]] == [
        f"{name} needs more memory than there is. Cut it into parts." for name in names
    ]
    assert not [line for line in lines if "damaged" in line]


def test_the_limit_can_be_moved(tmp_path: Path) -> None:
    path = save(Image.new("L", (2000, 1000)), tmp_path / "two.png")
    with pytest.raises(ImageError, match="2000x1000 px = 2 megapixels"):
        read_image(path, max_megapixels=1.9)
    assert read_image(path, max_megapixels=2).shape == (1000, 2000, 3)


@pytest.mark.slow
def test_a_large_photo_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    width, height = 20_000, 10_000  # 200 megapixels: more than Pillow's own limit
    path = tmp_path / "panorama.png"
    path.write_bytes(png_of(width, height, zlib.compress(bytes(height * (width // 8 + 1)), 1)))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < 4e9:
        pytest.skip("needs 2 GB of memory")
    assert read_image(path).shape == (height, width, 3)


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    path = save(draw_photo(), tmp_path / "photo.jpg")
    expected = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert read_photo(path).sha256 == expected


def test_a_mask_keeps_its_grey_edges(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(mask, (5, 5), (90, 60), 255, 4, cv2.LINE_AA)
    np.testing.assert_array_equal(read_mask(save(Image.fromarray(mask), tmp_path / "m.png")), mask)


@pytest.mark.parametrize("kind", ["zero and one", "one bit", "red strokes", "transparent paper"])
def test_masks_of_every_habit_read_alike(tmp_path: Path, kind: str) -> None:
    strokes = np.zeros((HEIGHT, WIDTH), bool)
    strokes[30:34, 10:90] = True
    on = strokes[..., None]
    drawings = {
        "zero and one": strokes.astype(np.uint8),
        "one bit": strokes,
        "red strokes": (on * np.array([255, 0, 0])).astype(np.uint8),
        "transparent paper": (on * np.array([255, 255, 255, 255])).astype(np.uint8),
    }
    read = read_mask(save(Image.fromarray(drawings[kind]), tmp_path / "m.png"))
    np.testing.assert_array_equal(read, strokes * 255)


def test_an_empty_mask_stays_empty(tmp_path: Path) -> None:
    assert not read_mask(save(Image.new("L", (7, 5)), tmp_path / "m.png")).any()


@pytest.mark.real
def test_real_photos_are_read_as_pillow_reads_them(shared_data: Path) -> None:
    photos = sorted((shared_data / "examples").glob("*.jpg"))
    assert photos
    for path in photos:
        with Image.open(BytesIO(path.read_bytes())) as picture:
            assert difference(path, np.asarray(picture.convert("RGB"))) < 1.5
