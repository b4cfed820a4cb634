"""A student learns from any model: asked in every step or once per view, the lesson is the same."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from crackwise.backends.export import export
from crackwise.errors import ModelError, RecipeError
from crackwise.models import build_model
from crackwise.training.frozen.kept import ViewStore
from crackwise.training.frozen.teacher import at_stride, coarsest, load_teacher
from crackwise.training.load import load_run
from crackwise.training.recipe import Recipe
from crackwise.training.run import train
from short_runs import killed_at, short_recipe

HRSEGNET = {"name": "hrsegnet", "options": {"base": 8, "depth": 1}}
SLIM = {"name": "slim_unet", "options": {"base": 4}}


@pytest.fixture
def taught_by(drawn_set: Path, tmp_path: Path) -> Path:
    """A teacher of one epoch."""
    return train(short_recipe(drawn_set, SLIM, optim={"epochs": 1}), tmp_path / "teacher")


def recipe_for(folder: Path, teacher: Path, *, distill: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """A student with two views of every picture."""
    data = {"views_per_picture": 2} | changes.pop("data", {})
    loss = {"distill": {"teacher": str(teacher), "weight": 0.5} | (distill or {})}
    return short_recipe(folder, HRSEGNET, data=data, loss=loss, **{"optim": {"epochs": 2}} | changes)


def table(run: Path) -> list[dict[str, float]]:
    """Losses of every epoch."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(row[name]) for name in ("train_loss", "lesson")} for row in csv.DictReader(file)]


def test_asked_once_per_view_or_in_every_step_the_lesson_is_the_same(
    drawn_set: Path, tmp_path: Path, taught_by: Path
) -> None:
    online = train(recipe_for(drawn_set, taught_by), tmp_path / "online")
    offline = train(recipe_for(drawn_set, taught_by, distill={"keep": "f32"}), tmp_path / "offline")
    assert len(list((offline / "answers").rglob("*.safetensors"))) == 16
    for one, other in zip(table(online), table(offline), strict=True):
        assert one["lesson"] > 0
        assert other == pytest.approx(one, rel=1e-4)


def test_an_exported_teacher_teaches_what_its_run_teaches(drawn_set: Path, tmp_path: Path, taught_by: Path) -> None:
    exported = export(taught_by).path
    images = (torch.rand(2, 3, 64, 64) * 255).round() / 255
    torch_says, onnx_says = (load_teacher(str(at), ("crack",)).answer(images) for at in (taught_by, exported))
    torch.testing.assert_close(onnx_says, torch_says, rtol=0, atol=1e-3)
    run = train(recipe_for(drawn_set, exported, optim={"epochs": 1}), tmp_path / "student")
    assert table(run)[0]["lesson"] > 0


def test_a_lesson_changes_what_is_learnt_and_the_card_says_whose_it_was(
    drawn_set: Path, tmp_path: Path, taught_by: Path
) -> None:
    recipe = recipe_for(drawn_set, taught_by)
    alone = recipe.model_copy(update={"loss": recipe.loss.model_copy(update={"distill": None})})
    runs = [train(r, tmp_path / name) for r, name in ((recipe, "taught"), (alone, "alone"))]
    one, other = (load_file(run / "weights.safetensors") for run in runs)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    cards = [load_run(run)[1] for run in runs]
    assert cards[0].taught_by == f"drawn, {taught_by}"
    assert cards[1].taught_by is None
    assert not any("teacher" in name for name in one)


def test_a_student_comes_to_resemble_its_teacher(drawn_set: Path, tmp_path: Path, taught_by: Path) -> None:
    optim, data = {"epochs": 8, "lr": 1e-2}, {"views_per_picture": 1}
    run = train(recipe_for(drawn_set, taught_by, distill={"weight": 50.0}, optim=optim, data=data), tmp_path / "run")
    lessons = [row["lesson"] for row in table(run)]
    assert lessons[-1] < 0.8 * lessons[0]


def test_a_run_killed_while_answers_are_kept_goes_on(drawn_set: Path, tmp_path: Path, taught_by: Path) -> None:
    recipe = recipe_for(drawn_set, taught_by, distill={"keep": "f16"})
    unbroken = train(recipe, tmp_path / "unbroken")
    with killed_at(ViewStore, "write", 8):
        train(recipe, tmp_path / "killed")
    assert len(list((tmp_path / "killed" / "answers").rglob("*.safetensors"))) == 7
    first, second = (load_file(r / "weights.safetensors") for r in (unbroken, train(recipe, tmp_path / "killed")))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_what_was_resampled_is_found_again_at_its_own_stride(stride: int, corners: bool) -> None:
    own = torch.randn(2, 1, 7, 5) * 5
    logits = F.interpolate(own, scale_factor=stride, mode="bilinear", align_corners=corners)
    torch.testing.assert_close(at_stride(logits, stride, corners=corners), own, rtol=1e-4, atol=1e-4)
    found = coarsest(logits)
    torch.testing.assert_close(found.logits, own, rtol=1e-4, atol=1e-4)
    assert found.corners == corners


@pytest.mark.parametrize(
    ("name", "options", "stride"),
    [
        ("cracksam", {"size": "tiny", "input_px": 64}, 4),
        ("hrsegnet", {"base": 8, "depth": 1}, 2),
        ("deeplabv3plus", {"encoder": "resnet18", "encoder_weights": None}, 4),
        ("fpn", {"encoder": "resnet18", "encoder_weights": None}, 4),
    ],
)
def test_networks_are_kept_at_the_size_of_their_decoders(name: str, options: dict[str, Any], stride: int) -> None:
    torch.manual_seed(0)
    model = build_model(name, **options).eval()
    with torch.no_grad():
        found = coarsest(model(torch.rand(1, 3, 64, 64)))
    assert found.logits.shape == (1, 1, 64 // stride, 64 // stride)


def test_logits_that_were_not_resampled_are_kept_whole() -> None:
    logits = torch.randn(1, 1, 33, 64)
    assert coarsest(logits).logits is logits


@pytest.mark.parametrize(
    ("teacher", "message"),
    [("nowhere", "is no model: expected a run folder"), ("walls", "no recipe.yaml"), ("note.onnx", "not a readable")],
)
def test_a_teacher_that_is_none_is_refused(tmp_path: Path, drawn_set: Path, teacher: str, message: str) -> None:
    (tmp_path / "note.onnx").write_text("not a model")
    with pytest.raises(ModelError, match=message):
        train(recipe_for(drawn_set, tmp_path / teacher), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_other_classes_is_refused(taught_by: Path) -> None:
    with pytest.raises(ModelError, match=r"knows crack, the recipe learns crack, drywall joint"):
        load_teacher(str(taught_by), ("crack", "drywall joint"))


def test_answers_are_kept_only_of_views_that_come_again(drawn_set: Path) -> None:
    with pytest.raises(RecipeError, match=r"loss\.distill\.keep=f16 needs views that come again"):
        recipe_for(drawn_set, drawn_set, distill={"keep": "f16"}, data={"views_per_picture": None})
