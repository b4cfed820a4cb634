"""A classifier is trained, judged, exported and laid over a photograph like any other network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from conftest import draw_crack
from crackwise.backends import load_predictor
from crackwise.backends.export import export
from crackwise.data.folder import open_items
from crackwise.data.patches import Rule, cut_patches, write_patches
from crackwise.errors import RecipeError
from crackwise.imaging.tiles import predict_tiled
from crackwise.training.recipe import Recipe
from crackwise.training.run import train
from short_runs import short_recipe

SIDE_PX = 32


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """Patches of drawn walls, cut as `crackwise data patches` does."""
    for part, count, start in (("train", 8, 0), ("val", 4, 50)):
        for kind in ("images", "masks"):
            (tmp_path / "walls" / kind / part).mkdir(parents=True)
        for i in range(count):
            for kind, pixels in zip(("images", "masks"), draw_crack(128, start + i), strict=True):
                cv2.imwrite(str(tmp_path / "walls" / kind / part / f"{part}{i}.png"), pixels)
    cut = cut_patches(open_items(str(tmp_path / "walls")), Rule(SIDE_PX, 0.02), balance_seed=0)
    write_patches(tmp_path / "patches", cut.patches)
    return tmp_path / "patches"


def recipe_for(patches: Path, **changes: Any) -> Recipe:
    model = {"name": "resnet50", "options": {"size": "tiny", "input_px": SIDE_PX, "dropout": 0.1}}
    data = {"labels_of": "pictures", "augment": {"kind": "classification", "crop_px": SIDE_PX}, "batch_size": 16}
    return short_recipe(
        patches,
        model,
        data=data | changes.pop("data", {}),
        loss={"terms": [{"name": "ce", "smoothing": 0.1}]},
        **changes,
    )


def test_a_classifier_learns_from_patches_and_gives_a_coarse_map_of_a_photograph(patches: Path, tmp_path: Path) -> None:
    recipe = recipe_for(
        patches,
        data={"steps_per_epoch": 25, "augment": {"kind": "plain", "crop_px": SIDE_PX}},
        optim={"lr": 3e-3, "epochs": 3},
    )
    run = train(recipe, tmp_path / "run")
    export(run)
    predictor = load_predictor(run / "model.onnx", threads=1)
    assert predictor.card.model == "resnet50"
    assert predictor.card.tile_px == SIDE_PX
    assert predictor.card.scores["patches:val"]["f1"] > 0.85
    photo, mask = draw_crack(256, 77)
    (coarse,) = predict_tiled(predictor, photo)
    assert coarse.shape == mask.shape
    cells = coarse.reshape(16, 16, 16, 16).mean((1, 3))
    cracked = mask.reshape(16, 16, 16, 16).any((1, 3))
    assert cells[cracked].mean() > cells[~cracked].mean() + 0.15
    one = predictor(photo[:SIDE_PX, :SIDE_PX])
    assert np.ptp(one) < 1e-6


def test_before_it_is_trained_a_classifier_is_a_run_like_any_other(patches: Path, tmp_path: Path) -> None:
    run = train(recipe_for(patches, optim={"epochs": 0}), tmp_path / "run")
    assert load_predictor(run, threads=1).card.scores["patches:val"]["f1"] <= 1


def test_features_of_a_frozen_classifier_are_computed_once(patches: Path, tmp_path: Path) -> None:
    plain = {"augment": {"kind": "plain", "crop_px": SIDE_PX}, "views_per_picture": 1}
    model = {"name": "resnet50", "options": {"size": "tiny", "input_px": SIDE_PX}}
    recipe = Recipe.parse(
        recipe_for(patches, data=plain).model_dump(mode="json")
        | {"tuning": "head", "model": model, "trainer": {"accelerator": "cpu", "threads": 1, "cache": "f32"}},
        "test",
    )
    run = train(recipe, tmp_path / "run")
    assert len(list((run / "features").rglob("*"))) > 0
    assert load_predictor(run, threads=1).card.model == "resnet50"


@pytest.mark.parametrize(
    ("model", "labels_of", "due"), [("resnet50", "pixels", "pictures"), ("unet", "pictures", "pixels")]
)
def test_labels_must_be_of_what_the_network_answers_for(model: str, labels_of: str, due: str, patches: Path) -> None:
    with pytest.raises(RecipeError, match=f"{model} answers for {due}: set data.labels_of: {due}"):
        short_recipe(patches, {"name": model}, data={"labels_of": labels_of})
