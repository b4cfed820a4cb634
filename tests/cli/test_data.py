"""``crackwise data``: fetch, split, audit, as a user meets them."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from crackwise.cli.data import register
from crackwise.errors import DataError


def run(*arguments: object) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    """Ten pictures in train and test, and a copy of one of them ready to plant."""
    rng = np.random.default_rng(0)
    for i in range(10):
        for kind in ("images", "masks"):
            folder = tmp_path / "walls" / kind / ("train" if i < 7 else "test")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(12, 0).repeat(12, 1)
            cv2.imwrite(str(folder / f"{i}.png"), pixels if kind == "images" else np.zeros((72, 96), np.uint8))
    return tmp_path / "walls"


def plant(walls: Path) -> None:
    turned = np.rot90(np.asarray(cv2.imread(str(walls / "images" / "train" / "0.png"))))
    cv2.imwrite(str(walls / "images" / "test" / "planted.jpg"), turned)
    cv2.imwrite(str(walls / "masks" / "test" / "planted.png"), np.zeros(turned.shape[:2], np.uint8))


def test_a_clean_split_passes_the_audit(walls: Path) -> None:
    result = run("audit", walls)
    assert result.exit_code == 0
    assert "10 pictures of 10 photographs in test (3), train (7)" in result.output
    assert "Nothing crosses a split." in result.output


def test_a_planted_copy_fails_the_audit(walls: Path) -> None:
    plant(walls)
    result = run("audit", f"{walls}:train", f"{walls}:test")
    assert result.exit_code == 1
    assert "near copies: 1 crossing" in result.output
    assert "test | train: walls/test/planted, walls/train/0" in result.output


def test_the_audit_speaks_json(walls: Path) -> None:
    plant(walls)
    result = run("audit", walls, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["crosses"] is True
    assert report["sides"] == {"test": 4, "train": 7}


def test_a_set_of_the_catalogue_is_audited_in_its_root(walls: Path) -> None:
    walls.rename(walls.parent / "cfd")
    assert run("audit", "cfd", "--root", walls.parent).exit_code == 0


def test_an_audit_of_nothing_says_so(tmp_path: Path) -> None:
    result = run("audit", "nowhere")
    assert isinstance(result.exception, DataError)
    result = run("audit", tmp_path)
    assert isinstance(result.exception, DataError)
    assert "holds no pictures" in str(result.exception)


def test_a_split_file_keeps_photographs_whole_and_is_its_seed_s(walls: Path, tmp_path: Path) -> None:
    out = walls / "mine.csv"
    result = run("split", walls, "--out", out, "--fractions", "0.6,0.2,0.2", "--seed", "1")
    assert result.exit_code == 0
    assert "train           6 pictures of 6 photographs" in result.output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"image": "images/test/7.png", "group": "walls/images/test/7", "split": rows[0]["split"]}
    run("split", walls, "--out", tmp_path / "again.csv", "--fractions", "0.6,0.2,0.2", "--seed", "1")
    run("split", walls, "--out", tmp_path / "other.csv", "--fractions", "0.6,0.2,0.2", "--seed", "2")
    assert (tmp_path / "again.csv").read_text() == out.read_text() != (tmp_path / "other.csv").read_text()
    assert run("audit", f"{walls}:mine/train", f"{walls}:mine/test").exit_code == 0


@pytest.mark.parametrize("fractions", ["1", "a,b", "nan,0.5,0.5", "0.5,0.6", "0.2,0.2,0.2,0.2,0.2"])
def test_bad_fractions_are_refused(fractions: str, walls: Path) -> None:
    result = run("split", walls, "--out", walls / "s.csv", "--fractions", fractions)
    assert isinstance(result.exception, DataError)
    assert not (walls / "s.csv").exists()


def test_a_stratified_split_says_how_many_show_a_crack(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for own, count in (("Positive", 10), ("Negative", 30)):
        (tmp_path / "ccic" / own).mkdir(parents=True)
        for i in range(count):
            cv2.imwrite(str(tmp_path / "ccic" / own / f"{i}.png"), rng.integers(0, 255, (20, 20, 3), dtype=np.uint8))
    out = tmp_path / "ccic" / "four.csv"
    shares = ["--fractions", "0.4,0.2,0.2,0.2", "--stratify", "--root", tmp_path]
    result = run("split", "ccic", "--out", out, *shares)
    assert result.exit_code == 0
    assert "train          16 pictures of 16 photographs, 4 with a crack" in result.output
    assert result.output.count(" 8 pictures of 8 photographs, 2 with a crack") == 3
    assert run("audit", "ccic:four/train", "ccic:four/robustness", "--root", tmp_path).exit_code == 0


def test_patches_are_cut_and_counted(walls: Path, tmp_path: Path) -> None:
    mask = walls / "masks" / "train" / "0.png"
    pixels = np.zeros((72, 96), np.uint8)
    pixels[:24, :24] = 255
    cv2.imwrite(str(mask), pixels)
    result = run("patches", walls, "--out", tmp_path / "cut", "--size", "24", "--balance")
    assert result.exit_code == 0
    assert "train  crack         1 patches\ntrain  no_crack      1 patches\n" in result.output
    assert "0 windows" in result.output
    assert "118 patches for balance" in result.output
    assert len(list((tmp_path / "cut").rglob("*.png"))) == 2


def test_fetch_takes_a_local_archive_of_the_right_hash(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("train_img/a.jpg", b"")
    seen = hashlib.sha256(archive.read_bytes()).hexdigest()
    result = run("fetch", "deepcrack", "--root", tmp_path / "data", "--from", archive, "--sha256", seen)
    assert result.exit_code == 0
    assert f"Archive SHA-256 {seen}" in result.output
    assert "Terms: none stated" in result.output


def test_fetch_says_how_to_get_what_is_behind_a_login(tmp_path: Path) -> None:
    result = run("fetch", "wall_cracks_rf", "--root", tmp_path)
    assert isinstance(result.exception, DataError)
    assert "a free account is needed" in str(result.exception)
    assert str(tmp_path / "wall_cracks_rf") in str(result.exception)


@pytest.mark.real
def test_the_audit_of_the_official_deepcrack_split_fails(shared_data: Path) -> None:
    result = run("audit", "deepcrack", "--root", shared_data)
    assert result.exit_code == 1
    assert "test | train: deepcrack/test/11216, deepcrack/train/11158" in result.output
    assert "photographs: 3 crossing" in result.output
