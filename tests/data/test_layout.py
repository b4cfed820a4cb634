"""Any of the usual folder forms gives the same labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from crackwise.data.folder import open_items, open_pictures, read_sample
from crackwise.errors import DataError

SHAPE = (20, 30)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*SHAPE, 3), 120, np.uint8))
    return path


def label(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:8, 2:12] = 255
    if path.suffix == ".mat":
        savemat(path, {"groundTruth": {"Segmentation": mask // 255 + 1}})
    elif path.suffix == ".txt":
        path.write_text("0 0.07 0.25 0.37 0.25 0.37 0.35 0.07 0.35\n", encoding="utf-8")
    else:
        assert cv2.imwrite(str(path), mask)


def coco(path: Path, *names: str, boxes: bool = False) -> None:
    mark = {"category_id": 1, "bbox": [2, 5, 9, 2], "segmentation": [] if boxes else [[2, 5, 11, 5, 11, 7, 2, 7]]}
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [mark | {"image_id": i} for i in range(len(names))],
        "categories": [{"id": 1, "name": "crack"}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


FORMS = {
    "parts below": ("images/{part}/{stem}.jpg", "masks/{part}/{stem}.png"),
    "parts above": ("{part}/images/{stem}.jpg", "{part}/masks/{stem}.png"),
    "jpeg masks": ("{part}/images/{stem}.jpg", "{part}/masks/{stem}.jpg"),
    "yolo": ("images/{part}/{stem}.jpg", "labels/{part}/{stem}.txt"),
    "yolo export": ("{part}/images/{stem}.jpg", "{part}/labels/{stem}.txt"),
    "mat": ("image/{part}/{stem}.jpg", "groundTruth/{part}/{stem}.mat"),
}


@pytest.mark.parametrize("form", FORMS)
def test_pictures_and_labels_of_equal_names_are_pairs(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for part, stem in (("train", "a"), ("train", "b"), ("valid", "c")):
        picture(folder / FORMS[form][0].format(part=part, stem=stem))
        label(folder / FORMS[form][1].format(part=part, stem=stem))
    assert [item.name for item in open_items(str(folder))] == ["set/train/a", "set/train/b", "set/val/c"]
    assert len(open_items(f"{folder}:val")) == len(open_items(f"{folder}:valid")) == 1
    assert read_sample(open_items(f"{folder}:train")[0]).target.sum() == 30


@pytest.mark.parametrize("boxes", [False, True])
def test_a_coco_export_is_read_part_by_part(boxes: bool, tmp_path: Path) -> None:
    for part in ("train", "valid"):
        picture(tmp_path / "set" / part / "a.jpg")
        coco(tmp_path / "set" / part / "_annotations.coco.json", "a.jpg", boxes=boxes)
    items = open_items(str(tmp_path / "set"))
    assert [item.name for item in items] == ["set/train/a", "set/val/a"]
    assert read_sample(items[0]).target.sum() == 30


def test_one_coco_file_names_parts_by_its_pictures_folders(tmp_path: Path) -> None:
    names = ("images/train/a.jpg", "images/test/b.jpg")
    for name in names:
        picture(tmp_path / "set" / name)
    coco(tmp_path / "set" / "annotations.json", *names)
    for reference in (tmp_path / "set", tmp_path / "set" / "annotations.json"):
        assert [item.name for item in open_items(f"{reference}:test")] == ["set/test/b"]


def test_annotations_may_have_their_own_folder(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "images" / "a.jpg")
    coco(tmp_path / "set" / "annotations" / "all.json", "a.jpg")
    assert [item.name for item in open_items(str(tmp_path / "set"))] == ["set/a"]


def test_a_single_mat_file_finds_its_picture(tmp_path: Path) -> None:
    picture(tmp_path / "image" / "001.jpg")
    label(tmp_path / "groundTruth" / "001.mat")
    (item,) = open_items(str(tmp_path / "groundTruth" / "001.mat"))
    assert read_sample(item).target.sum() == 30


def test_a_split_file_in_the_folder_gives_the_parts(tmp_path: Path) -> None:
    for stem in "ab":
        picture(tmp_path / "set" / "images" / f"{stem}.jpg")
        label(tmp_path / "set" / "masks" / f"{stem}.png")
    (tmp_path / "set" / "mine.csv").write_text("image,group,split\nimages/b.jpg,set/b,test\nimages/x.jpg,set/x,train\n")
    assert [item.name for item in open_items(f"{tmp_path / 'set'}:mine/test")] == ["set/test/b"]
    with pytest.raises(DataError, match=r"'train' of .* is empty; parts: test"):
        open_items(f"{tmp_path / 'set'}:mine/train")


def test_equal_names_in_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder in ("Positive", "Negative"):
        picture(tmp_path / "ccic" / folder / "00001.jpg")
    names = [item.name for item in open_items("ccic", tmp_path)]
    assert names == ["ccic/Negative-00001", "ccic/Positive-00001"]


def test_an_audit_takes_pictures_without_labels(tmp_path: Path) -> None:
    for name in ("train/a.jpg", "train/masks/a.jpg", "test/b.png", "c.bmp"):
        picture(tmp_path / "set" / name)
    assert [item.name for item in open_pictures(str(tmp_path / "set"))] == ["set/c", "set/test/b", "set/train/a"]


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("nowhere", "No data set at 'nowhere'"),
        ("cfd", "pass --root DIR"),
        ("{folder}", "holds no labelled pictures"),
        ("{folder}/notes.md", r"neither a folder nor a COCO \.json"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(reference: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("no data")
    with pytest.raises(DataError, match=why):
        open_items(reference.format(folder=tmp_path))


def test_a_picture_without_a_label_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"a\.jpg has no label at .*masks/a"):
        open_items(str(tmp_path))


def test_a_coco_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", "a.jpg")
    with pytest.raises(DataError, match=r"a\.json lists a\.jpg"):
        open_items(str(tmp_path))


def test_an_index_without_its_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("file,label\n")
    with pytest.raises(DataError, match="must have the columns split,image,mask"):
        open_items(str(tmp_path))
