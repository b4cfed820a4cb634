"""What a training set's own settings do to the views drawn from it."""

from __future__ import annotations

from pathlib import Path

from crackwise.data.feed import CrackDataModule, DataConfig, Views


def views(folder: Path, *, relief_p: float = 0.0, **settings: object) -> Views:
    """Views of the drawn set under these settings of the set."""
    values = {"train": [{"ref": f"{folder}:train", **settings}], "val": [f"{folder}:val"], "augment": {"crop_px": 64}}
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


def test_labels_are_moved_as_the_set_says(drawn_set: Path) -> None:
    usual, moved = views(drawn_set).labelled(1).target, views(drawn_set, move_labels_px=(-2, 3)).labelled(1).target
    assert moved[:, 3:, :-2].equal(usual[:, :-3, 2:])


def test_a_crack_free_set_lends_its_relief(drawn_set: Path) -> None:
    plain = views(drawn_set, crack_free=True)[1, 3].image
    assert not views(drawn_set, crack_free=True, relief_p=1.0)[1, 3].image.equal(plain)
    assert views(drawn_set, relief_p=1.0).walls == []
