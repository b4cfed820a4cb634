"""A folder that is a copy of another is found by its files, and training on both is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from crackwise.data.feed.config import DataConfig, data_items
from crackwise.data.folder import open_items
from crackwise.data.twins import find_twins
from crackwise.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """CCIC with eight noisy pictures, half of them cracked, and a validation set of two."""
    rng = np.random.default_rng(0)
    places = [f"ccic/{own}/{i}.png" for own in ("Positive", "Negative") for i in range(4)]
    for place in [*places, "val/crack/a.png", "val/no_crack/b.png"]:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
    return tmp_path


def plant(root: Path, count: int = 3) -> None:
    """Files of CCIC under other names in the place of SDNET2018."""
    (root / "sdnet2018" / "D" / "CD").mkdir(parents=True)
    for i in range(count):
        shutil.copy(root / "ccic" / "Positive" / f"{i}.png", root / "sdnet2018" / "D" / "CD" / f"7001-{i}.png")
    cv2.imwrite(str(root / "sdnet2018" / "D" / "CD" / "7002-1.png"), np.full((40, 40, 3), 99, np.uint8))


def config(root: Path, *train: str, val: str = "val", **more: object) -> DataConfig:
    values = {"train": train, "val": (str(root / val),), "root": str(root), "labels_of": "pictures"}
    return DataConfig.model_validate(values | more)


def test_training_on_a_twin_root_is_refused_with_count_and_example(root: Path) -> None:
    plant(root)
    with pytest.raises(DataError, match=r"^3 pictures of training lie in two sets byte for byte.*0\.png.*7001-0\.png"):
        data_items(config(root, "ccic", "sdnet2018"))
    assert len(data_items(config(root, "sdnet2018")).train[0].items) == 4
    allowed = data_items(config(root, "ccic", "sdnet2018", allow_leakage=True))
    assert sum(len(part.items) for part in allowed.train) == 12


def test_a_set_that_holds_itself_is_refused(root: Path) -> None:
    for path in sorted((root / "ccic" / "Positive").iterdir()):
        shutil.copy(path, path.with_name(f"copy_of_{path.name}"))
    with pytest.raises(DataError, match=r"pictures of ccic are copies of others there.*copy_of_0\.png"):
        data_items(config(root, "ccic"))
    assert data_items(config(root, "ccic", allow_leakage=True)).train


def test_without_a_twin_two_roots_are_taken(root: Path) -> None:
    plant(root, count=0)
    assert len(data_items(config(root, "ccic", "sdnet2018")).train) == 2


@pytest.mark.parametrize("leakage", ["refuse", "drop"])
def test_a_copy_in_validation_is_a_leak(root: Path, leakage: str) -> None:
    shutil.copy(root / "ccic" / "Positive" / "2.png", root / "val" / "crack" / "other_name.png")
    if leakage == "refuse":
        with pytest.raises(DataError, match=r"1 pictures of training or validation share.*'ccic/2'|ccic/Positive-2"):
            data_items(config(root, "ccic"))
    else:
        kept = data_items(config(root, "ccic", leakage="drop")).train[0].items
        assert len(kept) == 7


def test_a_link_is_a_copy_and_the_same_place_is_none(root: Path) -> None:
    items = open_items("ccic", root)
    assert find_twins([items, items]) == []
    assert find_twins([items, items[:3]]) == []
    (root / "sdnet2018" / "W" / "UW").mkdir(parents=True)
    link = root / "sdnet2018" / "W" / "UW" / "1-1.png"
    link.symlink_to(root / "ccic" / "Negative" / "1.png")
    assert find_twins([items, open_items("sdnet2018", root)]) == [(root / "ccic" / "Negative" / "1.png", link)]


def test_only_files_of_equal_size_are_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(root, count=1)
    read: list[str] = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: (read.append(self.name), real(self, *a, **k))[1])
    assert len(find_twins([open_items("ccic", root), open_items("sdnet2018", root)])) == 1
    assert "7002-1.png" not in read
    assert "7001-0.png" in read


def test_labels_of_pictures_do_not_go_with_what_changes_pixels(root: Path) -> None:
    for more, named in (
        ({"augment": {"kind": "cracksam"}}, "augment.kind=cracksam"),
        ({"augment": {"cracks_p": 0.5}}, "augment.cracks_p"),
        ({"train": [{"ref": "ccic", "labels": "narrowed"}]}, "labels: narrowed"),
        ({"train": [{"ref": "ccic", "move_labels_px": [1, 1]}]}, "move_labels_px"),
        ({"train": [{"ref": "ccic", "donates": True}], "paste_p": 0.5}, "paste_p"),
    ):
        with pytest.raises(ValueError, match=f"does not go with {named}: they change labels of pixels"):
            config(root, "ccic", **more)
