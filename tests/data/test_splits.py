"""Splits: the published lists leak as counted, ours never do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackwise.data.folder import Item, open_items
from crackwise.data.masks import Mask
from crackwise.data.photograph import compiled_photo
from crackwise.data.splits import leaking, make_split, named_split, read_split, sample_pictures, write_split
from crackwise.errors import DataError


def of_set(name: str, split: str) -> dict[str, str]:
    parts = named_split(split)
    return {key.partition("/")[2]: part for key, part in parts.items() if key.startswith(f"{name}/")}


def leaks(parts: Mapping[str, str], photo_of: Callable[[str], str], part: str) -> int:
    trained = {photo_of(name) for name, own in parts.items() if own == "train"}
    return sum(photo_of(name) in trained for name, own in parts.items() if own == part)


def loose_telephone_crops(name: str) -> str:
    """The rule behind the first published counts: the 73 crops ``CRACK500_IMG_*`` each taken for a photograph."""
    return name if name.startswith("CRACK500_IMG_") else compiled_photo(name)


@pytest.mark.parametrize(
    ("name", "split", "sizes"),
    [
        ("khanhha", "published", (9121, 481, 1695)),
        ("crackseg9k", "published", (6951, 900, 900)),
        ("khanhha", "published_hrsegnet", (8087, 900, 900)),
        ("road420", "published", (0, 0, 420)),
        ("facade390", "published", (0, 0, 390)),
        ("concrete3k", "published", (0, 0, 3000)),
    ],
)
def test_published_lists_are_complete(name: str, split: str, sizes: tuple[int, int, int]) -> None:
    counts = Counter(of_set(name, split).values())
    assert (counts["train"], counts["val"], counts["test"]) == sizes


@pytest.mark.parametrize(
    ("name", "split", "test_leaks", "val_leaks"),
    [
        ("khanhha", "published", 1583, 445),
        ("crackseg9k", "published", 822, 817),
        ("khanhha", "published_hrsegnet", 845, 840),
    ],
)
def test_published_lists_leak_as_counted(name: str, split: str, test_leaks: int, val_leaks: int) -> None:
    parts = of_set(name, split)
    assert leaks(parts, loose_telephone_crops, "test") == test_leaks
    assert leaks(parts, loose_telephone_crops, "val") == val_leaks


def test_khanhha_has_1830_groups_or_1770_photographs_with_the_telephone_crops_joined() -> None:
    names = of_set("khanhha", "published")
    assert len({loose_telephone_crops(name) for name in names}) == 1830
    assert len({compiled_photo(name) for name in names}) == 1770
    assert leaks(names, compiled_photo, "test") == 1595


def test_the_leaks_of_khanhha_by_source() -> None:
    parts = of_set("khanhha", "published")
    trained = {loose_telephone_crops(name) for name, part in parts.items() if part == "train"}
    test = [name for name, part in parts.items() if part == "test"]
    found = Counter(re.split(r"[_\d]", name)[0] for name in test if loose_telephone_crops(name) in trained)
    assert found == {
        "Rissbilder": 573, "Volker": 148, "Eugen": 8, "noncrack": 212, "CRACK": 492,
        "DeepCrack": 68, "forest": 15, "CFD": 13, "GAPS": 54,
    }  # fmt: skip


@pytest.mark.parametrize(("split", "published"), [("grouped", "published"), ("grouped_hrsegnet", "published_hrsegnet")])
def test_grouped_splits_share_the_same_files_and_leak_nothing(split: str, published: str) -> None:
    assert named_split(split).keys() == named_split(published).keys()
    for name in {key.partition("/")[0] for key in named_split(split)}:
        ours, theirs = of_set(name, split), of_set(name, published)
        assert leaks(ours, compiled_photo, "test") == leaks(ours, compiled_photo, "val") == 0
        for part, count in Counter(theirs.values()).items():
            assert abs(Counter(ours.values())[part] - count) <= 0.01 * len(ours)


def test_the_joint_split_of_the_walls_keeps_photographs_whole() -> None:
    walls = named_split("walls")
    sides: dict[str, set[str]] = {}
    for name, part in walls.items():
        sides.setdefault(compiled_photo(name.partition("/")[2]), set()).add(part)
    assert all(len(parts) == 1 for parts in sides.values())
    test = Counter(name.partition("/")[0] for name, part in walls.items() if part == "test")
    assert test == {"conglomerate_walls": 27, "rissbilder": 79, "volker": 23, "noncrack_walls": 42}


def test_an_unknown_list_is_named() -> None:
    with pytest.raises(DataError, match=r"No packaged split list named 'mine'; there are .*grouped.*published.*walls"):
        named_split("mine")


@given(st.lists(st.integers(0, 30).map(str), min_size=1, max_size=200), st.integers(0, 5))
def test_no_photograph_is_ever_in_two_parts(groups: list[str], seed: int) -> None:
    try:
        parts = make_split(groups, seed=seed)
    except DataError:
        assert len(set(groups)) < 31
        return
    assert len(parts) == len(groups)
    assert len(set(zip(groups, parts, strict=True))) == len(set(groups))
    assert set(parts) == {"train", "val", "test"}


def test_fractions_are_kept_within_the_largest_photograph() -> None:
    groups = [str(i // 5) for i in range(1000)]
    counts = Counter(make_split(groups))
    assert abs(counts["train"] - 700) <= 5
    assert abs(counts["test"] - 150) <= 5


REPORT = {"train": 0.72, "val": 0.09, "test": 0.09, "robustness": 0.1}
"""A tenth for robustness, a fifth of the rest halved to validation and test."""


def test_every_part_gets_its_share_of_every_label_and_no_photograph_crosses() -> None:
    rng = np.random.default_rng(0)
    photo_of = rng.integers(0, 400, 20_000)
    cracked = rng.uniform(size=20_000) < np.where(photo_of % 5 == 0, 0.6, 0.03)  # few photographs show most cracks
    groups, labels = [f"photo{i}" for i in photo_of], [str(bool(c)) for c in cracked]
    parts = np.array(make_split(groups, REPORT, seed=42, labels=labels))
    assert len(set(zip(groups, parts.tolist(), strict=True))) == len(set(groups))
    for part, share in REPORT.items():
        assert (parts == part).mean() == pytest.approx(share, abs=0.01)
        assert cracked[parts == part].mean() == pytest.approx(cracked.mean(), abs=0.01)


def test_pictures_that_stand_alone_are_stratified_to_one() -> None:
    labels = ["crack"] * 2000 + ["none"] * 8000
    parts = make_split([str(i) for i in range(10_000)], REPORT, labels=labels)
    for part, share in REPORT.items():
        assert abs(parts[:2000].count(part) - 2000 * share) <= 1
        assert abs(parts[2000:].count(part) - 8000 * share) <= 1


def test_a_seed_is_a_split_for_ever() -> None:
    groups = [f"photo{i}" for i in range(12)]
    shares = {"train": 0.5, "test": 0.5}
    assert "".join(part[1] for part in make_split(groups, shares, seed=3)) == "eerrreeerrer"
    assert make_split(groups, shares, seed=3) != make_split(groups, shares, seed=4)


@pytest.mark.parametrize("fractions", [{"train": 0.5, "test": 0.4}, {"train": 1.2, "test": -0.2}, {}])
def test_fractions_must_add_up(fractions: dict[str, float]) -> None:
    with pytest.raises(DataError, match="add up to 1"):
        make_split(["a", "b"], fractions)


def test_one_photograph_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 photographs are too few"):
        make_split(["a"] * 10)


def items(folder: Path, count: int) -> list[Item]:
    rng = np.random.default_rng(1)
    made = []
    for i in range(count):
        path = folder / "images" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (48, 48, 3), dtype=np.uint8))
        made.append(Item(path, Mask("none", path), f"set/{i}", f"set/photo{i // 2}"))
    return made


def test_a_split_file_is_read_as_written(tmp_path: Path) -> None:
    pictures = items(tmp_path, 4)
    write_split(tmp_path / "mine.csv", pictures, ("train", "train", "test", "test"), tmp_path)
    assert (tmp_path / "mine.csv").read_text().splitlines()[:2] == [
        "image,group,split",
        "images/0.png,set/photo0,train",
    ]
    assert read_split(tmp_path / "mine.csv")["images/3.png"] == "test"
    plain = [item._replace(group=(tmp_path / "images" / item.name).as_posix()) for item in pictures]
    write_split(tmp_path / "plain.csv", plain, ("train", "train", "test", "test"), tmp_path)
    assert str(tmp_path) not in (tmp_path / "plain.csv").read_text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No split file"),
        ("image,split\na.png,train\n", "must have the columns"),
        ("image,group,split\na.png,p,train\nb.png,p,test\n", "puts photograph 'p' in train and test"),
    ],
)
def test_a_bad_split_file_is_refused(text: str | None, why: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=why):
        read_split(tmp_path / "s.csv")


def test_leaking_names_shared_photographs_and_turned_copies(tmp_path: Path) -> None:
    pictures = items(tmp_path, 8)
    turned = np.rot90(cv2.imread(str(pictures[0].image)))
    cv2.imwrite(str(tmp_path / "turned.png"), turned)
    copy = Item(tmp_path / "turned.png", Mask("none", tmp_path / "turned.png"), "other/copy", "other/copy")
    assert leaking(pictures[:7], pictures[7:]) == {"set/6"}
    assert leaking(pictures[:4], [copy]) == {"set/0"}
    assert leaking(pictures[:4], pictures[4:]) == frozenset()
    assert leaking([], pictures) == leaking(pictures, []) == frozenset()


@pytest.mark.real
def test_the_official_deepcrack_split_leaks_as_documented(shared_data: Path) -> None:
    leaks = leaking(open_items("deepcrack:train", shared_data), open_items("deepcrack:test", shared_data))
    assert "deepcrack/train/11158" in leaks
    assert {name.partition("train/")[2].partition("-")[0] for name in leaks} == {"11142", "11289", "IMG_6536", "11158"}


def test_a_sample_takes_one_picture_of_each_photograph_before_a_second() -> None:
    mask = Mask("png", Path("m.png"))
    items = [Item(Path(f"{i}.png"), mask, f"s/{i:02}", f"photo {i // 5}") for i in range(20)]
    four, six = sample_pictures(items, 4, 0), sample_pictures(items, 6, 0)
    assert {item.group for item in four} == {f"photo {i}" for i in range(4)}
    assert set(four) < set(six)
    assert [item.name for item in six] == sorted(item.name for item in six)
    assert sample_pictures(items, 4, 0) == four
    assert any(sample_pictures(items, 4, seed) != four for seed in (1, 2, 3))
    assert sample_pictures(items, None, 0) == sample_pictures(items, 50, 0) == tuple(items)
    with pytest.raises(DataError, match="ask for 1 or more"):
        sample_pictures(items, 0, 0)
