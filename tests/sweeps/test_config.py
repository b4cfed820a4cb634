"""The page of a sweep says which runs, and everything wrong with it is named by its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crackwise.errors import RecipeError
from crackwise.sweeps.config import Case
from crackwise.sweeps.plan import override
from crackwise.sweeps.run import Order
from crackwise.sweeps.search import corners
from crackwise.training.recipe import load_recipe, set_value

OrderOf = Callable[..., Order]
ONE: dict[str, Any] = {"grid": {"optim.lr": [1]}}


def names(order: Order) -> list[str]:
    return [arm.name for arm in order.samples()]


def test_a_grid_is_every_combination(order_of: OrderOf, tmp_path: Path) -> None:
    order = order_of(grid={"optim.lr": [0.1, "1e-4"], "tuning": [None, "head"]})
    assert names(order) == [
        "lr=0.1, tuning=null",
        "lr=0.1, tuning=head",
        "lr=1e-4, tuning=null",
        "lr=1e-4, tuning=head",
    ]
    run = order.samples()[3].runs[0]
    assert run.recipe.optim.lr == 1e-4
    assert run.recipe.name == "small lr=1e-4, tuning=head"
    assert run.folder == tmp_path / "out" / "runs" / "lr=1e-4,tuning=head" / "seed3"


def test_a_list_takes_pages_of_their_own_and_changes(order_of: OrderOf, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("extends: small.yaml\nname: other\nseed: 8\n")
    runs = {"first": {}, "q,k,v / 2": {"recipe": "other.yaml"}, "third": {"recipe": "other.yaml", "set": {"seed": 9}}}
    first, second, third = order_of(runs=runs).samples()
    assert [arm.runs[0].recipe.name for arm in (first, second, third)] == ["small", "other", "other third"]
    assert [arm.runs[0].recipe.seed for arm in (first, second, third)] == [3, 8, 9]
    assert first.runs[0].folder.relative_to(tmp_path / "out").as_posix() == "runs/first/seed3"
    assert second.runs[0].folder.parent.name.startswith("q,k,v___2-")


def test_two_values_of_one_name_are_told_apart(order_of: OrderOf) -> None:
    arms = order_of(grid={"data.train.0": ["a/walls", "a_walls"], "data.val.0": ["x"]}).samples()
    assert [arm.name for arm in arms] == ["data.train.0=a/walls, data.val.0=x", "data.train.0=a_walls, data.val.0=x"]
    assert len({arm.runs[0].folder for arm in arms}) == 2


@pytest.mark.parametrize(
    "value", [None, True, 3, 1e-5, 1e22, "1e-4", "yes", "lora:4+head", "a: b", "", [1, "x"], {"a": [1]}]
)
def test_a_value_means_what_set_means(value: object) -> None:
    values: dict[str, Any] = {}
    set_value(values, override("model.options.x", value))
    assert values == {"model": {"options": {"x": value}}}
    assert type(values["model"]["options"]["x"]) is type(value)


def test_the_command_line_goes_over_all_but_what_is_varied(order_of: OrderOf) -> None:
    order = order_of("optim.epochs=7", runs={"a": {"set": {"optim.epochs": 3}}, "b": {}})
    assert [arm.runs[0].recipe.optim.epochs for arm in order.samples()] == [7, 7]
    with pytest.raises(RecipeError, match=r"--set optim\.lr: the sweep varies it"):
        order_of("optim.lr=1", grid={"optim.lr": [0.1]})
    with pytest.raises(RecipeError, match="--set seed: the sweep varies it"):
        order_of("seed=1", grid={"optim.lr": [0.1]}, seeds=[1, 2])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "say one of runs, grid and search; got none"),
        ({**ONE, "runs": {"a": {}}}, "got runs and grid"),
        ({**ONE, "base": None}, "base must name"),
        ({"runs": {"a": {"recipe": "small.yaml"}}}, "base is never used"),
        ({"runs": {"a": {}, "A": {}}}, "runs: a is there twice"),
        ({"grid": {"optim.lr": [1, 1]}}, "two runs have one folder"),
        ({"grid": {"optim.lr": []}}, "grid.optim.lr"),
        ({"grid": {"optim.rnak": [1]}}, "run 'rnak=1': .*optim.rnak"),
        ({"grid": {"optim.lr": [0.1, -1]}}, "run 'lr=-1': .*optim.lr"),
        ({**ONE, "base": "lost.yaml"}, "Cannot read .*lost.yaml"),
        ({**ONE, "seeds": [1, 1]}, "seeds: 1 is there twice"),
        ({"grid": {"seed": [1]}, "seeds": [1]}, "seeds and a swept seed"),
        ({**ONE, "evaluate": [{"data": "a", "scores": ["iuo"]}]}, "no score named 'iuo'"),
        ({**ONE, "evaluate": [{"data": "a", "scores": []}]}, "evaluate.0.scores"),
        ({**ONE, "evaluate": [{"data": "a", "scores": ["auroc"], "open_close": True}]}, "highest probability"),
        (
            {**ONE, "evaluate": [{"data": "a", "scores": ["f1@2"]}] * 2},
            "evaluate: a is there twice",
        ),
        (
            {**ONE, "evaluate": [{"data": "a", "scores": ["f1@2"], "noise": "mist"}]},
            "No noise named",
        ),
        (
            {**ONE, "evaluate": [{"data": "a", "scores": ["f1@2"], "noise": "fog:6"}]},
            "write one of fog:1",
        ),
        (
            {**ONE, "evaluate": [{"data": "a", "scores": ["f1@2"], "phrase": "x"}]},
            "name it with class",
        ),
        ({**ONE, "evaluate": [{"data": "a", "scores": ["f1@2"], "threshold": 2}]}, "threshold"),
        ({**ONE, "sedes": [1]}, "sedes: Extra inputs"),
        ({"search": {"trials": 2, "space": {"optim.lr": {"low": 1, "high": 1}}}}, "low must be below high"),
        ({"search": {"trials": 2, "space": {"optim.lr": {"low": 0, "high": 1, "log": True}}}}, "above 0 with log"),
        ({"search": {"trials": 2, "space": {"optim.lr": {"choices": [[1]]}}}}, "choices"),
    ],
)
def test_what_is_wrong_is_named(order_of: OrderOf, values: dict[str, Any], named: str) -> None:
    with pytest.raises(RecipeError, match=named):
        order_of(**values)


def test_a_search_is_tried_at_both_ends_and_with_every_choice(order_of: OrderOf) -> None:
    space = {"optim.lr": {"low": 0.1, "high": 0.2}, "data.batch_size": {"choices": [1, 2, 3]}}
    order = order_of(search={"trials": 1, "space": space})
    assert order.sweep.search is not None
    assert list(corners(order.sweep.search)) == [
        {"optim.lr": 0.1, "data.batch_size": 1},
        {"optim.lr": 0.2, "data.batch_size": 2},
        {"optim.lr": 0.2, "data.batch_size": 3},
    ]


def test_whole_ends_give_whole_numbers(order_of: OrderOf) -> None:
    space = {"data.batch_size": {"low": 1, "high": 9}, "optim.lr": {"low": "1e-4", "high": 1, "log": True}}
    order = order_of(search={"trials": 4, "space": space})
    found = [arm.swept for _, arm in zip(range(4), order.arms(), strict=True)]
    assert all(isinstance(values["data.batch_size"], int) and 1 <= values["data.batch_size"] <= 9 for values in found)
    assert all(1e-4 <= values["optim.lr"] <= 1 for values in found)
    assert load_recipe(order.page.parent / "small.yaml").optim.lr not in [values["optim.lr"] for values in found]


def test_a_case_is_under_any_noise_that_evaluate_knows():
    case = Case(data="walls", scores=["f1@2"], noise="fog:3")
    assert (case.question.noise, case.title) == ("fog:3", "walls, fog:3")
