"""Drawings for the eye, and the encoders of every picture that is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    "draw_heat",
    "draw_overlay",
    "encode_jpeg",
    "encode_mask",
    "encode_png",
    "encode_tiff16",
    "map_files",
    "shrink",
]

Pixels = NDArray[np.uint8]
Line = NDArray[np.floating]
Place = tuple[slice, slice]
"""Rows and columns of a plate."""

CRACK_RGB = (235, 30, 99)
CENTRELINE_RGB = (255, 235, 59)
LABEL_RGB = (255, 255, 255)
TINT = 0.55
SUBPIXEL_BITS = 4
JPEG_QUALITY = 90
JPEG_LONGEST_PX = 65_500


def draw_overlay(pixels: Pixels, mask: Pixels, centrelines: Mapping[str, Line]) -> Pixels:
    """The photograph (h, w, 3) with the mask in colour, and every centreline (n, 2: row, column) with its name.

    Lines and letters grow with the picture. Names are set beside their crack, the longest crack first, off other
    cracks where that can be; one that finds no free place is left out rather than written over another.
    """
    picture = tint(pixels, mask)
    unit = max(1, round(max(picture.shape[:2]) / 2000))
    for line in centrelines.values():
        points = np.rint(line[:, ::-1] * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(picture, [points], False, CENTRELINE_RGB, unit, cv2.LINE_AA, SUBPIXEL_BITS)
    plates = np.zeros_like(mask)
    for name, line in sorted(centrelines.items(), key=lambda pair: -len(pair[1])):
        plate = draw_plate(name, picture.shape)
        place = find_place(plate, line, mask, plates)
        if place is not None:
            picture[place], plates[place] = plate, 255
    return picture


def tint(pixels: Pixels, mask: Pixels) -> Pixels:
    """A copy with the pixels of the mask drawn towards the crack's colour."""
    picture = pixels.copy()
    inside = mask > 0
    tinted = np.rint((1 - TINT) * np.arange(256)[:, None] + TINT * np.array(CRACK_RGB)).astype(np.uint8)
    picture[inside] = tinted[pixels[inside], [0, 1, 2]]
    return picture


def draw_plate(name: str, shape: tuple[int, ...]) -> Pixels:
    """A name on a plate, in the size that suits a picture of ``shape``."""
    size = max(max(shape[:2]) / 60, 12)
    margin = round(size / 3)
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(name, anchor="ls")
    plate = Image.new("RGB", (math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin), CRACK_RGB)
    ImageDraw.Draw(plate).text((margin - left, margin - top), name, LABEL_RGB, font, anchor="ls")
    return np.asarray(plate)


def find_place(plate: Pixels, line: Line, mask: Pixels, plates: Pixels) -> Place | None:
    """A place beside the line on no other plate, and on no crack if there is one."""
    second_choice = None
    for place in places_beside(line, plate.shape, mask.shape):
        if not plates[place].any():
            if not mask[place].any():
                return place
            second_choice = second_choice or place
    return second_choice


def places_beside(line: Line, size: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[Place]:
    """Places of a plate that lie inside the picture, beside the middle of the line first."""
    height, width = size[:2]
    for part in (0.5, 0.35, 0.65, 0.2, 0.8, 0.05, 0.95):
        row, column = line[min(int(part * len(line)), len(line) - 1)]
        for away in (0.9, 1.6):
            for up, right in ((-1, 1), (1, 1), (-1, -1), (1, -1), (0, 1), (0, -1), (-1, 0), (1, 0)):
                left = round(column + right * away * height + (right - 1) * width / 2)
                top = round(row + up * away * height - height / 2)
                if left >= 0 and top >= 0 and left + width <= shape[1] and top + height <= shape[0]:
                    yield slice(top, top + height), slice(left, left + width)


def draw_heat(probability: NDArray[np.float32]) -> Pixels:
    """A map (h, w) of 0 to 1 as colours (h, w, 3) from black over red to pale yellow."""
    levels = np.rint(probability * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, :, ::-1], dtype=np.uint8)


def shrink(pixels: Pixels, longest_px: int) -> Pixels:
    """The picture with its longer side brought down to ``longest_px``; smaller ones stay as they are."""
    height, width = pixels.shape[:2]
    factor = longest_px / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def encode_jpeg(pixels: Pixels, *, quality: int = JPEG_QUALITY) -> bytes:
    """An RGB picture (h, w, 3) as JPEG; one longer than the format allows is made smaller."""
    return encode(".jpg", shrink(pixels, JPEG_LONGEST_PX)[:, :, ::-1], cv2.IMWRITE_JPEG_QUALITY, quality)


def encode_png(pixels: Pixels) -> bytes:
    """A plane (h, w) or RGB picture (h, w, 3) as PNG."""
    return encode(".png", pixels if pixels.ndim == 2 else pixels[:, :, ::-1])


def encode_mask(mask: Pixels) -> bytes:
    """A plane (h, w) of 0 and 255 as PNG of 8 bits: nearly empty rows are packed fastest as they are.

    One bit a pixel would take half the time, and be read as True and False by Pillow where others read 0 and 255.
    """
    return encode(".png", mask, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)


def encode_tiff16(probability: NDArray[np.float32]) -> bytes:
    """A map (h, w) of 0 to 1 as 16-bit TIFF: 65535 is 1."""
    levels = np.rint(probability * np.float32(65535)).astype(np.uint16)
    return encode(".tif", levels, cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_ADOBE_DEFLATE)


def map_files(probability: NDArray[np.float32]) -> dict[str, bytes]:
    """A map (h, w) of 0 to 1 as files by their suffix: to see, and to compute with."""
    return {".png": encode_png(draw_heat(probability)), ".tif": encode_tiff16(probability)}


def encode(suffix: str, values: NDArray[np.uint8] | NDArray[np.uint16], *settings: int) -> bytes:
    """A picture in the format of ``suffix``."""
    _, content = cv2.imencode(suffix, np.ascontiguousarray(values), settings)
    return content.tobytes()
