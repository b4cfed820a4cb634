"""What a file of numbers in the shape of a picture holds, as it is: PNG, TIFF and NPY, integers and floats."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from crackwise.errors import ImageError
from crackwise.imaging.image import MAX_MEGAPIXELS, damage_of, read_checked
from crackwise.imaging.png import check_png
from crackwise.imaging.tiff import check_tiff, silent_libtiff

__all__ = ["LEVEL_SUFFIXES", "read_levels"]

LEVEL_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
PNG = b"\x89PNG\r\n\x1a\n"
NPY = b"\x93NUMPY"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_levels(path: Path) -> NDArray[np.generic]:
    """The numbers of a file as a plane (h, w) of the type that they are stored in; nothing is scaled or turned.

    Colours are taken where all are the same grey.

    Raises:
        ImageError: no such file, another format, damaged, several pages, colours, or not the shape of one picture.
    """
    with damage_of(path):
        levels = read_npy(path) if path.suffix.lower() == ".npy" else read_picture(path)
    if levels.ndim == 3 and 1 in (levels.shape[0], levels.shape[2]):
        levels = levels[0] if levels.shape[0] == 1 else levels[:, :, 0]
    if levels.ndim != 2 or levels.size == 0:
        raise ImageError(f"{path} holds numbers in the shape {levels.shape}; one picture is (height, width).")
    return levels


def read_npy(path: Path) -> NDArray[np.generic]:
    """An array that numpy saved.

    Python objects and archives of several arrays are refused.
    """
    try:
        with path.open("rb") as file:
            if not file.read(len(NPY)) == NPY:
                raise ImageError(f"{path} is no NPY file; write it with numpy.save, one array a file.")
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        if "pickle" not in str(error) and "Object" not in str(error):
            raise
        raise ImageError(f"{path} holds Python objects, which are not opened; save an array of numbers.") from error


def read_picture(path: Path) -> NDArray[np.generic]:
    """The grey values of a whole PNG or TIFF."""
    content = read_checked(path, MAX_MEGAPIXELS)
    if content.startswith(PNG):
        check_png(content)
    elif not content.startswith(TIFF):
        raise ImageError(f"{path} holds neither PNG nor TIFF, whatever its name says; save it as PNG, TIFF or NPY.")
    else:
        check_tiff(content, TiffImageFile(BytesIO(content)))
    with silent_libtiff():
        levels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None:
        raise ValueError("it cannot be decoded")
    if levels.ndim == 3:
        colours, transparency = levels[:, :, :3], levels[:, :, 3:]
        if (colours != colours[:, :, :1]).any() or (transparency != transparency[:1, :1]).any():
            raise ImageError(f"{path} is in colours, or transparent; save one plane of grey.")
        levels = colours[:, :, 0]
    return np.asarray(levels)
