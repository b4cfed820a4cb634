"""A planted copy is found in any disguise; different photographs are not taken for copies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.data.audit import Audit, audit
from crackwise.data.fingerprint import fingerprint, same_pictures
from crackwise.data.folder import open_items, open_pictures
from crackwise.errors import ImageError

Pixels = NDArray[Any]


def wall(seed: int) -> Pixels:
    """A wall with grain, stains and a crack, 160x120."""
    rng = np.random.default_rng(seed)
    stains = cv2.resize(rng.normal(0, 25, (12, 16)).astype(np.float32), (160, 120), interpolation=cv2.INTER_CUBIC)
    pixels = 150 + stains[..., None] + rng.normal(0, 4, (120, 160, 3))
    corners = np.column_stack([rng.integers(0, 160, 4), rng.integers(0, 120, 4)]).astype(np.int32)
    return cv2.polylines(np.clip(pixels, 0, 255).astype(np.uint8), [corners], False, (50, 50, 50), 3)


def jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    def recode(pixels: Pixels) -> Pixels:
        code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))

    return recode


DISGUISES: dict[str, Callable[[Pixels], Pixels]] = {
    "none": lambda pixels: pixels,
    "jpeg 75": jpeg(75),
    "jpeg 40": jpeg(40),
    "a quarter turn": lambda pixels: jpeg(75)(np.rot90(pixels).copy()),
    "half a turn": lambda pixels: np.rot90(pixels, 2).copy(),
    "three quarter turns": lambda pixels: np.rot90(pixels, 3).copy(),
    "mirrored": lambda pixels: jpeg(75)(pixels[:, ::-1].copy()),
    "upside down": lambda pixels: pixels[::-1].copy(),
    "transposed": lambda pixels: pixels.swapaxes(0, 1).copy(),
    "mirrored and turned": lambda pixels: np.rot90(pixels[:, ::-1]).copy(),
    "half the size": lambda pixels: cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "squeezed": lambda pixels: cv2.resize(pixels, (120, 120), interpolation=cv2.INTER_AREA),
    "brighter": lambda pixels: np.asarray(cv2.add(pixels, (30, 30, 30, 0))),
    "grey": lambda pixels: cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY),
    "blurred": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.0),
}


def save(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def pair(folder: Path, part: str, stem: str, pixels: Pixels) -> None:
    save(folder / "images" / part / f"{stem}.png", pixels)
    save(folder / "masks" / part / f"{stem}.png", np.zeros(pixels.shape[:2], np.uint8))


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    """Six training and three test pictures, all different."""
    for i in range(9):
        pair(tmp_path / "walls", "train" if i < 6 else "test", f"wall{i}", wall(i))
    return tmp_path / "walls"


def audit_of(*references: object) -> Audit:
    return audit({str(reference): open_items(str(reference)) for reference in references})


def test_a_clean_split_is_clean(walls: Path) -> None:
    found = audit_of(walls)
    assert found.findings == ()
    assert not found.crosses
    assert (found.pictures, found.photographs, found.sides) == (9, 9, {"test": 3, "train": 6})
    assert found.lines()[-1] == "Nothing crosses a split."


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_planted_copy_is_found_in_any_disguise(disguise: str, walls: Path) -> None:
    pair(walls, "test", "planted", DISGUISES[disguise](wall(2)))
    found = audit_of(walls)
    (finding,) = found.findings
    assert finding.names == ("walls/test/planted", "walls/train/wall2")
    assert finding.sides == ("test", "train")
    assert finding.kind == ("exact copy" if disguise == "none" else "near copy")
    assert found.crosses


def test_pixels_decide_what_is_exact_not_the_file_format(walls: Path) -> None:
    save(walls / "images" / "test" / "planted.bmp", wall(2))
    save(walls / "masks" / "test" / "planted.png", np.zeros((120, 160), np.uint8))
    (finding,) = audit_of(walls).findings
    assert finding.kind == "exact copy"


def test_a_copy_within_one_part_is_told_but_does_not_cross(walls: Path) -> None:
    pair(walls, "train", "twin", wall(2))
    found = audit_of(walls)
    assert [finding.kind for finding in found.findings] == ["exact copy"]
    assert not found.crosses


def test_copies_are_found_across_sets(walls: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        pair(tmp_path / "other", part, f"other_{part}", wall(40 if part == "train" else 2))
    assert audit_of(walls, tmp_path / "other").crosses
    assert not audit_of(f"{walls}:train", f"{tmp_path / 'other'}:train").crosses


def test_two_sets_without_parts_are_two_sides(tmp_path: Path) -> None:
    pair(tmp_path / "one", "", "a", wall(1))
    pair(tmp_path / "two", "", "b", wall(1))
    assert audit_of(tmp_path / "one", tmp_path / "two").crosses
    assert not audit_of(tmp_path / "one").crosses


def test_a_picture_named_twice_is_no_copy_of_itself(walls: Path) -> None:
    assert audit_of(walls, f"{walls}:test").findings == ()


def test_a_photograph_in_two_parts_is_found_by_its_group(tmp_path: Path) -> None:
    for part, stem in (("train", "11289-1"), ("test", "11289-2"), ("test", "11290")):
        pair(tmp_path / "deepcrack", part, stem, wall(len(stem) + ord(stem[-1])))
    found = audit({"deepcrack": open_items("deepcrack", tmp_path)})
    (finding,) = found.findings
    assert finding.kind == "photograph"
    assert finding.names == ("deepcrack/test/11289-2", "deepcrack/train/11289-1")
    assert found.lines()[-1] == "The split leaks."


def test_the_report_for_machines_says_what_crosses(walls: Path) -> None:
    pair(walls, "test", "planted", wall(2))
    report = json.loads(audit_of(walls).to_json())
    assert report["crosses"] is True
    assert report["crossing"] == {"photograph": 0, "exact copy": 1, "near copy": 0}
    assert report["findings"][0]["names"] == ["walls/test/planted", "walls/train/wall2"]


def test_flat_pictures_are_not_taken_for_copies(tmp_path: Path) -> None:
    for part, grey in (("train", 120), ("test", 160)):
        pair(tmp_path / "flat", part, part, np.full((64, 64, 3), grey, np.uint8))
    assert audit_of(tmp_path / "flat").findings == ()


def test_different_walls_with_one_joint_in_one_place_are_not_copies(tmp_path: Path) -> None:
    for i in range(12):
        pixels = wall(i)
        pixels[:, 70:76] = 60
        pair(tmp_path / "joints", "train" if i % 2 else "test", str(i), pixels)
    assert audit_of(tmp_path / "joints").findings == ()


def test_a_picture_that_cannot_be_read_is_named(walls: Path) -> None:
    (walls / "images" / "test" / "wall8.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="wall8"):
        audit_of(walls)


def test_many_pictures_are_compared_in_blocks(tmp_path: Path) -> None:
    prints = [fingerprint(save(tmp_path / f"{i}.png", wall(i))) for i in range(30)] * 20
    pairs = list(same_pictures(prints))
    assert len(pairs) == 30 * (20 * 19 // 2)
    assert all(pair.exact and pair.second % 30 == pair.first % 30 and pair.first < pair.second for pair in pairs)
    assert list(same_pictures([])) == []


@pytest.mark.real
def test_the_documented_leaks_of_deepcrack_are_found(shared_data: Path) -> None:
    found = audit({"deepcrack": open_items("deepcrack", shared_data)})
    crossing = {finding.kind: [] for finding in found.findings if finding.crosses}
    for finding in found.findings:
        crossing[finding.kind].append(finding.names)
    assert crossing["near copy"] == [("deepcrack/test/11216", "deepcrack/train/11158")]
    assert {names[0].split("/")[2].split("-")[0] for names in crossing["photograph"]} == {"11142", "11289", "IMG_6536"}


@pytest.mark.real
def test_the_documented_leaks_of_crack500_are_found(shared_data: Path) -> None:
    found = audit({"crack500": open_items("crack500", shared_data)})
    assert [finding.kind for finding in found.findings] == ["photograph"] * 2
    assert [finding.sides for finding in found.findings] == [("test", "val"), ("train", "val")]


@pytest.mark.real
def test_the_joint_split_of_the_walls_is_clean(shared_data: Path) -> None:
    names = ("conglomerate_walls", "rissbilder", "volker", "noncrack_walls")
    assert not audit({name: open_pictures(name, shared_data) for name in names}).crosses


def test_a_set_named_by_a_dot_keeps_its_parts_and_a_link_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 3), ("test", 2)):
        (tmp_path / "walls" / "images" / part).mkdir(parents=True)
        for i in range(count):
            picture = cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(tmp_path / "walls" / "images" / part / f"{part}{i}.png"), picture)
    monkeypatch.chdir(tmp_path / "walls")
    assert audit({".": open_pictures(".")}).sides == {"test": 2, "train": 3}
    (tmp_path / "walls" / "images" / "test" / "planted.png").symlink_to(
        tmp_path / "walls" / "images" / "train" / "train0.png"
    )
    found = audit({".": open_pictures(".")})
    assert [(f.kind, f.names) for f in found.findings] == [("exact copy", ("walls/test/planted", "walls/train/train0"))]


def test_folders_of_one_name_are_no_family(tmp_path: Path) -> None:
    for above in ("p1", "p2"):
        (tmp_path / above / "data" / "images").mkdir(parents=True)
        seed = ord(above[1])
        picture = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
        cv2.imwrite(str(tmp_path / above / "data" / "images" / "IMG_0.png"), cv2.resize(picture, (96, 96)))
    first, second = (open_pictures(str(tmp_path / above / "data")) for above in ("p1", "p2"))
    assert first[0].group != second[0].group
