"""A sweep trains and judges every run, whatever happens to it on the way."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from lightning import Trainer
from safetensors.torch import load_file

from crackwise.backends import load_predictor
from crackwise.data.folder import open_items
from crackwise.errors import CrackwiseError, DataError, ModelError, RecipeError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.evaluate import evaluate
from crackwise.sweeps.run import Order, carry_out
from crackwise.training.callbacks import MetricsTable
from crackwise.training.recipe import load_recipe
from crackwise.training.run import train
from short_runs import killed_at

GRID = {"model.options.base": [2, 4]}
JUDGED = "optim.epochs=0"
"""A run that trains nothing takes no time."""
OrderOf = Callable[..., Order]


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, Any]:
    return {name: tensor.tolist() for name, tensor in load_file(folder / "weights.safetensors").items()}


def states(order: Order, **options: Any) -> list[tuple[str, int, str]]:
    told: list[tuple[str, int, str]] = []
    carry_out(order, told=lambda arm, run, state: told.append((arm.name, run.recipe.seed, state)), **options)
    return told


def test_a_grid_killed_in_its_second_run_ends_as_if_it_had_not_been(order_of: OrderOf, tmp_path: Path) -> None:
    order = order_of("optim.epochs=2", grid=GRID)
    with killed_at(MetricsTable, "on_train_epoch_end", 4):  # the last epoch of the second run
        carry_out(order)
    first = tmp_path / "out" / "runs" / "base=2" / "seed3"
    before = (first / "tests.json").stat().st_mtime_ns, (first / "weights.safetensors").stat().st_mtime_ns
    assert not (tmp_path / "out" / "runs" / "base=4" / "seed3" / "card.json").exists()
    assert states(order) == [(f"base={base}", 3, "finished") for base in (2, 4)]
    assert before == ((first / "tests.json").stat().st_mtime_ns, (first / "weights.safetensors").stat().st_mtime_ns)
    recipe = load_recipe(tmp_path / "small.yaml", ["model.options.base=4", "optim.epochs=2", "name=small base=4"])
    unbroken = train(recipe, tmp_path / "alone")
    assert weights(tmp_path / "out" / "runs" / "base=4" / "seed3") == weights(unbroken)
    table = rows(tmp_path / "out")
    assert [row["model.options.base"] for row in table] == ["2", "4"]
    assert all(float(row["core_minutes"]) > 0 for row in table)


def test_the_table_holds_what_evaluate_says(order_of: OrderOf, tmp_path: Path, drawn_set: Path) -> None:
    assert carry_out(order_of(JUDGED, grid={"model.options.base": [2]})) == []
    (row,) = rows(tmp_path / "out")
    items = open_items(f"{drawn_set}:val")
    evaluation = evaluate(load_predictor(tmp_path / "out" / "runs" / "base=2" / "seed3"), items, threshold=0.05)
    expected = evaluation.scores["all"]["per_image_crack_iou"]
    key = f"{drawn_set}:val, threshold 0.05: per_image_crack_iou"
    assert float(row[f"{key}: value"]) == pytest.approx(expected.value, abs=1e-6)
    assert float(row[f"{key}: low"]) == pytest.approx(expected.low, abs=1e-6)
    assert float(row[f"{key}: high"]) == pytest.approx(expected.high, abs=1e-6)


def test_seeds_are_runs_of_one_row(order_of: OrderOf, tmp_path: Path) -> None:
    order = order_of(JUDGED, grid={"optim.lr": [0.001]}, seeds=[0, 1])
    assert [told[:2] for told in states(order)] == [("lr=0.001", 0), ("lr=0.001", 1)]
    table = rows(tmp_path / "out")
    assert [row["seed"] for row in table] == ["0", "1", "mean"]
    value = next(name for name in table[0] if name.endswith("per_image_crack_iou: value"))
    zero, one, mean = (float(row[value]) for row in table[:3])
    assert mean == pytest.approx((zero + one) / 2, abs=1e-6)
    record = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert [row["finished"] for row in record["rows"]] == [2]


def test_a_run_that_fails_is_recorded_and_the_others_follow(
    order_of: OrderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trainer.fit

    def short_of_memory(self: Trainer, task: Any, *args: Any, **options: Any) -> None:
        if task.optim.lr == 0.01:
            raise RuntimeError("CUDA out of memory")
        real(self, task, *args, **options)

    order = order_of(grid={"optim.lr": [0.01, 0.001]})
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", short_of_memory)
        assert states(order) == [("lr=0.01", 3, "failed"), ("lr=0.001", 3, "finished")]
    failed, finished = rows(tmp_path / "out")
    assert failed["error"] == "RuntimeError: CUDA out of memory"
    assert "out of memory" in (tmp_path / "out" / "sweep.html").read_text()
    assert finished["state"] == "finished"
    assert [state for *_, state in states(order)] == ["failed", "finished"]
    assert not (tmp_path / "out" / "runs" / "lr=0.01" / "seed3" / "card.json").exists()
    assert [run.recipe.optim.lr for run in carry_out(order)] == [0.01]
    assert [state for *_, state in states(order, retry=True)] == ["finished", "finished"]
    assert rows(tmp_path / "out")[0]["error"] == ""


def test_a_case_that_is_added_later_trains_nothing_again(order_of: OrderOf, tmp_path: Path, drawn_set: Path) -> None:
    carry_out(order_of(JUDGED, grid={"model.options.base": [2]}))
    folder = tmp_path / "out" / "runs" / "base=2" / "seed3"
    before = (folder / "weights.safetensors").stat().st_mtime_ns
    known = json.loads((folder / "tests.json").read_text())
    known[f"{drawn_set}:val, threshold 0.05"]["leaking"] = 77  # stays, unless it is judged again
    (folder / "tests.json").write_text(json.dumps(known))
    cases = [
        {"data": f"{drawn_set}:val", "scores": ["f1@2"], **more} for more in ({"threshold": 0.05}, {"noise": "blur"})
    ]
    carry_out(order_of(JUDGED, grid={"model.options.base": [2]}, evaluate=cases))
    judged = json.loads((folder / "tests.json").read_text())
    assert list(judged) == [f"{drawn_set}:val, threshold 0.05", f"{drawn_set}:val, blur"]
    assert judged.items() >= known.items()
    assert (folder / "weights.safetensors").stat().st_mtime_ns == before


def test_pictures_are_scored_as_wholes_too(order_of: OrderOf, tmp_path: Path, drawn_set: Path) -> None:
    case = {"data": f"{drawn_set}:val", "scores": ["accuracy", "f1@2"], "threshold": 0.05}
    carry_out(order_of(JUDGED, grid={"model.options.base": [2]}, evaluate=[case]))
    (row,) = rows(tmp_path / "out")
    predictor = load_predictor(tmp_path / "out" / "runs" / "base=2" / "seed3")
    question = Question(per_picture=True)
    evaluation = evaluate(predictor, open_items(f"{drawn_set}:val"), question=question, threshold=0.05)
    for name, expected in (
        ("accuracy", evaluation.judgements["all"].estimates["accuracy"]),
        ("f1@2", evaluation.scores["all"]["f1@2"]),
    ):
        for column in ("value", "low", "high"):
            shown = float(row[f"{drawn_set}:val, threshold 0.05: {name}: {column}"])
            assert shown == pytest.approx(getattr(expected, column), abs=1e-6)


def test_sets_of_whole_pictures_have_scores_of_these_alone(order_of: OrderOf, tmp_path: Path) -> None:
    for kind, grey in (("Positive", 40), ("Negative", 160)):
        (tmp_path / "data" / "ccic" / kind).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(tmp_path / "data" / "ccic" / kind / f"{kind}{i}.png"), np.full((32, 32, 3), grey, np.uint8))
    settings = JUDGED, f"data.root={tmp_path / 'data'}"
    one = {"model.options.base": [2]}
    with pytest.raises(DataError, match=r"'ccic' are of whole pictures .*instead of f1@2 ask for some of accuracy"):
        carry_out(order_of(*settings, grid=one, evaluate=[{"data": "ccic", "scores": ["auroc", "f1@2"]}]))
    scores = ["accuracy", "crack_free_recall", "auroc"]
    carry_out(
        order_of(*settings, grid=one, evaluate=[{"data": "ccic", "scores": scores, "threshold": 1e-9}], seeds=[0, 1])
    )
    record = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert [(each["averaging"], each["over"]) for each in record["columns"]] == [
        ("whole pictures", "all"),
        ("whole pictures", "crack-free"),
        ("whole pictures", "all"),
    ]
    assert [cell["value"] for cell in record["rows"][0]["cells"][:2]] == [0.5, 0]  # all are judged cracked
    each = [run["cells"][2]["value"] for run in record["rows"][0]["runs"]]
    assert record["rows"][0]["cells"][2]["value"] == pytest.approx(sum(each) / 2)


def test_only_some_runs(order_of: OrderOf, tmp_path: Path) -> None:
    order = order_of(JUDGED, grid=GRID)
    assert states(order, only=["base=[48]"]) == [("base=4", 3, "finished")]
    assert [row["state"] for row in rows(tmp_path / "out")] == ["missing", "finished"]
    with pytest.raises(RecipeError, match=r"--only base=9 fits no run of .*; there are base=2, base=4"):
        carry_out(order, only=["base=2", "base=9"])
    assert len(states(order, only=["base=2", "base=4"])) == 2


@pytest.mark.parametrize(
    ("values", "error", "named"),
    [
        ({"grid": {"model.options.bass": [2]}}, ModelError, "run 'bass=2': .*no option 'bass'"),
        ({"grid": {"tuning": ["head", "lora:4"]}}, ModelError, "run 'tuning=head'"),
        ({"grid": {"loss.distill": [{"teacher": "nowhere"}]}}, ModelError, "learns from 'nowhere', which is not there"),
        ({"evaluate": [{"data": "nowhere", "scores": ["f1@2"]}], "grid": GRID}, DataError, "No data set at 'nowhere'"),
    ],
)
def test_what_would_end_a_run_is_said_before_the_first(
    order_of: OrderOf, tmp_path: Path, values: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        carry_out(order_of(**values))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_is_left_alone(order_of: OrderOf, tmp_path: Path) -> None:
    carry_out(order_of(JUDGED, grid={"optim.lr": [0.001]}))
    with pytest.raises(RecipeError, match="holds another sweep"):
        carry_out(order_of(JUDGED, name="another", grid={"optim.lr": [0.001]}))
    with pytest.raises(RecipeError, match="run of another recipe"):
        carry_out(order_of("optim.momentum=0.5", "optim.epochs=0", grid={"optim.lr": [0.001]}))
    (tmp_path / "out" / "sweep.yaml").unlink()
    with pytest.raises(CrackwiseError, match="is there already"):
        carry_out(order_of(JUDGED, grid={"optim.lr": [0.001]}))


SEARCH = {
    "trials": 3,
    "space": {"optim.lr": {"low": 1e-4, "high": 1e-2, "log": True}, "data.batch_size": {"choices": [1, 2]}},
}


@pytest.mark.slow
def test_a_killed_search_comes_to_the_same_trials(order_of: OrderOf, write_page: Any, tmp_path: Path) -> None:
    order = order_of(search=SEARCH)
    unbroken = order._replace(out=tmp_path / "unbroken")
    carry_out(unbroken)
    with killed_at(MetricsTable, "on_train_epoch_end", 2):  # in the second trial
        carry_out(order)
    assert len(json.loads((tmp_path / "out" / "trials.json").read_text())["trials"]) == 2
    assert [name for name, *_ in states(order)] == ["trial 000", "trial 001", "trial 002"]
    assert (tmp_path / "out" / "trials.json").read_text() == (tmp_path / "unbroken" / "trials.json").read_text()
    table, expected = rows(tmp_path / "out"), rows(tmp_path / "unbroken")
    for name in ("optim.lr", "data.batch_size", "validation_score"):
        assert [row[name] for row in table] == [row[name] for row in expected]
    assert len({row["optim.lr"] for row in table}) == 3


def test_a_search_knows_its_folder_and_needs_trainings(order_of: OrderOf) -> None:
    carry_out(order_of(search=SEARCH | {"trials": 1}))
    with pytest.raises(RecipeError, match="another space"):
        carry_out(order_of(search=SEARCH | {"seed": 5}))
    with pytest.raises(RecipeError, match="--only is for lists"):
        carry_out(order_of(search=SEARCH), only=["trial*"])
    with pytest.raises(RecipeError, match="a search needs trainings"):
        order_of("optim.epochs=0", search=SEARCH)
    with pytest.raises(RecipeError, match=r"run 'lr=-1.*optim\.lr"):
        order_of(search={"trials": 1, "space": {"optim.lr": {"low": -1, "high": 1}}})


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # mlflow uses deprecated calls of its own libraries
def test_mlflow_gets_a_parent_and_a_child_for_every_run(order_of: OrderOf, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    database = tmp_path / "mlflow.db"
    order = order_of(f"trainer.mlflow=sqlite:///{database}", grid={"model.options.base": [2, 4]})
    with killed_at(MetricsTable, "on_train_epoch_end", 2):
        carry_out(order)
    carry_out(order)
    with sqlite3.connect(database) as tables:
        names = dict(tables.execute("select run_uuid, name from runs"))
        parents = dict(tables.execute("select run_uuid, value from tags where key = 'mlflow.parentRunId'"))
        judged = {key for (key,) in tables.execute("select key from metrics where key like 'test %'")}
    (parent,) = set(parents.values())
    assert names.pop(parent) == "tried"
    assert sorted(names.values()) == ["small base=2", "small base=4"]
    assert names.keys() == parents.keys()
    assert len(judged) == 2
