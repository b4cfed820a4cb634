"""Patches from outlined cracks: the rule of shares, the photograph kept, whole or not at all."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from crackwise.data.folder import open_items, shows_crack
from crackwise.data.patches import Rule, cut_patches, label_of, windows, write_patches
from crackwise.errors import CrackwiseError, DataError
from crackwise.imaging.image import read_image

SIZE = 32


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    """Three photographs of 64x96 px; crack pixels in each of the six squares: 0, 1, 5, 10, 51, 1024."""
    folder = tmp_path / "walls"
    rng = np.random.default_rng(0)
    rows = ["split,image,mask,group"]
    for i, part in enumerate(("train", "train", "test")):
        mask = np.zeros((64, 96), np.uint8)
        for k, count in enumerate((0, 1, 5, 10, 51, 1024)):
            top, left = divmod(k, 3)
            square = np.zeros(SIZE * SIZE, np.uint8)
            square[:count] = 255
            mask[top * SIZE : (top + 1) * SIZE, left * SIZE : (left + 1) * SIZE] = square.reshape(SIZE, SIZE)
        for kind, pixels in (("images", rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)), ("masks", mask)):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / kind / part / f"{i}.png"), pixels)
        rows.append(f"{part},{i}.png,{i}.png,photo{i}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder


def test_windows_cover_a_picture_from_edge_to_edge_with_as_few_as_do() -> None:
    for h, w in ((224, 224), (384, 544), (448, 448), (225, 1000)):
        covered = np.zeros((h, w), bool)
        places = windows((h, w), 224)
        for top, left in places:
            assert 0 <= top <= h - 224
            assert 0 <= left <= w - 224
            covered[top : top + 224, left : left + 224] = True
        assert covered.all()
        assert len(places) == len(set(places)) == -(-h // 224) * -(-w // 224)
    assert windows((223, 400), 224) == []


def test_a_patch_is_named_by_its_share_of_crack() -> None:
    window = np.zeros((10, 10), np.uint8)
    assert label_of(window, 0.05) == "no_crack"
    window.flat[:4] = 1
    assert label_of(window, 0.05) is None
    window.flat[4] = 1
    assert label_of(window, 0.05) == "crack"
    window[:] = 0
    window[9, 9] = 255
    assert label_of(window, 0.05) is None


def test_patches_of_a_set(walls: Path) -> None:
    cut = cut_patches(open_items(str(walls)), Rule(SIZE, 0.01))
    assert cut.counts() == [
        ("test", "crack", 2),
        ("test", "no_crack", 1),
        ("train", "crack", 4),
        ("train", "no_crack", 2),
    ]
    assert (cut.between, cut.too_small, cut.thinned) == (9, 0, 0)
    assert sorted({round(p.share * SIZE * SIZE) for p in cut.patches}) == [0, 51, 1024]


@pytest.mark.parametrize(("form", "exact"), [("png", True), ("jpeg", False)])
def test_a_folder_of_patches_is_a_set_that_keeps_the_photograph(
    form: str, exact: bool, walls: Path, tmp_path: Path
) -> None:
    source = {item.name: item for item in open_items(str(walls))}
    out = tmp_path / "patches"
    write_patches(out, cut_patches(list(source.values()), Rule(SIZE, 0.01)).patches, form=form)
    items = open_items(f"{out}:train")
    assert sorted(shows_crack(item) for item in items) == [False] * 2 + [True] * 4
    assert {item.group for item in items} == {i.group for name, i in source.items() if "/train/" in name}
    with (out / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert {row["group"] for row in rows} == {f"../walls/photo{i}" for i in range(3)}  # both folders may be moved
    for row in rows:
        top, left = int(row["top"]), int(row["left"])
        cutout = read_image(source[row["source"]].image)[top : top + SIZE, left : left + SIZE]
        written = read_image(out / row["split"] / row["label"] / row["image"])
        assert np.array_equal(cutout, written) == exact
        assert np.abs(cutout.astype(int) - written).mean() < 12
        assert float(row["share"]) >= 0.01 or row["label"] == "no_crack"


def test_balanced_parts_have_as_many_of_both_and_a_seed_draws_which(walls: Path) -> None:
    items = open_items(str(walls))
    cuts = [cut_patches(items, Rule(SIZE, 0.004), balance_seed=seed) for seed in range(6)]
    for cut in cuts:
        counts = {(part, label): count for part, label, count in cut.counts()}
        assert counts == {
            (part, label): n for part, n in (("train", 2), ("test", 1)) for label in ("crack", "no_crack")
        }
        assert cut.thinned == 3 * 5 - 6  # per photograph 4 with at least 5 of 1024 pixels and 1 without
    assert len({cut.patches for cut in cuts}) > 1
    assert cuts[3] == cut_patches(items, Rule(SIZE, 0.004), balance_seed=3)


def test_what_cannot_be_cut_is_one_error(walls: Path, tmp_path: Path) -> None:
    items = open_items(str(walls))
    with pytest.raises(DataError, match="min-share must be above 0"):
        cut_patches(items, Rule(SIZE, 0.0))
    large = cut_patches(items, Rule(128, 0.01))
    assert large.too_small == 3
    with pytest.raises(DataError, match="No window shows"):
        write_patches(tmp_path / "none", large.patches)
    patches = cut_patches(items, Rule(SIZE, 0.01)).patches
    with pytest.raises(DataError, match="No format 'gif'"):
        write_patches(tmp_path / "gif", patches, form="gif")
    write_patches(tmp_path / "once", patches)
    with pytest.raises(CrackwiseError, match="is there already"):
        write_patches(tmp_path / "once", patches)
    with pytest.raises(DataError, match="labelled as a whole"):
        cut_patches(open_items(str(tmp_path / "once")), Rule(8, 0.01))


def test_a_picture_that_goes_bad_leaves_no_folder(walls: Path, tmp_path: Path) -> None:
    patches = cut_patches(open_items(str(walls)), Rule(SIZE, 0.01)).patches
    (walls / "images" / "train" / "1.png").write_bytes(b"no picture")
    with pytest.raises(CrackwiseError):
        write_patches(tmp_path / "patches", patches)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walls"]
