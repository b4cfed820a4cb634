"""A recipe becomes a run folder; a killed run goes on as if nothing had happened."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from crackwise.backends.export import export
from crackwise.data.feed import CrackDataModule
from crackwise.errors import DataError, ModelError, RecipeError
from crackwise.models import build_model
from crackwise.models.tuning import trained_state
from crackwise.training.load import load_run, network_of
from crackwise.training.recipe import Recipe
from crackwise.training.run import column_names, train
from crackwise.training.task import SegmentationTask
from crackwise.training.validation import THRESHOLDS
from short_runs import killed_at, short_recipe

HRSEGNET = {"name": "hrsegnet", "options": {"base": 16}}
MOBILENET = {"name": "mobilenet_fpn"}


def recipe_for(folder: Path, **changes: Any) -> Recipe:
    """With the smallest HrSegNet."""
    return short_recipe(folder, **{"model": HRSEGNET, "trainer": {"score": "f1@2"}} | changes)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_folder_holds_recipe_weights_card_metrics_and_curves(drawn_set: Path, tmp_path: Path) -> None:
    run = train(recipe_for(drawn_set), tmp_path / "run")
    assert {"recipe.yaml", "weights.safetensors", "card.json", "metrics.csv", "curves.png"} <= {
        p.name for p in run.iterdir()
    }
    table = rows(run)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    for column in ("lr", "core_s", "train_loss", "val_score", "val_loss/walls:val", "val_iou/walls:val"):
        assert all(row[column] for row in table), column
    assert all(0 < float(row["core_s"]) < 600 for row in table)
    model, card, recipe = load_run(run)
    assert not model.training
    assert 0 < card.threshold < 1
    assert card.name == "drawn"
    assert recipe == recipe_for(drawn_set)
    assert model(torch.rand(1, 3, 70, 90)).shape == (1, 1, 70, 90)


def test_an_epoch_without_validation_shows_no_old_scores(drawn_set: Path, tmp_path: Path) -> None:
    trainer = {"accelerator": "cpu", "threads": 1, "validate_every_epochs": 2}
    table = rows(train(recipe_for(drawn_set, trainer=trainer, optim={"epochs": 3}), tmp_path / "run"))
    assert [bool(row["val_score"]) for row in table] == [False, True, False]
    assert all(row["train_loss"] for row in table)


HOOKS = {
    "in an epoch": ("on_train_batch_end", 10),
    "in a validation": ("validation_step", 9),
    "after a validation": ("on_save_checkpoint", 4),
}
"""Where a run dies: a hook of the task, and which call of it. 4 steps and 4 validation pictures an epoch."""


@pytest.mark.parametrize(("workers", "tuning"), [(0, None), (2, None), (0, "lora:2:all+head")])
@pytest.mark.parametrize("moment", HOOKS)
def test_a_killed_run_resumes_to_the_same_weights_as_an_unbroken_one(
    drawn_set: Path, tmp_path: Path, moment: str, workers: int, tuning: str | None
) -> None:
    model, data, trainer = MOBILENET if tuning else HRSEGNET, {"workers": workers}, {"ema_decay": 0.9}
    recipe = recipe_for(drawn_set, model=model, tuning=tuning, data=data, trainer=trainer, optim={"epochs": 4})
    unbroken = train(recipe, tmp_path / "unbroken")
    with killed_at(SegmentationTask, *HOOKS[moment]):
        train(recipe, tmp_path / "killed")
    resumed = train(recipe, tmp_path / "killed")
    first, second = (load_file(run / "weights.safetensors") for run in (unbroken, resumed))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, msg=name)
    assert [(r["epoch"], r["train_loss"]) for r in rows(resumed)] == [
        (r["epoch"], r["train_loss"]) for r in rows(unbroken)
    ]


def test_checkpoints_of_a_tuned_run_go_without_its_base_and_back_to_no_other(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, model=MOBILENET, tuning="head", trainer={"ema_decay": 0.9})
    with killed_at(SegmentationTask, "on_train_batch_end", 10):
        train(recipe, tmp_path / "run")
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    learnt = {f"model.{name}" for name in trained_state(network_of(recipe))}
    assert checkpoint["state_dict"].keys() == checkpoint["current_model_state"].keys() == learnt
    checkpoint["base_sha256"] = "0" * 64
    torch.save(checkpoint, tmp_path / "run" / "checkpoints" / "last.ckpt")
    with pytest.raises(ModelError, match="learnt on another base"):
        train(recipe, tmp_path / "run")


def test_a_finished_run_is_left_as_it_is(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, optim={"epochs": 1})
    run = train(recipe, tmp_path / "run")
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir() if path.is_file()}
    assert train(recipe, run) == run
    assert before == {path.name: path.stat().st_mtime_ns for path in run.iterdir() if path.is_file()}


def test_a_run_begun_before_an_option_existed_is_the_same_run(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, optim={"epochs": 0})
    page = train(recipe, tmp_path / "run") / "recipe.yaml"
    page.write_text("".join(line for line in page.read_text().splitlines(True) if "frozen_bits" not in line))
    assert train(recipe, tmp_path / "run") == tmp_path / "run"


def test_a_large_seed_is_a_seed(drawn_set: Path, tmp_path: Path) -> None:
    train(recipe_for(drawn_set, seed=2**32 - 1, optim={"epochs": 1}), tmp_path / "run")


def test_a_validation_set_without_a_label_is_refused(drawn_set: Path, tmp_path: Path) -> None:
    data = {"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"], "augment": {"crop_px": 32}}
    with pytest.raises(DataError, match="labels drywall joint"):
        train(recipe_for(drawn_set, data=data | {"val": ["drywall_joints:val"]}), tmp_path / "run")


def test_validation_pictures_of_a_test_photograph_are_left_out(drawn_set: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_set, tmp_path / "tests" / "walls")
    for kind in ("images", "masks"):
        folder = tmp_path / "tests" / "walls" / kind / "val"
        for path in sorted(folder.iterdir())[:-1]:
            path.unlink()
    data = {
        "train": [f"{drawn_set}:train"],
        "val": [f"{drawn_set}:val"],
        "held_out": [f"{tmp_path / 'tests' / 'walls'}:val"],
        "augment": {"crop_px": 32},
    }
    with pytest.raises(DataError, match="training or validation"):
        train(recipe_for(drawn_set, data=data), tmp_path / "refused")
    recipe = recipe_for(drawn_set, data=data | {"leakage": "drop"}, optim={"epochs": 1})
    _, card, _ = load_run(train(recipe, tmp_path / "run"))
    assert card.kept_apart == tuple(recipe.data.held_out)
    assert len(CrackDataModule(recipe.data).validation[0][1]) == 3


def test_one_seed_gives_one_run(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, optim={"epochs": 1})
    weights = [load_file(train(recipe, tmp_path / name) / "weights.safetensors") for name in ("a", "b")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_folder_of_another_recipe_is_not_overwritten(drawn_set: Path, tmp_path: Path) -> None:
    train(recipe_for(drawn_set, optim={"epochs": 1}), tmp_path / "run")
    with pytest.raises(RecipeError, match="another recipe"):
        train(recipe_for(drawn_set, optim={"epochs": 2}), tmp_path / "run")


def test_a_run_that_never_began_leaves_no_folder_in_the_way(drawn_set: Path, tmp_path: Path) -> None:
    data = {"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:train"], "augment": {"crop_px": 32}}
    with pytest.raises(DataError, match="allow_leakage"):
        train(recipe_for(drawn_set, data=data), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="none is left"):
        train(recipe_for(drawn_set, data=data | {"leakage": "drop"}), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_sentence(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="accelerator=auto"):
        train(recipe_for(drawn_set, trainer={"accelerator": "gpu"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_validation_sets_of_one_name_keep_a_column_each() -> None:
    names = column_names(["a/walls:val", "b/walls:val", "deepcrack:packaged/val"])
    assert names == ("walls:val-1", "walls:val-2", "deepcrack:packaged/val")


def test_a_split_that_leaks_is_refused_dropped_or_told_in_the_card(drawn_set: Path, tmp_path: Path) -> None:
    data = {
        "train": [f"{drawn_set}:train", f"{drawn_set}:val"],
        "val": [f"{drawn_set}:val"],
        "augment": {"crop_px": 32},
    }
    with pytest.raises(DataError, match="allow_leakage"):
        train(recipe_for(drawn_set, data=data), tmp_path / "refused")
    _, card, _ = load_run(
        train(recipe_for(drawn_set, data=data | {"leakage": "drop"}, optim={"epochs": 1}), tmp_path / "drop")
    )
    assert card.leakage is None
    allowed = recipe_for(drawn_set, data=data | {"allow_leakage": True}, optim={"epochs": 1})
    _, card, _ = load_run(train(allowed, tmp_path / "allow"))
    assert card.leakage is not None
    assert "4 pictures of training" in card.leakage


def test_training_starts_from_the_weights_of_another_run(drawn_set: Path, tmp_path: Path) -> None:
    first = train(recipe_for(drawn_set, optim={"epochs": 1}), tmp_path / "first")
    model = {"name": "hrsegnet", "options": {"base": 16}, "weights": str(first)}
    second = train(
        recipe_for(drawn_set, model=model, optim={"epochs": 1, "lr": 1e-12, "weight_decay": 0}), tmp_path / "second"
    )
    weights = [load_file(run / "weights.safetensors") for run in (first, second)]
    for name in weights[0]:
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(weights[0][name], weights[1][name])
    cards = [load_run(run)[1] for run in (first, second)]
    assert set(cards[0].data) <= set(cards[1].data)
    assert cards[1].started_from == f"drawn, {first}"
    assert cards[1].kept_apart == ()


@pytest.mark.filterwarnings("default")  # mlflow uses deprecated calls of its own libraries
def test_mlflow_gets_every_score_when_asked(drawn_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    database = tmp_path / "mlflow.db"
    trainer = {"accelerator": "cpu", "threads": 1, "mlflow": f"sqlite:///{database}"}
    train(recipe_for(drawn_set, optim={"epochs": 1}, trainer=trainer), tmp_path / "run")
    with sqlite3.connect(database) as tables:
        logged = {key for (key,) in tables.execute("select distinct key from metrics")}
    assert {"train_loss", "val_score", "val_threshold"} <= logged


def test_an_unfinished_or_damaged_run_is_one_sentence(drawn_set: Path, tmp_path: Path) -> None:
    run = train(recipe_for(drawn_set, optim={"epochs": 1}), tmp_path / "run")
    content = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").write_bytes(content[:500])
    with pytest.raises(ModelError, match="no usable weights"):
        load_run(run)
    (run / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match="no usable weights"):
        load_run(run)


def test_a_tuned_run_is_small_comes_back_and_is_exported_merged(drawn_set: Path, tmp_path: Path) -> None:
    run = train(recipe_for(drawn_set, model=MOBILENET, tuning="lora:2:all+head", optim={"epochs": 1}), tmp_path / "run")
    learnt = load_file(run / "weights.safetensors")
    whole = build_model("mobilenet_fpn").state_dict()
    assert any(".lora_A." in name for name in learnt)
    assert not any(name in whole and name.startswith("encoder.") for name in learnt)
    first, second = load_run(run)[0], load_run(run)[0]
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(first(picture), second(picture))
    assert export(run).parity.mask_agreement == 1


def test_weights_on_another_base_are_refused(drawn_set: Path, tmp_path: Path) -> None:
    run = train(recipe_for(drawn_set, model=MOBILENET, tuning="head", optim={"epochs": 1}), tmp_path / "run")
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("seed: 3", "seed: 4"))
    with pytest.raises(ModelError, match="another base"):
        load_run(run)


def test_a_start_without_a_card_is_refused_before_training(drawn_set: Path, tmp_path: Path) -> None:
    start = train(recipe_for(drawn_set, optim={"epochs": 1}), tmp_path / "start")
    (start / "card.json").unlink()
    model = {"name": "hrsegnet", "options": {"base": 16}, "weights": str(start)}
    with pytest.raises(ModelError, match=r"no usable card\.json"):
        train(recipe_for(drawn_set, model=model), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_frozen_batch_normalisation_keeps_its_statistics(drawn_set: Path, tmp_path: Path) -> None:
    model = {"name": "unet", "options": {"encoder": "resnet18"}}
    run = train(recipe_for(drawn_set, model=model, tuning="head", optim={"epochs": 1}), tmp_path / "run")
    assert not load_run(run)[0].training  # its base is the one that the recipe builds


def test_a_run_of_no_epoch_is_the_network_as_it_starts_with_a_threshold(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, optim={"epochs": 0})
    run = train(recipe, tmp_path / "run")
    model, card, _ = load_run(run)
    torch.testing.assert_close(model.state_dict(), network_of(recipe).state_dict())
    assert card.threshold in THRESHOLDS
    assert card.scores
    assert train(recipe, tmp_path / "run") == run
