"""Evaluations in MLflow, read back."""

import json
from pathlib import Path

import pytest

from crackwise.errors import CrackwiseError
from crackwise.evaluation.answers.predictions import open_predictions
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.sets import evaluate_sets
from crackwise.evaluation.tracking import log_evaluation, metrics, parameters
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


def test_a_logged_evaluation_is_read_back(out, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow puts files
    address = f"sqlite:///{tmp_path}/mlflow.db"
    run = mlflow.MlflowClient(address).get_run(log_evaluation(address, out))
    assert run.data.metrics == pytest.approx(metrics(record_in(out)))
    assert run.data.params == parameters(record_in(out))
    assert run.info.status == "FINISHED"
    assert sorted(Path(file.path).name for file in mlflow.MlflowClient(address).list_artifacts(run.info.run_id)) == [
        "report.html",
        "scores.csv",
        "scores.json",
    ]


def test_a_tracker_that_does_not_answer_is_named_and_the_scores_are_safe(out):
    pytest.importorskip("mlflow")
    with pytest.raises(CrackwiseError, match=r"The scores lie in .*out', but MLflow at 'nonsense://x'"):
        log_evaluation("nonsense://x", out)
