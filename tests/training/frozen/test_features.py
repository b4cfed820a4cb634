"""A run from kept features is the run from pictures, only faster."""

from __future__ import annotations

import csv
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from lightning import seed_everything
from safetensors.torch import load_file

from crackwise.data.feed import CrackDataModule, Views, view_hashes
from crackwise.errors import DataError, ModelError, RecipeError
from crackwise.training.frozen.features import Features, plan_features
from crackwise.training.frozen.kept import HEADER_BYTES, ViewStore, narrowed
from crackwise.training.load import load_run, network_of
from crackwise.training.recipe import Recipe
from crackwise.training.run import train
from crackwise.training.task import SegmentationTask
from short_runs import killed_at, short_recipe

CRACKSAM = {"name": "cracksam", "options": {"size": "tiny", "input_px": 64}}
SAM2 = {"name": "sam2", "options": {"size": "nano", "input_px": 64}}
UNET = {"name": "unet", "options": {"encoder": "resnet18"}}


def recipe_for(folder: Path, *, data: dict[str, object] | None = None, **changes: Any) -> Recipe:
    """The head of the smallest SAM, three steps an epoch on two views of every drawn picture."""
    few = {"batch_size": 3, "steps_per_epoch": 3, "views_per_picture": 2} | (data or {})
    usual = {"model": CRACKSAM, "tuning": "head", "optim": {"epochs": 2}, "trainer": {"cache": "f32"}}
    return short_recipe(folder, data=few, **usual | changes)


def table(run: Path) -> list[dict[str, float]]:
    """Losses and scores of every epoch."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(row[name]) for name in row if name != "core_s"} for row in csv.DictReader(file)]


def planned(recipe: Recipe, out: Path) -> Features:
    """What a run would keep."""
    seed_everything(recipe.seed, verbose=False)
    data = CrackDataModule(recipe.data, seed=recipe.seed)
    return plan_features(recipe, out, network_of(recipe), data, device=torch.device("cpu"))


def files(folder: Path) -> dict[Path, int]:
    """Every kept view, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}


@pytest.mark.parametrize(
    ("model", "tuning"),
    [(CRACKSAM, "head"), (CRACKSAM, "last_blocks:1+head"), (SAM2, "last_blocks:2+head"), (UNET, "head")],
)
def test_a_run_from_features_has_the_losses_scores_and_weights_of_one_from_pictures(
    drawn_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: dict[str, object], tuning: str
) -> None:
    losses: dict[str, list[float]] = {"pictures": [], "features": []}
    real = SegmentationTask.training_step
    runs = {}
    for way, steps in losses.items():
        recipe = recipe_for(drawn_set, model=model, tuning=tuning)
        if way == "pictures":
            recipe = recipe.model_copy(update={"trainer": recipe.trainer.model_copy(update={"cache": None})})

        def noted(self: SegmentationTask, batch: object, index: int, steps: list[float] = steps) -> torch.Tensor:
            loss = real(self, batch, index)  # type: ignore[arg-type]
            steps.append(loss.item())
            return loss

        monkeypatch.setattr(SegmentationTask, "training_step", noted)
        runs[way] = train(recipe, tmp_path / way)
    assert len(losses["pictures"]) == 6
    assert losses["features"] == pytest.approx(losses["pictures"], rel=1e-5)
    for one, other in zip(*map(table, runs.values()), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    first, second = (load_file(run / "weights.safetensors") for run in runs.values())
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    assert not load_run(runs["features"])[0].training  # its base is the one that the recipe builds
    assert len(files(runs["features"] / "features")) == 16


HOOKS = {
    "while features are computed": (ViewStore, "write", 8),
    "in an epoch": (SegmentationTask, "training_step", 5),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("moment", HOOKS)
def test_a_killed_run_resumes_to_the_same_weights_as_an_unbroken_one(
    drawn_set: Path, tmp_path: Path, moment: str, workers: int
) -> None:
    recipe = recipe_for(drawn_set, data={"workers": workers})
    unbroken = train(recipe, tmp_path / "unbroken")
    owner, hook, at = HOOKS[moment]
    with killed_at(owner, hook, at):
        train(recipe, tmp_path / "killed")
    before = files(tmp_path / "killed" / "features")
    assert len(before) == (7 if owner is ViewStore else 16)
    resumed = train(recipe, tmp_path / "killed")
    whole = len(before) // 3 * 3  # a batch of which a view is missing is computed again
    assert sum(written == before.get(path) for path, written in files(resumed / "features").items()) >= whole
    first, second = (load_file(run / "weights.safetensors") for run in (unbroken, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_run_on_the_same_base_and_views_finds_its_features_in_a_common_folder(
    drawn_set: Path, tmp_path: Path
) -> None:
    trainer = {"cache": "f32", "cache_folder": str(tmp_path / "common")}
    train(recipe_for(drawn_set, trainer=trainer), tmp_path / "one")
    before = files(tmp_path / "common")
    assert len(before) == 16
    moved = shutil.move(drawn_set, tmp_path / "elsewhere" / "walls")
    train(recipe_for(Path(moved), trainer=trainer, optim={"lr": 1e-2, "epochs": 1}), tmp_path / "two")
    assert files(tmp_path / "common") == before
    assert not (tmp_path / "two" / "features").exists()
    train(recipe_for(Path(moved), trainer=trainer, tuning="last_blocks:1+head"), tmp_path / "three")
    assert len(files(tmp_path / "common")) == 32


def test_whatever_changes_a_view_changes_its_name(drawn_set: Path) -> None:
    def names(**data: object) -> list[str]:
        config = recipe_for(drawn_set, data=data).data
        views = Views(CrackDataModule(config).parts, config)
        return list(view_hashes(views, [(0, 7), (1, 7), (1, 8)]))

    usual = names()
    assert len(set(usual)) == 3
    assert names() == usual
    assert names(batch_size=1) == usual
    train = f"{drawn_set}:train"
    for change in (
        {"augment": {"crop_px": 48}},
        {"train": [{"ref": train, "scale": (1.0, 1.5)}]},
        {"train": [{"ref": train, "labels": "narrowed"}]},
        {"train": [{"ref": train, "donates": True}], "paste_p": 0.5},
    ):
        assert not set(names(**change)) & set(usual), change
    cv2.imwrite(
        str(drawn_set / "masks" / "train" / "train_1.png"), cv2.imread(str(drawn_set / "masks/train/train_2.png"))
    )
    assert names()[0] == usual[0]
    assert names()[1] != usual[1]


@pytest.mark.parametrize(("form", "itemsize"), [("f32", 4), ("bf16", 2), ("f16", 2)])
def test_what_is_announced_holds_what_is_kept(drawn_set: Path, tmp_path: Path, form: str, itemsize: int) -> None:
    store = planned(recipe_for(drawn_set, trainer={"cache": form}), tmp_path / "run").store
    assert not (tmp_path / "run").exists()
    store.fill()
    for path in files(tmp_path / "run"):
        assert path.stat().st_size <= store.bytes_per_view() <= path.stat().st_size + HEADER_BYTES
        kept = load_file(path)
        assert {name: (tensor.shape, tensor.itemsize) for name, tensor in kept.items()} == {
            "0": ((256, 4, 4), itemsize),
            "target": ((1, 64, 64), 1),
        }
    assert store.missing() == []


@pytest.mark.parametrize("trainer", [{"cache": "bf16"}, {"cache": "f16"}, {"cache": "f32", "precision": "bf16-mixed"}])
def test_narrow_features_and_narrow_arithmetic_train_nearly_the_same(
    drawn_set: Path, tmp_path: Path, trainer: dict[str, str]
) -> None:
    losses = {}
    for way, settings in {"pictures": trainer | {"cache": None}, "features": trainer}.items():
        run = train(recipe_for(drawn_set, trainer=settings, tuning="last_blocks:1+head"), tmp_path / way)
        losses[way] = [row["train_loss"] for row in table(run)]
    assert losses["features"] == pytest.approx(losses["pictures"], rel=1e-2)


def test_a_disk_that_cannot_hold_them_is_refused_before_anything_is_written(
    drawn_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 0, 100_000))
    with pytest.raises(RecipeError, match=r"needs 0\.000\d+ GB .* for 16 views of 0\.0\d+ MB, and 0\.0001 GB are free"):
        train(recipe_for(drawn_set), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_encoder_that_learns_is_refused_before_anything_is_written(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="from its first block on"):
        train(recipe_for(drawn_set, tuning="lora:2+head"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"views_per_picture": None}}, "set data.views_per_picture"),
        ({"tuning": None}, "needs a tuning that leaves the encoder alone"),
        ({"tuning": "full"}, "needs a tuning that leaves the encoder alone"),
    ],
)
def test_a_recipe_with_nothing_to_keep_is_refused(drawn_set: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_for(drawn_set, **changes)  # type: ignore[arg-type]


def test_a_damaged_file_of_features_is_one_sentence(drawn_set: Path, tmp_path: Path) -> None:
    store = planned(recipe_for(drawn_set), tmp_path).store
    views = store.fill()
    draw = next(iter(store.paths))
    assert views[draw].target.shape == (1, 64, 64)
    store.paths[draw].write_bytes(store.paths[draw].read_bytes()[:300])
    with pytest.raises(DataError, match="Delete the file"):
        views[draw]


def test_a_feature_too_large_for_its_form_is_refused() -> None:
    large = torch.tensor([1e5])
    assert narrowed(large, "bf16").dtype is torch.bfloat16
    assert narrowed(large, "f32") is large
    assert narrowed(large.bfloat16(), "f32").dtype is torch.bfloat16
    with pytest.raises(RecipeError, match="bf16 or f32 instead"):
        narrowed(large, "f16")
