"""Label files of every kind to planes of 0, 1 and 255 = not labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from crackwise.data.polygons import draw_coco, draw_yolo
from crackwise.errors import DataError

__all__ = ["MASK_KINDS", "OF_PICTURES", "Mask", "read_mask"]

Plane = NDArray[np.uint8]
Planes = dict[str, Plane]
"""Class name to a plane (h, w) of 0, 1, 255; the name ``""`` is that of a file that names no class."""

NOT_LABELLED = 255
OF_PICTURES = ("none", "somewhere")
"""Kinds that say what a whole picture shows, and need no label file."""
CRACKFOREST_CRACK = 2
"""In ``Segmentation`` 1 is background, 2 crack, 3 and 4 other enclosed regions."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where the label of one picture is and how to read it; nothing is opened before `read_mask`."""

    kind: str
    """A key of `MASK_KINDS`."""
    path: Path
    """The label file; for kinds ``"none"`` and ``"somewhere"`` the picture itself."""
    key: str | None = None
    """The picture's ``file_name`` inside a COCO file; nothing for the other kinds."""
    label: str | None = None
    """The class that every mark of the file means; None: the file's own class names, or the one class asked for."""
    whole: bool = False
    """Asked for as the label of the whole picture: a mark anywhere counts for every pixel."""


def read_mask(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...] = ("crack",)) -> Plane:
    """Label planes (k, h, w), one per class: 0 absent, 1 present, 255 not labelled.

    A class that the label file does not speak of is 255 throughout.

    Raises:
        DataError: a missing or damaged label file, one of other classes, or of another size than the picture.
    """
    if mask.kind not in MASK_KINDS:
        raise DataError(f"No label format {mask.kind!r}; known are {', '.join(MASK_KINDS)}.")
    if not mask.path.is_file():
        raise DataError(f"No label file {mask.path}; a picture without cracks needs an empty mask that says so.")
    planes = MASK_KINDS[mask.kind](mask, shape, classes)
    for plane in planes.values():
        if plane.shape != shape:
            raise DataError(
                f"{mask.path} is {plane.shape[1]}x{plane.shape[0]} px, its picture {shape[1]}x{shape[0]}; "
                "draw the label on the picture itself, at its own size."
            )
    named = name_planes(planes, mask, classes)
    unknown = np.full(shape, NOT_LABELLED, np.uint8)
    labels = np.stack([named.get(name, unknown) for name in classes])
    return of_the_whole(labels) if mask.whole else labels


def of_the_whole(planes: Plane) -> Plane:
    """Planes (k, h, w) of one value each: 1 with a mark anywhere, else 255 where anything is not labelled, else 0."""
    values = [1 if (plane == 1).any() else plane.max(initial=0) for plane in planes]
    return np.stack([np.full_like(plane, value) for plane, value in zip(planes, values, strict=True)])


def name_planes(planes: Planes, mask: Mask, classes: tuple[str, ...]) -> Planes:
    """The planes under the names of the classes they mean."""
    if mask.label is not None:
        return {mask.label: union(list(planes.values()))}
    if len(planes) == len(classes) == 1:
        return {classes[0]: next(iter(planes.values()))}
    if "" in planes:
        raise DataError(
            f"{mask.path} does not say which of {', '.join(classes)} it shows. Write it behind the set, "
            f"as in SET:PART={classes[0]}, or use COCO or YOLO."
        )
    if not set(planes) & set(classes):
        raise DataError(
            f"{mask.path} labels {', '.join(sorted(planes))}, but {', '.join(classes)} was asked for. "
            f"If all its marks are one of these, write it behind the set, as in SET:PART={classes[0]}."
        )
    return planes


def union(planes: list[Plane]) -> Plane:
    """1 where any plane has 1, else 255 where any has 255, else 0."""
    stack = np.stack(planes)
    unknown = (stack == NOT_LABELLED).any(0) * np.uint8(NOT_LABELLED)
    return np.where((stack == 1).any(0), np.uint8(1), unknown)


def decode(path: Path) -> Plane:
    """The brightest colour channel (h, w) of a mask picture, as uint8 of 0-255; JPEG strictly.

    The brightest, so that red or blue strokes count like white ones.
    """
    content = path.read_bytes()
    try:
        if simplejpeg.is_jpeg(content):
            return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB", strict=True).max(2), np.uint8)
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except (ValueError, cv2.error) as error:
        raise DataError(f"{path} is not a readable mask: {error}.") from error
    if pixels is None:
        raise DataError(f"{path} is not a readable mask; save it again as PNG.")
    plane = pixels if pixels.ndim == 2 else pixels[:, :, :3].max(2)
    if pixels.ndim == 3 and pixels.shape[2] == 4 and is_flat(plane) and not is_flat(pixels[:, :, 3]):
        plane = pixels[:, :, 3]  # drawn in the transparency
    return (plane // 257 if plane.max(initial=0) > 255 else plane).astype(np.uint8)


def is_flat(plane: NDArray[np.generic]) -> bool:
    """Whether a plane holds one value only."""
    return bool((plane == plane.flat[0]).all())


def bright_strokes(mask: Mask, _shape: tuple[int, int], _classes: tuple[str, ...]) -> Planes:
    """Crack where brighter than half; where a mask holds nothing above 1, crack where 1.

    Raises:
        DataError: the strokes are of one value that is neither: nobody can tell what it means.
    """
    plane = decode(mask.path)
    marks = np.unique(plane[plane > 0])
    if len(marks) == 1 and 1 < marks[0] <= 127:
        raise DataError(
            f"{mask.path} holds 0 and {marks[0]}; a crack is drawn as 255 (or 1). Convert the mask, or label several "
            "classes as COCO or YOLO."
        )
    return {"": (plane > (127 if plane.max(initial=0) > 1 else 0)).astype(np.uint8)}


def dark_strokes(mask: Mask, _shape: tuple[int, int], _classes: tuple[str, ...]) -> Planes:
    """Crack where darker than half: black strokes on white paper."""
    return {"": (decode(mask.path) <= 127).astype(np.uint8)}


def polygons_of_coco(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...]) -> Planes:
    """Every polygon of a COCO file, filled."""
    return draw_coco(mask.path, mask.key, shape, "polygons", classes)


def boxes_of_coco(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...]) -> Planes:
    """Every box of a COCO file, filled."""
    return draw_coco(mask.path, mask.key, shape, "boxes", classes)


def polygons_of_yolo(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...]) -> Planes:
    """Every polygon of a YOLO text file, filled; class number i is the i-th class asked for."""
    asked = classes if mask.label is None else (mask.label,)
    return dict(zip(asked, draw_yolo(mask.path, shape, len(asked)), strict=True))


def crackforest_mat(mask: Mask, _shape: tuple[int, int], _classes: tuple[str, ...]) -> Planes:
    """CrackForest's ``groundTruth`` struct: crack where ``Segmentation`` is 2."""
    try:
        regions = loadmat(mask.path)["groundTruth"]["Segmentation"][0, 0]
    except (MatReadError, ValueError, KeyError, IndexError, TypeError, NotImplementedError) as error:
        raise DataError(f"{mask.path} holds no groundTruth.Segmentation: {error!r}.") from error
    return {"": (np.asarray(regions) == CRACKFOREST_CRACK).astype(np.uint8)}


def no_crack(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...]) -> Planes:
    """A picture known to show none of the classes; it needs no label file."""
    return {name: np.zeros(shape, np.uint8) for name in (classes if mask.label is None else (mask.label,))}


def somewhere(mask: Mask, shape: tuple[int, int], classes: tuple[str, ...]) -> Planes:
    """A picture known to show the class, nobody drew where: not labelled, unless asked for as a whole."""
    value = 1 if mask.whole else NOT_LABELLED
    return {name: np.full(shape, value, np.uint8) for name in (classes if mask.label is None else (mask.label,))}


MASK_KINDS: dict[str, Callable[[Mask, tuple[int, int], tuple[str, ...]], Planes]] = {
    "png": bright_strokes,
    "jpeg": bright_strokes,
    "dark": dark_strokes,
    "coco_polygons": polygons_of_coco,
    "coco_boxes": boxes_of_coco,
    "yolo": polygons_of_yolo,
    "mat": crackforest_mat,
    "none": no_crack,
    "somewhere": somewhere,
}
"""Label format to its reader. ``"png"`` and ``"jpeg"`` stand for any mask picture with bright strokes."""
