"""A recipe refuses what it does not know, and says where it stands."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest

from crackwise.errors import RecipeError
from crackwise.models import MODELS, model_options, without_start
from crackwise.training.recipe import load_recipe
from published_sizes import CRACKSAM_TABLE_7

PAGE = """
model: {name: hrsegnet, options: {base: 16}}
data: {train: [walls:train], val: [walls:val]}
"""
FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path for path in FOLDER.rglob("[a-z]*.yaml") if path.parent != FOLDER / "sweeps")
PAGES = [path for path in RECIPES if path.name != "recipe.yaml"]
"""Written by people; ``recipe.yaml`` is what a run resolved one of them to."""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "first.yaml"
    path.write_text(PAGE)
    return path


def test_a_recipe_is_named_after_its_file(page: Path) -> None:
    assert load_recipe(page).name == "first"


def test_set_changes_one_value_by_its_path(page: Path) -> None:
    recipe = load_recipe(
        page, ["optim.lr=0.5", "model.options.base=32", "data.train.0=other", "data.augment.scale=[1, 2]"]
    )
    assert recipe.optim.lr == 0.5
    assert recipe.model.options == {"base": 32}
    assert recipe.data.train == ("other",)
    assert recipe.data.augment.scale == (1, 2)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("optim.rnak=4", "optim.rnak"),
        ("optim.lr=-1", "optim.lr"),
        ("optim.lr=nan", "optim.lr"),
        ("nothing", "path=value"),
        ("data.train.7=x", "no element '7'"),
        ("data.leakage=maybe", "data.leakage"),
        ("optim.lr=[1", "not YAML"),
        ("tuning=", "tuning=null"),
        ("tuning=[]", "tuning"),
        ("tuning=[{kind: lora, rnak: 4}]", "tuning.0.lora.rnak: "),
        ("optim.lr.deep=1", "optim.lr"),
        ("data.train=[]", "data.train"),
        ("data.val=[]", "data.val"),
        ("data.workers=-1", "data.workers"),
        ("data.augment.scale=[0, 1]", "data.augment.scale"),
        ("data.augment.hue=0.9", "data.augment.hue"),
        ("data.augment.flip_p=7", "data.augment.flip_p"),
        ("loss.terms=[]", "loss.terms"),
        ("trainer.ema_decay=2", "trainer.ema_decay"),
        ("trainer.validate_every_epochs=101", "validate at least once"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(page: Path, override: str, named: str) -> None:
    with pytest.raises(RecipeError, match=named.replace("[", r"\[")):
        load_recipe(page, ["optim.lr=0.1", override])


def test_yaml_that_calls_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: !!python/object/apply:os.system [ls]\n")
    with pytest.raises(RecipeError, match="not YAML"):
        load_recipe(path)


def test_a_missing_recipe_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Cannot read"):
        load_recipe(tmp_path / "none.yaml")


def test_the_resolved_recipe_reads_back_equal(page: Path) -> None:
    recipe = load_recipe(page)
    path = page.with_name("second.yaml")
    path.write_text(recipe.to_yaml())
    assert load_recipe(path) == recipe


def test_a_recipe_extends_another(page: Path) -> None:
    child = page.with_name("child.yaml")
    child.write_text("extends: first.yaml\nmodel: {options: {depth: 4}}\noptim: {lr: 0.2}\n")
    recipe = load_recipe(child, ["optim.epochs=7"])
    assert recipe.model.options == {"base": 16, "depth": 4}
    assert (recipe.name, recipe.optim.lr, recipe.optim.epochs) == ("child", 0.2, 7)
    assert recipe.data == load_recipe(page).data


def test_recipes_that_extend_each_other_are_refused(page: Path) -> None:
    other = page.with_name("other.yaml")
    other.write_text("extends: first.yaml\n")
    page.write_text("extends: other.yaml\n")
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(page)


@pytest.mark.parametrize("arm", ["scratch", "head", "lora", "adapter", "full"])
def test_the_arms_of_the_tuning_experiment_differ_in_what_learns_and_in_steps_alone(arm: str) -> None:
    folder = Path(__file__).parents[2] / "recipes" / "tuning_experiment"
    base, page = (load_recipe(folder / f"{name}.yaml") for name in ("base", arm))
    optim = page.optim.model_copy(update={"encoder_lr_factor": base.optim.encoder_lr_factor})
    data = page.data.model_copy(update={"steps_per_epoch": base.data.steps_per_epoch})
    model = base.model.model_copy(update={"options": base.model.options | {"encoder_weights": None}})
    assert page.model == (model if arm == "scratch" else base.model)
    assert page.tuning
    same = {"name": base.name, "model": base.model, "tuning": None, "optim": optim, "data": data}
    assert page.model_copy(update=same) == base


def test_every_network_that_cracksam_is_compared_with_has_a_page_that_differs_in_it_and_its_rate_alone() -> None:
    folder = Path(__file__).parents[2] / "recipes" / "comparators"
    base, *pages = (load_recipe(folder / name) for name in sorted(p.name for p in folder.glob("*.yaml")))
    models = [(page.model.name, without_start(page.model.name, page.model.options)) for page in pages]
    named = [(published.model, dict(published.options)) for published in CRACKSAM_TABLE_7]
    assert sorted(models, key=str) == sorted(named, key=str)
    for page in pages:
        optim = page.optim.model_copy(update={"lr": base.optim.lr})
        own = {"name": base.name, "summary": base.summary, "model": base.model, "optim": optim}
        assert page.model_copy(update=own) == base


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.relative_to(p.parents[1]).as_posix())
def test_every_recipe_in_the_repository_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.model.name in MODELS
    assert recipe.model.options.keys() <= model_options(recipe.model.name).keys()


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(p.parents[1]).as_posix())
def test_every_page_says_where_it_is_from_what_to_expect_and_what_it_costs(path: Path) -> None:
    comment = " ".join(takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines()))
    assert set(re.findall(r"[#.] (Source|Expect|Cost)\b.*?: \S", comment)) == {"Source", "Expect", "Cost"}
