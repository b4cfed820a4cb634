"""Every label format gives the same planes for the same drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from crackwise.data.masks import MASK_KINDS, Mask, read_mask
from crackwise.errors import DataError

SHAPE = (40, 60)
BOX = (slice(10, 21), slice(5, 31))
"""Rows 10-20, columns 5-30, both ends inside."""


@pytest.fixture
def truth() -> NDArray[np.uint8]:
    plane = np.zeros(SHAPE, np.uint8)
    plane[BOX] = 1
    return plane


def save(path: Path, pixels: NDArray[Any]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def coco(path: Path, annotations: list[dict[str, Any]], categories: tuple[str, ...] = ("crack",)) -> Path:
    content = {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "empty.jpg"}],
        "annotations": [{"image_id": 7, "category_id": 1} | annotation for annotation in annotations],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, 1)],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


POLYGON = [5, 10, 30, 10, 30, 20, 5, 20]


def draw(kind: str, folder: Path, truth: NDArray[np.uint8]) -> Mask:
    """A label file of a kind that shows the truth."""
    if kind == "png":
        return Mask(kind, save(folder / "m.png", truth * 255))
    if kind == "jpeg":
        return Mask(kind, save(folder / "m.jpg", truth * 255))
    if kind == "dark":
        return Mask(kind, save(folder / "m.png", 255 - truth * 255))
    if kind == "coco_polygons":
        return Mask(kind, coco(folder / "c.json", [{"segmentation": [POLYGON]}]), "a.jpg")
    if kind == "coco_boxes":
        return Mask(kind, coco(folder / "c.json", [{"bbox": [5.9, 10.2, 25.7, 10.9]}]), "a.jpg")
    if kind == "yolo":
        words = " ".join(f"{x / 60} {y / 40}" for x, y in zip(POLYGON[::2], POLYGON[1::2], strict=True))
        (folder / "m.txt").write_text(f"0 {words}\n", encoding="utf-8")
        return Mask(kind, folder / "m.txt")
    assert kind == "mat"
    regions = truth + 1
    regions[0, :5] = 3
    savemat(folder / "m.mat", {"groundTruth": {"Segmentation": regions, "Boundaries": truth}})
    return Mask(kind, folder / "m.mat")


@pytest.mark.parametrize("kind", [kind for kind in MASK_KINDS if kind not in ("none", "somewhere")])
def test_every_format_shows_the_same_drawing(kind: str, tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    planes = read_mask(draw(kind, tmp_path, truth), SHAPE)
    assert planes.dtype == np.uint8
    assert planes.shape == (1, *SHAPE)
    np.testing.assert_array_equal(planes[0], truth)


def test_a_picture_known_to_be_clean_needs_no_label_file(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", np.zeros(SHAPE, np.uint8))
    assert (read_mask(Mask("none", image), SHAPE, ("crack", "spalling")) == 0).all()


def test_a_picture_that_is_only_known_to_be_cracked_is_not_labelled(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", np.zeros(SHAPE, np.uint8))
    assert (read_mask(Mask("somewhere", image), SHAPE) == 255).all()


@pytest.mark.parametrize(
    ("pixels", "share"),
    [
        (np.tile(np.arange(60, dtype=np.uint8) + 68, (40, 1)), 0.0),
        (np.tile(np.arange(60, dtype=np.uint8) + 98, (40, 1)), 0.5),
        (np.full(SHAPE, 128, np.uint8), 1.0),
        (np.full(SHAPE, 1, np.uint8), 1.0),
        (np.full(SHAPE, 0, np.uint8), 0.0),
        (np.full(SHAPE, 65535, np.uint16), 1.0),
        (np.full(SHAPE, 255, np.uint16), 1.0),
        (np.full(SHAPE, 1, np.uint16), 1.0),
        (np.full((*SHAPE, 3), (0, 0, 255), np.uint8), 1.0),
        (np.full((*SHAPE, 4), (0, 0, 0, 255), np.uint8), 0.0),
    ],
)
def test_bright_is_above_half_whatever_the_depth_or_colour(pixels: NDArray[Any], share: float, tmp_path: Path) -> None:
    assert read_mask(Mask("png", save(tmp_path / "m.png", pixels)), SHAPE).mean() == share


def test_strokes_in_the_transparency_count(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    drawn = np.zeros((*SHAPE, 4), np.uint8)
    drawn[:, :, 3] = truth * 255
    np.testing.assert_array_equal(read_mask(Mask("png", save(tmp_path / "m.png", drawn)), SHAPE)[0], truth)


@pytest.mark.parametrize("value", [2, 100, 127])
def test_strokes_that_nobody_can_read_are_refused(value: int, tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    with pytest.raises(DataError, match=f"holds 0 and {value}"):
        read_mask(Mask("png", save(tmp_path / "m.png", truth * value)), SHAPE)


def test_a_coco_class_that_is_declared_and_not_marked_is_absent(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON], "category_id": 2}])
    content = json.loads(file.read_text())
    content["categories"] = [{"id": 1, "name": "crack"}, {"id": 2, "name": "spalling"}]
    file.write_text(json.dumps(content))
    assert not read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE).any()


def test_a_coco_file_drawn_on_another_size_is_refused(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON]}])
    content = json.loads(file.read_text())
    content["images"][0] |= {"width": 40, "height": 60}
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="at 40x60 px, the picture is 60x40"):
        read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE)


def test_overlapping_polygons_add_up(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON, POLYGON]}, {"segmentation": [[0, 0, 1, 1]]}])
    assert read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE).sum() == 11 * 26


def test_a_coco_picture_without_marks_is_empty(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON]}])
    assert not read_mask(Mask("coco_polygons", file, "empty.jpg"), SHAPE).any()


def test_coco_categories_are_classes_and_what_is_absent_is_unknown(tmp_path: Path) -> None:
    marks = [{"segmentation": [POLYGON]}, {"segmentation": [POLYGON], "category_id": 2}]
    file = coco(tmp_path / "c.json", marks, ("crack", "spalling"))
    planes = read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE, ("spalling", "rust"))
    assert planes[0].sum() == 11 * 26
    assert (planes[1] == 255).all()


def test_a_label_says_what_all_marks_mean(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON]}], ("NewCracks v2",))
    planes = read_mask(Mask("coco_polygons", file, "a.jpg", label="crack"), SHAPE, ("joint", "crack"))
    assert (planes[0] == 255).all()
    assert planes[1].sum() == 11 * 26


def test_a_coco_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = coco(tmp_path / "c.json", [{"segmentation": [POLYGON]}])
    assert read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE).any()
    other = coco(tmp_path / "d.json", [])
    other.replace(file)
    assert not read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE).any()


def test_an_empty_yolo_file_says_no_crack(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("\n", encoding="utf-8")
    assert not read_mask(Mask("yolo", tmp_path / "m.txt"), SHAPE, ("crack", "rust")).any()


def test_a_mask_of_another_size_is_refused(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    with pytest.raises(DataError, match="60x40 px, its picture 61x40"):
        read_mask(draw("png", tmp_path, truth), (40, 61))


def test_a_mask_that_names_no_class_serves_one_class_only(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    with pytest.raises(DataError, match="does not say which of crack, rust"):
        read_mask(draw("png", tmp_path, truth), SHAPE, ("crack", "rust"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("missing.png", None, "png"),
        ("torn.png", b"\x89PNG\r\n\x1a\n0000", "png"),
        ("torn.jpg", b"\xff\xd8\xff\xe0 no jpeg", "jpeg"),
        ("text.png", b"not a picture", "png"),
        ("torn.json", b"{", "coco_polygons"),
        ("other.json", b'{"images": []}', "coco_boxes"),
        ("m.txt", b"0 0.1 0.2 0.3", "yolo"),
        ("m.txt", b"0 0.1 0.2 0.3 0.4", "yolo"),
        ("m.txt", b"crack 1 2", "yolo"),
        ("m.mat", b"MATLAB 5.0", "mat"),
        ("m.png", b"", "scribble"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_named(name: str, content: bytes | None, kind: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        read_mask(Mask(kind, tmp_path / name, "a.jpg"), SHAPE)


@pytest.mark.parametrize("mark", [{"segmentation": {"counts": [1], "size": [4, 4]}}, {"segmentation": [["a"] * 6]}])
def test_coco_marks_that_are_no_polygons_are_refused(mark: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no list of polygons"):
        read_mask(Mask("coco_polygons", coco(tmp_path / "c.json", [mark]), "a.jpg"), SHAPE)


def test_a_coco_file_that_lists_other_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lists no picture 'b\.jpg'"):
        read_mask(Mask("coco_boxes", coco(tmp_path / "c.json", []), "b.jpg"), SHAPE)


def test_unasked_classes_are_refused(tmp_path: Path) -> None:
    marks = [{"segmentation": [POLYGON]}, {"segmentation": [POLYGON], "category_id": 2}]
    file = coco(tmp_path / "c.json", marks, ("rust", "spalling"))
    with pytest.raises(DataError, match="labels rust, spalling, but crack was asked for"):
        read_mask(Mask("coco_polygons", file, "a.jpg"), SHAPE)


@pytest.mark.real
def test_real_boxes_cover_the_masks_drawn_from_them(shared_data: Path) -> None:
    folder = shared_data / "drywall_joints"
    mask = cv2.imread(str(folder / "masks" / "val" / "2000x1500_0_resized_v01.png"), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    file = Mask("coco_boxes", folder / "annotations.coco.json", "images/val/2000x1500_0_resized_v01.jpg")
    planes = read_mask(file, (640, 640))
    assert planes.sum() == 38 * 640
    assert planes[0][mask > 0].all()
