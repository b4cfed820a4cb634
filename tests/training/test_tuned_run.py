"""A tuned run keeps what it learnt and the hash of its base, and comes back from both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from crackwise.backends.export import export
from crackwise.errors import ModelError
from crackwise.models import build_model
from crackwise.training.recipe import Recipe
from crackwise.training.run import load_run, train


def tuned(folder: Path, tuning: object) -> Recipe:
    """A short run of the packaged network under a tuning."""
    values = {
        "name": "tuned",
        "seed": 5,
        "model": {"name": "mobilenet_fpn"},
        "tuning": tuning,
        "data": {
            "train": [f"{folder}:train"],
            "val": [f"{folder}:val"],
            "batch_size": 2,
            "steps_per_epoch": 3,
            "augment": {"crop_px": 64},
        },
        "optim": {"lr": 1e-2, "epochs": 1},
        "trainer": {"accelerator": "cpu", "threads": 1},
    }
    return Recipe.parse(values, "test")


def test_a_tuned_run_is_small_comes_back_and_is_exported_merged(drawn_set: Path, tmp_path: Path) -> None:
    run = train(tuned(drawn_set, "lora:2:all+head"), tmp_path / "run")
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
    run = train(tuned(drawn_set, "head"), tmp_path / "run")
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("seed: 5", "seed: 6"))
    with pytest.raises(ModelError, match="another base"):
        load_run(run)
