"""Judged explanations in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crackwise.errors import needs_extra
from crackwise.training.run import EXPERIMENT

__all__ = ["log_means"]


def log_means(record: Mapping[str, Any], address: str) -> str:
    """Log the mean of every measure as ``model/method/measure`` of one new run; returns its number."""
    with needs_extra("mlflow"):
        from mlflow import MlflowClient
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    run = client.create_run(number, run_name=f"faithfulness on {record['data']}")
    for name, value in record["conditions"].items():
        client.log_param(run.info.run_id, name, value)
    for model, methods in record["found"].items():
        for method, found in methods.items():
            for measure, score in found["scores"].items():
                if score["value"] is not None:
                    client.log_metric(run.info.run_id, f"{model}/{method}/{measure}", score["value"])
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)
