"""What a mask's values mean is decided before any bit of them is dropped."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.errors import ImageError
from crackwise.imaging.image import read_mask

STROKES = np.zeros((40, 60), bool)
STROKES[10:14, 5:50] = True


def write(path: Path, values: NDArray[np.generic]) -> Path:
    cv2.imwrite(str(path), values)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    ("value", "dtype"), [(1, np.uint8), (200, np.uint8), (1, np.uint16), (255, np.uint16), (65535, np.uint16)]
)
def test_a_crack_is_white_or_one_or_the_white_of_eight_bits(
    tmp_path: Path, suffix: str, value: int, dtype: type
) -> None:
    mask = read_mask(write(tmp_path / f"m.{suffix}", (STROKES * value).astype(dtype)))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, STROKES * np.uint8(200 if value == 200 else 255))


@pytest.mark.parametrize(
    ("value", "dtype", "white"),
    [(2, np.uint8, 255), (100, np.uint8, 255), (127, np.uint8, 255), (2, np.uint16, 65535), (300, np.uint16, 65535)],
)
def test_a_mask_of_another_low_value_is_refused_by_name(tmp_path: Path, value: int, dtype: type, white: int) -> None:
    path = write(tmp_path / "m.png", (STROKES * value).astype(dtype))
    with pytest.raises(ImageError, match=rf"holds 0 and {value}; a crack is drawn as {white} \(or 1\)"):
        read_mask(path)


@pytest.mark.parametrize(("peak", "dtype"), [(100, np.uint8), (255, np.uint16), (30_000, np.uint16)])
def test_greys_that_never_reach_half_of_white_are_refused(tmp_path: Path, peak: int, dtype: type) -> None:
    grey = np.linspace(0, peak, STROKES.size).reshape(STROKES.shape).astype(dtype)
    with pytest.raises(ImageError, match=rf"holds 0 to {peak}; a crack is drawn as"):
        read_mask(write(tmp_path / "m.png", grey))


def test_grey_edges_of_sixteen_bits_are_kept(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(read_mask(write(tmp_path / "m.png", grey.astype(np.uint16) * 257)), grey)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_empty_mask_stays_empty(tmp_path: Path, dtype: type) -> None:
    assert not read_mask(write(tmp_path / "m.tif", np.zeros((9, 9), dtype))).any()


def test_a_mask_may_be_crack_throughout(tmp_path: Path) -> None:
    assert (read_mask(write(tmp_path / "m.png", np.ones((9, 9), np.uint8))) == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("value", [0, 1, 255, 256])
def test_dark_colours_of_sixteen_bits_are_refused(tmp_path: Path, suffix: str, value: int) -> None:
    colours = np.repeat((STROKES * value).astype(np.uint16)[:, :, None], 3, axis=2)
    with pytest.raises(ImageError, match="holds dark colours of 16 bits"):
        read_mask(write(tmp_path / f"m.{suffix}", colours))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_bright_colours_of_sixteen_bits_are_read(tmp_path: Path, suffix: str) -> None:
    colours = np.repeat((STROKES * 65535).astype(np.uint16)[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(read_mask(write(tmp_path / f"m.{suffix}", colours)), STROKES * np.uint8(255))
