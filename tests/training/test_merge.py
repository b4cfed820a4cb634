"""A tuned run becomes one that needs no base and answers the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import Sam2VisionModel
from transformers.utils import logging
from typer.testing import CliRunner

from crackwise.backends import load_predictor
from crackwise.backends.export import export
from crackwise.cli import app
from crackwise.errors import CrackwiseError, ModelError
from crackwise.models import count_parameters, sam2
from crackwise.training.load import load_run
from crackwise.training.merge import merge
from crackwise.training.recipe import Recipe
from crackwise.training.run import train
from short_runs import short_recipe

TUNINGS = ["lora:2:all+head", "head", "adapter:4+lora:2+head", "layernorm", "adapter:4"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A checkpoint of SAM 2's smallest encoder."""
    logging.disable_progress_bar()
    torch.manual_seed(0)
    Sam2VisionModel(sam2.configuration(sam2.SIZES["nano"], 64)).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def recipe_on(base: Path, drawn_set: Path, **changes: Any) -> Recipe:
    """One epoch with the smallest SAM 2."""
    model = {"name": "sam2", "options": {"size": "nano", "input_px": 64, "base": str(base)}}
    return short_recipe(drawn_set, **{"model": model, "optim": {"lr": 1e-2, "epochs": 1}} | changes)


def answer(run: Path) -> torch.Tensor:
    """Logits of a run on noise."""
    picture = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return load_run(run)[0](picture)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_merged_run_answers_the_same_without_its_base(
    drawn_set: Path, tmp_path: Path, base: Path, tuning: str
) -> None:
    run = train(recipe_on(base, drawn_set, tuning=tuning), tmp_path / "run")
    before = answer(run)
    stays = merge(run, tmp_path / "merged")
    assert stays == (("adapter",) if "adapter" in tuning else ())
    shutil.rmtree(base)
    with pytest.raises(ModelError, match="No base"):
        load_run(run)
    torch.testing.assert_close(answer(tmp_path / "merged"), before, rtol=0, atol=1e-5)
    names = load_file(tmp_path / "merged" / "weights.safetensors").keys()
    assert not any(".lora_" in name for name in names)
    assert any(".adapter." in name for name in names) == bool(stays)


def test_a_merged_run_is_inspected_evaluated_and_exported(drawn_set: Path, tmp_path: Path, base: Path) -> None:
    run = train(recipe_on(base, drawn_set, tuning="adapter:4+lora:2+head"), tmp_path / "run")
    merged = tmp_path / "merged"
    result = CliRunner().invoke(app, ["model", "merge", str(run), "--out", str(merged)])
    assert result.exit_code == 0, result.output
    assert "Still modules of their own: adapter." in result.stdout
    trained = load_run(run)[1]
    shutil.rmtree(base)
    predictor = load_predictor(merged)
    assert predictor(np.zeros((40, 50, 3), np.uint8)).shape == (1, 40, 50)
    assert (merged / "recipe.yaml").read_bytes() == (run / "recipe.yaml").read_bytes()
    _, card, _ = load_run(merged)
    assert card.started_from == str(base)
    assert card.parameters == count_parameters(load_run(merged)[0]).total < trained.parameters
    scored = CliRunner().invoke(
        app, ["evaluate", str(merged), "--data", f"{drawn_set}:val", "--out", str(tmp_path / "scores")]
    )
    assert scored.exit_code == 0, scored.output
    assert export(merged).parity.mask_agreement == 1


@pytest.mark.parametrize("tuning", [None, "full"])
def test_a_run_that_trained_every_weight_needs_no_base(
    drawn_set: Path, tmp_path: Path, base: Path, tuning: str | None
) -> None:
    run = train(recipe_on(base, drawn_set, tuning=tuning), tmp_path / "run")
    before = answer(run)
    shutil.rmtree(base)
    assert torch.equal(answer(run), before)
    merge(run, tmp_path / "merged")
    assert torch.equal(answer(tmp_path / "merged"), before)


def test_weights_alone_can_be_one_file(drawn_set: Path, tmp_path: Path, base: Path) -> None:
    run = train(recipe_on(base, drawn_set, tuning="lora:2+head"), tmp_path / "run")
    merge(run, tmp_path / "merged")
    merge(run, tmp_path / "merged.safetensors")
    one, other = load_file(tmp_path / "merged.safetensors"), load_file(tmp_path / "merged" / "weights.safetensors")
    assert one.keys() == other.keys()
    with safe_open(tmp_path / "merged.safetensors", "pt") as file:
        assert not file.metadata()
    with pytest.raises(CrackwiseError, match="is there already"):
        merge(run, tmp_path / "merged.safetensors")
    with pytest.raises(CrackwiseError, match="is there already"):
        merge(run, run)


def test_a_run_starts_from_a_merged_one_and_not_from_a_tuned_one(drawn_set: Path, tmp_path: Path, base: Path) -> None:
    first = recipe_on(base, drawn_set, tuning="lora:2+head")
    run = train(first, tmp_path / "run")
    merge(run, tmp_path / "merged")
    shutil.rmtree(base)
    model = first.model.model_dump()
    with pytest.raises(ModelError, match="model merge"):
        train(recipe_on(base, drawn_set, model=model | {"weights": str(run)}), tmp_path / "refused")
    model |= {"weights": str(tmp_path / "merged")}
    second = train(recipe_on(base, drawn_set, model=model, tuning="head"), tmp_path / "second")
    assert load_run(second)[1].started_from == f"drawn, {tmp_path / 'merged'}"


def test_what_is_no_run_cannot_be_merged(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no run folder"):
        merge(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
