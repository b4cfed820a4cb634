"""Drawings show what they should, at every size."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from crackwise.imaging.overlay import (
    CENTRELINE_RGB,
    CRACK_RGB,
    draw_heat,
    draw_overlay,
    encode_jpeg,
    encode_mask,
    encode_png,
    encode_tiff16,
    shrink,
)


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(picture.astype(int) - colour) < 60).all(axis=2)


@pytest.mark.parametrize("side", [448, 4000])
def test_mask_centreline_and_name_can_be_seen(side: int) -> None:
    photo = np.full((side // 2, side, 3), 160, np.uint8)
    row = side // 4
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[row - side // 100 : row + side // 100, side // 10 : -side // 10] = 255
    line = np.stack([np.full(side // 2, row - 0.5), np.linspace(side // 10, side - side // 10, side // 2)], axis=1)
    overlay = draw_overlay(photo, mask, {"7": line})
    assert (photo == 160).all()
    assert coloured(overlay[row - 2 : row + 2, side // 2 - 20 : side // 2 + 20], CENTRELINE_RGB).any()
    assert (overlay[mask > 0] != 160).any(axis=1).all()
    plate = coloured(overlay, CRACK_RGB) & (mask == 0)
    assert 0.0003 < plate.mean() < 0.02  # the plate is there, and small
    rows, columns = np.nonzero(plate)
    assert max(np.ptp(rows), np.ptp(columns)) < side / 15
    assert (overlay[rows.min() : rows.max(), columns.min() : columns.max()] > 220).all(axis=2).any()  # white letters


def test_names_never_cover_each_other() -> None:
    photo = np.full((300, 300, 3), 160, np.uint8)
    lines = {str(i): np.array([[100.0 + i, 50.0], [100.0 + i, 250.0]]) for i in range(60)}
    overlay = draw_overlay(photo, np.zeros((300, 300), np.uint8), lines)
    count, _, stats, _ = cv2.connectedComponentsWithStats(coloured(overlay, CRACK_RGB).astype(np.uint8))
    assert count > 3
    assert stats[1:, cv2.CC_STAT_WIDTH].max() < 100


def test_the_smallest_picture_can_be_drawn_on() -> None:
    photo = np.zeros((1, 1, 3), np.uint8)
    assert draw_overlay(photo, np.full((1, 1), 255, np.uint8), {"1": np.zeros((1, 2))}).shape == (1, 1, 3)


def test_heat_grows_brighter_with_probability() -> None:
    heat = draw_heat(np.linspace(0, 1, 256, dtype=np.float32)[None])
    grey = heat.astype(float) @ [0.3, 0.6, 0.1]
    assert grey[0, 0] < 5
    assert grey[0, -1] > 230
    assert (np.diff(grey[0]) > -2).all()
    assert heat[0, 128, 0] > heat[0, 128, 2]  # red rather than blue: RGB, not BGR


def test_probabilities_survive_sixteen_bits(rng: np.random.Generator) -> None:
    probability = rng.random((40, 50), np.float32)
    read = cv2.imdecode(np.frombuffer(encode_tiff16(probability), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint16
    assert np.abs(read / 65535 - probability).max() < 1e-5


def test_a_mask_survives_png(rng: np.random.Generator) -> None:
    mask = (rng.random((40, 50)) > 0.5).astype(np.uint8) * 255
    for content in (encode_png(mask), encode_mask(mask)):
        read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read, mask)
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.mode == "L"  # one bit a pixel would be True and False
            np.testing.assert_array_equal(np.asarray(picture), mask)


def test_a_picture_too_long_for_jpeg_becomes_smaller() -> None:
    read = cv2.imdecode(np.frombuffer(encode_jpeg(np.zeros((3, 70_000, 3), np.uint8)), np.uint8), cv2.IMREAD_COLOR)
    assert read.shape == (3, 65_500, 3)


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    assert shrink(np.zeros((300, 400, 3), np.uint8), 100).shape == (75, 100, 3)
    assert shrink(np.zeros((300, 400, 3), np.uint8), 400).shape == (300, 400, 3)
    assert shrink(np.zeros((1, 4000, 3), np.uint8), 100).shape == (1, 100, 3)
