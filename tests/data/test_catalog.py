"""Every row of the catalogue: a fake drawn from its layout loads, counts and groups."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from crackwise.data.catalog import DATASETS, DatasetRow, describe
from crackwise.data.folder import open_items, read_target
from crackwise.data.layout import ClassFolders, CocoFiles, Layout, Pairs
from crackwise.data.splits import named_split

SHAPE = (24, 32)
PUBLIC = {
    "khanhha", "crackseg9k", "crack500", "deepcrack", "cfd", "gaps384", "cracktree200", "ael", "road420", "facade390",
    "concrete3k", "asphalt3k", "sdnet2018", "ccic", "wall_cracks_rf", "drywall_joints",
}  # fmt: skip
STEMS = {"ael": ("Im_GT_ESAR_30a", "Im_GT_ESAR_31aor"), "deepcrack": ("111-1", "111-2")}
"""Names where a row's rules need their form; two pictures each."""


def crack() -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    mask[12, 4:28] = 255
    return mask


def save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def save_label(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "mat":
        savemat(path, {"groundTruth": {"Segmentation": crack() // 255 + 1}})
    else:
        save(path, 255 - crack() if kind == "dark" else crack())


def concrete(pattern: str, part: str, stem: str) -> str:
    """A path that a pattern finds."""
    path = pattern.format(part=part, stem=stem, folder="*")
    folder, _, name = path.rpartition("/")
    return f"{folder.replace('*', 'ESAR')}/{stem}{Path(name).suffix or '.jpg'}"


def draw_pairs(folder: Path, name: str, pairs: Pairs) -> int:
    stems = STEMS.get(name, ("7001", "7002"))
    for part, stem in product(pairs.parts, stems):
        image = folder / concrete(pairs.images, part, stem)
        save(image, np.full((*SHAPE, 3), 150, np.uint8))
        if pairs.labels:
            label = pairs.labels.format(part=part, stem=pairs.label_of(stem), folder=image.parent.name)
            save_label(folder / label, pairs.kind)
    return len(pairs.parts) * len(stems)


def draw_coco(folder: Path, coco: CocoFiles) -> int:
    for part in coco.parts:
        file = folder / coco.file.format(part=part)
        names = ("a_jpg.rf.1.jpg", "b_jpg.rf.2.jpg")
        for name in names:
            save(file.parent / name, np.full((*SHAPE, 3), 150, np.uint8))
        mark = {"image_id": 0, "category_id": 4, "bbox": [4, 12, 23, 0], "segmentation": [[4, 12, 27, 12, 27, 12]]}
        content = {
            "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
            "annotations": [mark, mark | {"image_id": 1}],
            "categories": [{"id": 0, "name": "all"}, {"id": 4, "name": "as the export calls it"}],
        }
        file.write_text(json.dumps(content), encoding="utf-8")
    return 2 * len(coco.parts)


def draw_classes(folder: Path, classes: ClassFolders) -> int:
    above = ["part"] * (classes.pictures.count("/") - 1)
    for i, own in enumerate(classes.shows):
        save(folder.joinpath(*above, own, f"{i}-1.jpg"), np.full((*SHAPE, 3), 150, np.uint8))
    return len(classes.shows)


def draw_index(folder: Path) -> int:
    rows = [("train", "one"), ("train", "two"), ("test", "three")]
    folder.mkdir(exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "image", "mask", "group"])
        for part, stem in rows:
            writer.writerow([part, f"{stem}.jpg", f"{stem}.png", "photo"])
            save(folder / "images" / part / f"{stem}.jpg", np.full((*SHAPE, 3), 150, np.uint8))
            save(folder / "masks" / part / f"{stem}.png", crack())
    return len(rows)


def draw_plain(folder: Path) -> int:
    for stem in ("one", "two"):
        save(folder / "images" / f"{stem}.jpg", np.full((*SHAPE, 3), 150, np.uint8))
        save(folder / "masks" / f"{stem}.png", crack())
    return 2


def draw_fake(folder: Path, name: str, row: DatasetRow) -> int:
    """A set as its publisher lays it out; the number of pictures."""
    if not row.layout:
        return draw_plain(folder)
    return sum(draw_layout(folder, name, layout) for layout in row.layout)


def draw_layout(folder: Path, name: str, layout: Layout) -> int:
    if isinstance(layout, ClassFolders):
        return draw_classes(folder, layout)
    return draw_coco(folder, layout) if isinstance(layout, CocoFiles) else draw_pairs(folder, name, layout)


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_loads_from_its_published_layout(name: str, tmp_path: Path) -> None:
    row = DATASETS[name]
    count = draw_fake(tmp_path / name, name, row)
    items = open_items(name, tmp_path)
    assert len(items) == len({item.name for item in items}) == count
    for item in items:
        planes = read_target(item, SHAPE, row.classes)
        expected = {"none": 0, "somewhere": 255 * SHAPE[0] * SHAPE[1]}.get(item.mask.kind, 24)
        assert planes.astype(int).sum() == expected


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_loads_from_an_index(name: str, tmp_path: Path) -> None:
    count = draw_index(tmp_path / name)
    assert len(open_items(name, tmp_path)) == count
    assert len(open_items(f"{name}:test", tmp_path)) == 1


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_of_another_class_is_not_labelled_for_cracks(name: str, tmp_path: Path) -> None:
    draw_index(tmp_path / name)
    planes = read_target(open_items(name, tmp_path)[0], SHAPE, ("crack", "rust"))
    assert (planes[1] == 255).all()
    assert (planes[0] == 255).all() == (DATASETS[name].classes != ("crack",))


@pytest.mark.parametrize("name", DATASETS)
def test_a_row_says_where_from_on_what_terms_and_how(name: str) -> None:
    row = DATASETS[name]
    assert row.address.startswith("https://")
    assert row.summary
    assert row.licence
    assert row.paper
    assert row.classes
    assert row.archive or row.by_hand
    assert row.splits is None or any(key.startswith(f"{name}/") for key in named_split(row.splits))


def test_all_public_sets_of_the_five_systems_are_there() -> None:
    assert set(DATASETS) >= PUBLIC


@pytest.mark.parametrize("name", DATASETS)
def test_the_documentation_tells_a_set_s_terms_and_page(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    row = DATASETS[name]
    (line,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` | {row.summary}"))
    for fact in (row.licence, row.paper, row.address, row.by_hand or f"crackwise data fetch {name}"):
        assert fact in line


def test_the_table_for_people_has_a_line_per_set() -> None:
    rows = describe()
    assert [row["name"] for row in rows] == list(DATASETS)
    assert {row["get"] for row in rows if row["name"] == "deepcrack"} == {"crackwise data fetch deepcrack"}


def test_published_and_grouped_parts_of_a_compiled_set(tmp_path: Path) -> None:
    published = named_split("published")
    names = [name.partition("/")[2] for name in published if name.startswith("khanhha/")][::1500]
    for name in names:
        save(tmp_path / "khanhha" / "images" / f"{name}.jpg.jpg", np.full((*SHAPE, 3), 150, np.uint8))
        save(tmp_path / "khanhha" / "masks" / f"{name}.jpg.jpg", crack())
    for split in ("published", "grouped"):
        for part in ("train", "test"):
            expected = {name for name in names if named_split(split)[f"khanhha/{name}"] == part}
            found = open_items(f"khanhha:{split}/{part}", tmp_path) if expected else ()
            assert {item.name.rpartition("/")[2] for item in found} == expected


def test_a_compilation_shares_its_photographs_with_the_sets_it_took_them_from(tmp_path: Path) -> None:
    for folder, stem in (("khanhha", "DeepCrack_11289-3"), ("deepcrack", "11289-1"), ("volker", "Volker_D_0_0_5_5")):
        save(tmp_path / folder / "images" / f"{stem}.jpg", np.full((*SHAPE, 3), 150, np.uint8))
        save(tmp_path / folder / "masks" / f"{stem}.png", crack())
    groups = [open_items(name, tmp_path)[0].group for name in ("khanhha", "deepcrack", "volker")]
    assert groups == ["deepcrack/11289", "deepcrack/11289", "walls/D"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "pictures", "photographs"),
    [("deepcrack", 537, 158), ("crack500", 638, 442), ("cfd", 118, 118), ("rissbilder", 488, 155), ("volker", 143, 74)],
)
def test_real_sets_have_the_documented_counts(name: str, pictures: int, photographs: int, shared_data: Path) -> None:
    items = open_items(name, shared_data)
    with (shared_data / name / "index.csv").open(newline="", encoding="utf-8") as file:
        indexed = {row["image"]: row["group"] for row in csv.DictReader(file)}
    assert len(items) == pictures
    assert len({item.group for item in items}) == photographs
    assert all(item.group.endswith(f"/{indexed[item.image.name]}") for item in items)
