"""Evaluations in MLflow, read back."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from crackwise.cli import compare
from crackwise.cli.evaluate import register
from crackwise.evaluation.answers.predictions import open_predictions
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.sets import evaluate_sets
from crackwise.evaluation.tracking import estimates, metrics, parameters
from given_files import Darkness, draw_walls, write_masks


@pytest.fixture
def out(tmp_path):
    items = draw_walls(tmp_path / "walls")
    leaks = {"/walls:test": Leaks(frozenset({items[0].name}), ("walls:train",))}
    sets = {"/walls:test": items, "../walls:quiet": items[2:]}
    evaluate_sets(Darkness(), sets, tmp_path / "out", question=Question(per_picture=True), leaks=leaks)
    return tmp_path / "out"


def record_in(out):
    return json.loads((out / "scores.json").read_text())


def test_every_defined_score_has_a_name_of_its_own(out):
    record, found = record_in(out), metrics(record_in(out))
    defined = [
        score["value"]
        for of_set in record["sets"].values()
        for part in (*of_set["subsets"].values(), *of_set["judgements"].values())
        for score in part["scores"].values()
        if score["value"] is not None
    ]
    assert list(found.values()) == defined
    assert found["walls_test/pooled_f1"] != found["walls_test without leaking/pooled_f1"]
    assert "walls_quiet/pooled_f1" not in found  # no crack, no F1


def test_what_the_scores_depend_on_is_said(out, tmp_path):
    assert parameters(record_in(out)) == {
        "made by": "dark 1",
        "sha256": "0" * 64,
        "threshold walls_test": "0.6",
        "threshold_source walls_test": "card",
        "threshold walls_quiet": "0.6",
        "threshold_source walls_quiet": "card",
    }
    items = draw_walls(tmp_path / "walls")
    predictions = open_predictions(write_masks(tmp_path / "theirs", items), items)
    evaluate_sets(predictions, {"walls": items}, tmp_path / "given")
    said = parameters(record_in(tmp_path / "given"))
    assert said["made by"] == str(tmp_path / "theirs")
    assert (said["sha256"], said["threshold_source walls"]) == (predictions.sha256, "default")


@pytest.mark.filterwarnings("default")  # mlflow uses deprecated calls of its own libraries
def test_a_logged_evaluation_is_read_back(drawn_set, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow puts files
    address, out, app = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "out", typer.Typer()
    register(app)
    options = ["--predictions", drawn_set / "masks", "--data", f"{drawn_set}:val", "--out", out, "--mlflow", address]
    assert CliRunner().invoke(app, [*map(str, options)], catch_exceptions=False).exit_code == 0
    client = mlflow.MlflowClient(address)
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert run.data.metrics == pytest.approx({k.replace("@", "_"): v for k, v in metrics(record_in(out)).items()})
    assert run.data.params == parameters(record_in(out))
    assert run.info.status == "FINISHED"
    assert sorted(Path(file.path).name for file in client.list_artifacts(run.info.run_id)) == [
        "report.html",
        "scores.csv",
        "scores.json",
    ]


def test_estimates_are_named_by_their_place():
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6, "pictures": 3}
    record = {
        "sets": {"/my/walls": {"models": {"ours": {"scores": {"iou": {"clean": estimate | {"relative": estimate}}}}}}},
        "rows": [{"model": "ours 1", "cells": {"walls": {"estimate": estimate}}, "unseen_mean": None}],
        "pairs": [{"first": "ours", "second": "theirs", "difference": estimate}],
        "pictures": [3, {"iou": estimate | {"value": None}}, {"iou": estimate}],
    }
    assert list(estimates(record)) == [
        ("_my_walls/ours/iou/clean", 0.5),
        ("_my_walls/ours/iou/clean/relative", 0.5),
        ("ours 1/walls", 0.5),
        ("ours less theirs/difference", 0.5),
        ("pictures/2/iou", 0.5),
    ]


@pytest.mark.filterwarnings("default")  # mlflow uses deprecated calls of its own libraries
def test_a_logged_page_is_read_back(drawn_set, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow puts files
    address, out, app = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "out", typer.Typer()
    compare.register(app)
    options = ["matrix", "packaged", "--data", f"{drawn_set}:val", "--out", out, "--mlflow", address]
    assert CliRunner().invoke(app, [*map(str, options)], catch_exceptions=False).exit_code == 0
    client = mlflow.MlflowClient(address)
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    (row,) = json.loads((out / "matrix.json").read_text())["rows"]
    assert [cell["estimate"]["value"] for cell in row["cells"].values()] == [*run.data.metrics.values()]
    assert (run.info.run_name, run.data.params["schema"]) == ("matrix", "crackwise.matrix/1")
    names = {Path(file.path).name for file in client.list_artifacts(run.info.run_id)}
    assert names == {"matrix.json", "matrix.csv", "matrix.html"}
