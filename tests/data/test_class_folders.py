"""What a picture shows by the name of its own folder, and labels of whole pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from crackwise.data.catalog import DATASETS
from crackwise.data.folder import as_whole, open_items, read_target, shows_crack
from crackwise.data.layout import ClassFolders
from crackwise.errors import DataError

SHAPE = (6, 8)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*SHAPE, 3), 120, np.uint8))


def shown(reference: str, root: Path | None = None) -> dict[str, bool]:
    return {item.image.parent.name: shows_crack(item) for item in open_items(reference, root)}


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("sdnet2018", {"D/CD": True, "D/UD": False, "P/CP": True, "P/UP": False, "W/CW": True, "W/UW": False}),
        ("sdnet2018", {"Walls/Cracked": True, "Walls/Non-cracked": False, "Decks/Cracked": True}),
        ("ccic", {"Positive": True, "Negative": False}),
    ],
)
def test_a_published_set_is_read_by_its_table(name: str, folders: dict[str, bool], tmp_path: Path) -> None:
    root = tmp_path / "cracks" / "Positive"  # decides nothing
    for folder in folders:
        picture(root / name / folder / "7001-1.jpg")
    found = {i.image.parent.relative_to(root / name).as_posix(): shows_crack(i) for i in open_items(name, root)}
    assert found == folders


def test_every_table_of_the_catalogue_has_both_answers() -> None:
    tables = [layout.shows for row in DATASETS.values() for layout in row.layout if isinstance(layout, ClassFolders)]
    assert len(tables) == sum(row.stroke == "picture" for row in DATASETS.values())
    assert all(set(table.values()) == {True, False} for table in tables)


@pytest.mark.parametrize("own", ["cracked", "Uncracked", "no crack", "Positive"])
def test_a_folder_that_the_table_does_not_know_is_one_error(own: str, tmp_path: Path) -> None:
    picture(tmp_path / "sdnet2018" / "D" / "CD" / "1.jpg")
    picture(tmp_path / "sdnet2018" / "D" / own / "2.jpg")
    with pytest.raises(DataError, match=rf"folder '{own}'.*known names are CD, CP, CW, UD, UP, UW, Cracked, Non-cr"):
        open_items("sdnet2018", tmp_path)


def test_own_folders_of_classes_have_parts(tmp_path: Path) -> None:
    folder = tmp_path / "crack" / "mine"
    for part in ("train", "valid"):
        for own in ("crack", "no_crack"):
            picture(folder / part / own / "a.png")
    assert shown(f"{folder}:train") == shown(f"{folder}:val") == {"crack": True, "no_crack": False}
    assert len({item.name for item in open_items(str(folder))}) == 4
    picture(folder / "train" / "maybe" / "a.png")
    with pytest.raises(DataError, match=r"folder 'maybe'.*known names are crack, no_crack"):
        open_items(str(folder))


def test_own_folders_without_parts(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "crack" / "a.png")
    picture(tmp_path / "set" / "no_crack" / "b.png")
    assert shown(str(tmp_path / "set")) == {"crack": True, "no_crack": False}


def test_an_index_of_classes_keeps_the_photograph(tmp_path: Path) -> None:
    for own in ("crack", "no_crack"):
        picture(tmp_path / "set" / "train" / own / f"{own}.png")
    rows = ["split,image,label,group", "train,crack.png,crack,walls/D1", "train,no_crack.png,no_crack,D2"]
    (tmp_path / "set" / "index.csv").write_text("\n".join(rows))
    items = open_items(f"{tmp_path / 'set'}:train")
    assert [shows_crack(item) for item in items] == [True, False]
    assert items[0].group == "walls/D1"
    assert items[1].group == f"{(tmp_path / 'set').as_posix()}/D2"
    (tmp_path / "set" / "index.csv").write_text("split,image,label\ntrain,crack.png,yes")
    with pytest.raises(DataError, match=r"folder 'yes'.*known names are crack, no_crack"):
        open_items(str(tmp_path / "set"))


def test_a_label_counts_for_every_pixel_where_it_is_asked_for_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    strokes = {"crack": 1, "clean": 0}
    for name, marks in strokes.items():
        picture(folder / "images" / f"{name}.png")
        mask = np.zeros(SHAPE, np.uint8)
        mask[2, 3 : 3 + marks] = 255
        (folder / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    for item in open_items(str(folder)):
        marks = strokes[item.image.stem]
        assert read_target(item, SHAPE).sum() == marks
        assert (read_target(as_whole(item), SHAPE) == marks).all()
        assert shows_crack(item) == bool(marks)


def test_a_folder_s_label_is_one_of_pixels_only_where_there_is_no_crack(tmp_path: Path) -> None:
    picture(tmp_path / "ccic" / "Positive" / "1.jpg")
    picture(tmp_path / "ccic" / "Negative" / "2.jpg")
    none, cracked = sorted(open_items("ccic", tmp_path), key=lambda item: item.image.parent.name)
    assert (read_target(none, SHAPE) == 0).all()
    assert (read_target(cracked, SHAPE) == 255).all()
    assert (read_target(as_whole(none), SHAPE) == 0).all()
    assert (read_target(as_whole(cracked), SHAPE) == 1).all()
    other = read_target(as_whole(cracked), SHAPE, ("spalling", "crack"))
    assert (other[0] == 255).all()
    assert (other[1] == 1).all()
