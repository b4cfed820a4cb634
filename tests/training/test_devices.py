"""A recipe on two processes ends where it ends on one."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from crackwise.errors import ImageError, ModelError, RecipeError
from crackwise.models import build_model
from crackwise.training.devices import sharding
from crackwise.training.norms import join_norms
from crackwise.training.recipe import Recipe
from crackwise.training.run import train
from short_runs import short_recipe

LOSSES = [{"name": name, "weight": 0.5} for name in ("bce", "dice", "alarms")] + [{"name": "ohem", "at_least": 2000}]


def recipe_for(folder: Path, devices: int, **changes: Any) -> Recipe:
    """Three steps an epoch; plain descent, which does not blow up rounding as Adam's signs do."""
    usual: dict[str, Any] = {
        "model": {"name": "hrsegnet", "options": {"base": 16, "depth": 1}},
        "data": {"batch_size": 4, "steps_per_epoch": 3},
        "loss": {"terms": LOSSES},
        "optim": {"name": "sgd", "epochs": 2},
        "trainer": {"devices": devices},
    }
    return short_recipe(folder, **usual | changes)


def assert_same_run(one: Path, two: Path) -> None:
    """The same curves, and the same weights."""
    tables = []
    for run in (one, two):
        with (run / "metrics.csv").open(newline="") as file:
            tables.append([{key: float(row[key]) for key in row if key != "core_s"} for row in csv.DictReader(file)])
    assert len(tables[0]) == len(tables[1])
    for first, second in zip(*tables, strict=True):
        assert first == pytest.approx(second, rel=1e-3, abs=1e-6)
        assert first["train_loss"] == pytest.approx(second["train_loss"], rel=1e-4)  # sums in another order
    weights = [load_file(run / "weights.safetensors") for run in (one, two)]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def drop_a_validation_picture(folder: Path) -> None:
    """Three are left, which two processes cannot halve."""
    for kind in ("images", "masks"):
        (folder / kind / "val" / "val_3.png").unlink()


def training_processes(parent: int) -> list[int]:
    """The processes that a command started to train in."""
    whole_lines = ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="]
    table = subprocess.run(whole_lines, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in table.splitlines()]
    return [int(pid) for pid, ppid, command in rows if int(ppid) == parent and "spawn_main" in command]


def test_two_processes_end_as_one_though_one_of_them_was_killed(drawn_set: Path, tmp_path: Path) -> None:
    drop_a_validation_picture(drawn_set)
    changes = {"optim": {"name": "sgd", "lr": 3e-3, "epochs": 3}}
    recipe, run = recipe_for(drawn_set, 2, **changes), tmp_path / "two"
    page = tmp_path / "page.yaml"
    page.write_text(recipe.to_yaml())
    command = [sys.executable, "-m", "crackwise", "train", str(page), "--out", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not (run / "checkpoints" / "last.ckpt").is_file():
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(training_processes(process.pid)[1], signal.SIGKILL)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "error: One of 2 training processes was ended from outside" in said
    assert not (run / "card.json").exists()
    train(recipe, run)
    assert_same_run(train(recipe_for(drawn_set, 1, **changes), tmp_path / "one"), run)
    assert "2 x CPU" in (run / "card.json").read_text()


def test_two_processes_tune_a_network_of_which_some_weights_take_no_part(drawn_set: Path, tmp_path: Path) -> None:
    changes = {"model": {"name": "cracksam", "options": {"size": "tiny", "input_px": 64}}, "tuning": "lora:2+head"}
    runs = [train(recipe_for(drawn_set, n, **changes), tmp_path / str(n)) for n in (1, 2)]
    assert_same_run(*runs)


def test_what_one_process_cannot_do_is_told_and_ends_the_other(drawn_set: Path, tmp_path: Path) -> None:
    broken = drawn_set / "images" / "val" / "val_1.png"  # the second process's
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(ImageError, match=r"val_1\.png"):
        train(recipe_for(drawn_set, 2), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_sharding_without_a_gpu_is_refused_before_anything_starts(drawn_set: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="strategy=ddp"):
        train(recipe_for(drawn_set, 2, trainer={"devices": 2, "strategy": "fsdp"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_number_of_processes_than_torchrun_started_is_refused(
    drawn_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match=r"torchrun started 2 processes, the recipe wants trainer\.devices=1"):
        train(recipe_for(drawn_set, 1), tmp_path / "run")


@pytest.mark.parametrize(
    ("trainer", "optim", "says"),
    [
        ({"devices": 3}, {}, r"trainer\.devices=3 must divide"),
        ({"strategy": "fsdp"}, {"clip_norm": 1.0}, "take ddp"),
        ({"strategy": "fsdp", "ema_decay": 0.9}, {}, "take ddp"),
    ],
)
def test_a_recipe_that_cannot_be_shared_is_refused(
    drawn_set: Path, trainer: dict[str, object], optim: dict[str, object], says: str
) -> None:
    with pytest.raises(RecipeError, match=says):
        recipe_for(drawn_set, 1, trainer=trainer, optim=optim)


def test_blocks_of_a_network_are_sharded_each_and_one_without_blocks_whole() -> None:
    blocks = sharding(build_model("cracksam", size="tiny", input_px=64)).kwargs["auto_wrap_policy"]._module_classes
    assert [kind.__name__ for kind in blocks] == ["SamVisionLayer"]
    assert not sharding(build_model("hrsegnet", base=2, depth=1)).kwargs["auto_wrap_policy"]._module_classes


def test_a_normalisation_that_cannot_be_joined_is_named() -> None:
    net = build_model("unet", encoder="tu-mobilenetv3_small_050")
    with pytest.raises(ModelError, match=r"BatchNormAct2d.*trainer\.devices: 1"):
        join_norms(net)
    join_norms(net.requires_grad_(False))  # frozen ones keep their statistics anyway
