"""What a training set's own settings do to the views drawn from it."""

from __future__ import annotations

from pathlib import Path

from crackwise.data.module import CrackDataModule, DataConfig, Views


def views(folder: Path, **settings: object) -> Views:
    """Views of the drawn set under these settings of the set."""
    train = {"ref": f"{folder}:train", **settings}
    config = DataConfig.model_validate({"train": [train], "val": [f"{folder}:val"], "augment": {"crop_px": 64}})
    return Views(CrackDataModule(config).parts, config)


def test_a_set_has_its_own_zoom(drawn_set: Path) -> None:
    usual, own = views(drawn_set)[1, 7], views(drawn_set, scale=(3.0, 3.0))[1, 7]
    assert not usual.image.equal(own.image)
    assert usual.image.equal(views(drawn_set, scale=(0.5, 2.0))[1, 7].image)


def test_labels_are_taken_as_the_set_says(drawn_set: Path) -> None:
    drawn = views(drawn_set)[1, 1].target
    assert set(drawn.unique().tolist()) == {0, 1}
    assert not views(drawn_set, labels="no_crack")[1, 1].target.any()
    assert (views(drawn_set, labels="tolerant")[1, 1].target == 255).any()
