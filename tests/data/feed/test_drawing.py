"""What a training set's own settings do to the views drawn from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from crackwise.data.augment import AugmentConfig
from crackwise.data.feed import CrackDataModule, DataConfig, Views, view_seeds
from crackwise.data.folder import parse_reference
from crackwise.errors import DataError


def views(folder: Path, *others: dict[str, object], relief_p: float = 0.0, **settings: object) -> Views:
    """Views of the drawn set under these settings of the set, and of other sets."""
    train = [{"ref": f"{folder}:train", **settings}, *others]
    values = {"train": train, "val": [f"{folder}:val"], "augment": {"crop_px": 64}}
    config = DataConfig.model_validate(values | {"relief_p": relief_p})
    return Views(CrackDataModule(config).parts, config)


def test_a_set_has_its_own_zoom(drawn_set: Path) -> None:
    usual, own = views(drawn_set)[1, 7], views(drawn_set, scale=(3.0, 3.0))[1, 7]
    assert not usual.image.equal(own.image)
    assert usual.image.equal(views(drawn_set, scale=(0.5, 2.0))[1, 7].image)


def test_labels_are_taken_as_the_set_says(drawn_set: Path) -> None:
    drawn = views(drawn_set)[1, 1].target
    assert set(drawn.unique().tolist()) == {0, 1}
    assert not views(drawn_set, labels="no_crack")[1, 1].target.any()


def two_sets(drawn_set: Path, tmp_path: Path, *, named: bool, classes: tuple[str, ...]) -> DataConfig:
    """The drawn set as cracks, and a copy of it as joints."""
    shutil.copytree(drawn_set, tmp_path / "seams")
    for path in (tmp_path / "seams").rglob("*/images/*/*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
    sets = {drawn_set: "=crack", tmp_path / "seams": "=drywall joint"}
    train, val = ([f"{place}:{part}{label if named else ''}" for place, label in sets.items()] for part in PARTS)
    values = {"train": train, "val": val, "classes": classes, "augment": {"crop_px": 64}}
    return DataConfig.model_validate(values)


PARTS = ("train", "val")
BOTH = ("crack", "drywall joint")


def test_a_reference_says_what_its_set_shows(drawn_set: Path, tmp_path: Path) -> None:
    config = two_sets(drawn_set, tmp_path, named=True, classes=BOTH)
    pictures = Views(CrackDataModule(config).parts, config)
    crack, seam = pictures.labelled(1).target, pictures.labelled(9).target
    assert set(crack[0].unique().tolist()) == set(seam[1].unique().tolist()) == {0, 1}
    assert crack[1].unique().tolist() == seam[0].unique().tolist() == [255]


def test_sets_that_do_not_say_what_they_show_are_refused_before_training(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not say which .* SET:PART=crack"):
        CrackDataModule(two_sets(drawn_set, tmp_path, named=False, classes=BOTH))


def test_a_set_that_shows_nothing_of_what_is_learnt_is_refused(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"=drywall joint labels drywall joint, the recipe learns crack"):
        CrackDataModule(two_sets(drawn_set, tmp_path, named=True, classes=("crack",)))


def test_a_set_without_cracks_keeps_its_other_labels(drawn_set: Path) -> None:
    config = {"train": [{"ref": f"{drawn_set}:train=drywall joint", "labels": "no_crack"}], "classes": BOTH}
    config = DataConfig.model_validate(config | {"val": [f"{drawn_set}:val=crack"], "augment": {"crop_px": 64}})
    crack, seam = Views(CrackDataModule(config).parts, config).labelled(1).target
    assert not crack.any()
    assert set(seam.unique().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("reference", "pieces"),
    [
        ("walls", ("walls", None, None, None)),
        ("walls=crack", ("walls", None, None, "crack")),
        ("photos/seams:val=drywall joint", ("photos/seams", None, "val", "drywall joint")),
        ("khanhha:published/test=crack", ("khanhha", "published", "test", "crack")),
        ("runs/lr=1/walls:val", ("runs/lr=1/walls", None, "val", None)),
        ("lr=1:val", ("lr=1", None, "val", None)),
    ],
)
def test_a_reference_in_its_pieces(reference: str, pieces: tuple[str | None, ...]) -> None:
    assert parse_reference(reference) == pieces


def test_labels_are_moved_as_the_set_says(drawn_set: Path) -> None:
    usual, moved = views(drawn_set).labelled(1).target, views(drawn_set, move_labels_px=(-2, 3)).labelled(1).target
    assert moved[:, 3:, :-2].equal(usual[:, :-3, 2:])


def test_a_crack_free_set_lends_its_relief_and_one_with_a_crack_is_refused(drawn_set: Path, tmp_path: Path) -> None:
    (tmp_path / "clean" / "images").mkdir(parents=True)
    (tmp_path / "clean" / "masks").mkdir()
    rng = np.random.default_rng(3)
    cv2.imwrite(str(tmp_path / "clean" / "images" / "a.png"), rng.integers(0, 255, (80, 90, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "clean" / "masks" / "a.png"), np.zeros((80, 90), np.uint8))
    clean = {"ref": f"{tmp_path / 'clean'}", "crack_free": True}
    plain, laid = (views(drawn_set, clean, relief_p=p)[1, 3] for p in (0.0, 1.0))
    assert not laid.image.equal(plain.image)
    cracked = views(drawn_set, crack_free=True, relief_p=1.0)
    with pytest.raises(DataError, match="is called crack_free"):
        [cracked[1, seed] for seed in range(20)]


@pytest.mark.parametrize("settings", [{"relief_p": 0.5}, {"paste_p": 0.5}])
def test_a_mixture_without_a_set_to_take_from_is_refused(drawn_set: Path, settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="needs a training set with"):
        DataConfig.model_validate({"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"], **settings})


def test_a_fixed_number_of_views_comes_again_in_every_epoch(drawn_set: Path) -> None:
    values = {"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"], "batch_size": 4, "steps_per_epoch": 40}
    config = DataConfig.model_validate(values | {"views_per_picture": 3})
    data = CrackDataModule(config, seed=5)
    seen = []
    for epoch in range(2):
        data.epoch = lambda epoch=epoch: epoch  # type: ignore[method-assign]
        seen.append(list(data.train_dataloader().sampler))
    assert seen[0] != seen[1]
    seeds = view_seeds(8, 3, 5)
    every = {(index, seed) for index, row in enumerate(seeds.tolist()) for seed in row}
    assert len(every) == 8 * 3
    assert set(seen[0]) == set(seen[1]) == every
    assert not every & {(index, seed) for index, row in enumerate(view_seeds(8, 3, 6).tolist()) for seed in row}


def test_a_plain_view_is_the_whole_picture_whatever_its_seed(drawn_set: Path) -> None:
    values = {"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"]}
    for crop_px in (64, 32):
        config = DataConfig.model_validate(values | {"augment": {"kind": "plain", "crop_px": crop_px}})
        plain = Views(CrackDataModule(config).parts, config)
        first, second = plain[1, 7], plain[1, 8]
        assert first.image.equal(second.image)
        assert first.target.equal(second.target)
        assert first.image.shape == (3, crop_px, crop_px)
        if crop_px == 64:
            assert first.image.equal(plain.labelled(1).image)
            assert first.target.equal(plain.labelled(1).target)
    with pytest.raises(ValidationError, match="in its own way: flip_p, blur_p would do nothing"):
        AugmentConfig(kind="plain", flip_p=0.1, blur_p=0)
    train = {"ref": f"{drawn_set}:train", "scale": (1.0, 2.0)}
    with pytest.raises(ValidationError, match="scale of a training set would do nothing"):
        DataConfig.model_validate(values | {"train": [train], "augment": {"kind": "plain"}})
