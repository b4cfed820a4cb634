"""An evaluation in MLflow: its scores as metrics, its files as artifacts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from crackwise.errors import needs_extra

__all__ = ["log_evaluation"]

FILES = ("scores.json", "scores.csv", "report.html")
NOT_IN_NAMES = re.compile(r"[^\w\-./ ]")
"""What MLflow has not in the name of a metric."""


def log_evaluation(address: str, out: Path) -> str:
    """Log what `evaluate_sets` wrote into ``out`` as a run of its own, and return the run's number.

    A metric is called ``set/score``, or ``set without leaking/score`` where leaking pictures were left out. What is not
    defined is left out.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    with needs_extra("mlflow"):
        from mlflow import MlflowClient

        from crackwise.training.run import EXPERIMENT
    record = json.loads((out / FILES[0]).read_text(encoding="utf-8"))
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    run: str = client.create_run(number, run_name=f"evaluation of {maker_of(record)}").info.run_id
    for key, text in parameters(record).items():
        client.log_param(run, key, text)
    for key, value in metrics(record).items():
        client.log_metric(run, key, value)
    for name in FILES:
        client.log_artifact(run, str(out / name))
    client.set_terminated(run)
    return run


def maker_of(record: dict[str, Any]) -> str:
    """Who made the predictions."""
    model = record["model"]
    return f"{model['name']} {model['version']}" if model else str(record["predictions"]["folder"])


def parameters(record: dict[str, Any]) -> dict[str, str]:
    """What the scores depend on."""
    of_sets = {
        f"{what} {reference}": str(of_set[what])
        for reference, of_set in record["sets"].items()
        for what in ("threshold", "threshold_source")
    }
    sha256 = (record["model"] or record["predictions"])["sha256"]
    named = {"made by": maker_of(record), "sha256": sha256} | of_sets
    return {NOT_IN_NAMES.sub("_", key): value for key, value in named.items()}


def metrics(record: dict[str, Any]) -> dict[str, float]:
    """Every defined score by its name in MLflow."""
    return {
        NOT_IN_NAMES.sub("_", f"{reference}{'' if subset == 'all' else ' without leaking'}/{name}"): score["value"]
        for reference, of_set in record["sets"].items()
        for kind in ("subsets", "judgements")
        for subset, part in of_set[kind].items()
        for name, score in part["scores"].items()
        if score["value"] is not None
    }
