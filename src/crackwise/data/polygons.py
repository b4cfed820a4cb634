"""Label files that list shapes, COCO and YOLO, drawn to planes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import DataError

__all__ = ["coco_file_names", "draw_coco", "draw_yolo"]

Plane = NDArray[np.uint8]


class Coco(NamedTuple):
    """A COCO file turned round: from picture to its marks."""

    categories: dict[int, str]
    """Number to name, of the categories that mark something anywhere in the file; all, where none does."""
    declared: frozenset[str]
    """The names of all categories, whether they mark something or not."""
    annotations: dict[str, list[dict[str, Any]]]
    """``file_name`` to its annotations; pictures without any are there too."""
    sizes: dict[str, tuple[int, int]]
    """``file_name`` to height and width, where the file says so."""


@lru_cache(maxsize=16)
def parse_coco(path: Path, _modified_ns: int) -> Coco:
    """A COCO file, parsed once per version of the file.

    Raises:
        DataError: not JSON, or not of COCO's shape.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {image["id"]: image["file_name"] for image in content["images"]}
        sizes = {
            image["file_name"]: (int(image["height"]), int(image["width"]))
            for image in content["images"]
            if image.get("height") and image.get("width")
        }
        annotations: dict[str, list[dict[str, Any]]] = {name: [] for name in names.values()}
        for annotation in content["annotations"]:
            annotations[names[annotation["image_id"]]].append(annotation)
        categories = {category["id"]: category["name"] for category in content["categories"]}
        used = {number: categories[number] for number in {mark["category_id"] for mark in content["annotations"]}}
    except (UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a COCO file of images, annotations and categories: {error!r}.") from error
    return Coco(used or categories, frozenset(categories.values()), annotations, sizes)


def read_coco(path: Path) -> Coco:
    """The COCO file as it is now."""
    return parse_coco(path, path.stat().st_mtime_ns)


def coco_file_names(path: Path) -> tuple[str, ...]:
    """The pictures that a COCO file lists, with and without marks.

    Raises:
        DataError: not a COCO file.
    """
    return tuple(read_coco(path).annotations)


def coco_shapes(path: Path) -> Literal["polygons", "boxes"]:
    """What the marks of a COCO file are: polygons if any mark has one, else boxes."""
    marks = (mark for marks in read_coco(path).annotations.values() for mark in marks)
    return "polygons" if any(mark.get("segmentation") for mark in marks) else "boxes"


def draw_coco(
    path: Path,
    key: str | None,
    shape: tuple[int, int],
    shapes: Literal["polygons", "boxes"],
    classes: tuple[str, ...] = (),
) -> dict[str, Plane]:
    """Category name to plane (h, w) of 0 and 1 for the picture with the ``file_name`` ``key``.

    The categories are those that mark something in the file, and those of the ``classes`` asked for that it declares.

    Raises:
        DataError: the picture is not in the file, or a mark cannot be drawn.
    """
    coco = read_coco(path)
    if key not in coco.annotations:
        raise DataError(f"{path} lists no picture {key!r}.")
    if coco.sizes.get(key, shape) != shape:
        h, w = coco.sizes[key]
        raise DataError(
            f"{path} was drawn on {key!r} at {w}x{h} px, the picture is {shape[1]}x{shape[0]}; "
            "put the picture it was drawn on there, upright and at its size."
        )
    names = [*coco.categories.values(), *(name for name in classes if name in coco.declared)]
    planes = {name: np.zeros(shape, np.uint8) for name in names}
    for mark in coco.annotations[key]:
        plane = planes[coco.categories[mark["category_id"]]]
        try:
            if shapes == "boxes":
                fill_box(plane, mark["bbox"])
            else:
                fill_polygons(plane, mark.get("segmentation") or [])
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: a mark of {key!r} is no list of {shapes}; export it as such.") from error
    return planes


def fill_polygons(plane: Plane, polygons: list[list[float]]) -> None:
    """Fill polygons of at least three corners: coordinates cut to integers, one call each, so that overlaps add up."""
    for numbers in polygons:
        if len(numbers) >= 6:
            cv2.fillPoly(plane, [np.asarray(numbers, np.float64).reshape(-1, 2).astype(np.int32)], 1)


def fill_box(plane: Plane, box: list[float]) -> None:
    """Fill a box x, y, w, h: integers cut, both corners inside, so (w + 1) x (h + 1) pixels."""
    x, y, width, height = (int(value) for value in box)
    cv2.rectangle(plane, (x, y), (x + width, y + height), 1, -1)


def draw_yolo(path: Path, shape: tuple[int, int], classes: int) -> list[Plane]:
    """One plane (h, w) of 0 and 1 per class number; an empty file says no crack.

    A line reads ``class x y x y ...``, coordinates as shares of width and height. With ``classes=1`` every mark counts.

    Raises:
        DataError: a line that is no polygon, or a class number too high.
    """
    height, width = shape
    planes = [np.zeros(shape, np.uint8) for _ in range(classes)]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            label, *numbers = (float(word) for word in line.split())
            corners = np.asarray(numbers).reshape(-1, 2) * (width, height)
            plane = planes[int(label) if classes > 1 else 0]
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number} is no polygon of one of {classes} classes.") from error
        if len(corners) < 3:
            raise DataError(f"{path}, line {number} has {len(corners)} corners; a polygon needs three.")
        cv2.fillPoly(plane, [corners.astype(np.int32)], 1)
    return planes
