"""A sweep in MLflow, where its recipes ask for that: one parent, and a child for every run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from crackwise.errors import needs_extra
from crackwise.imaging.files import write_atomically
from crackwise.sweeps.config import Case
from crackwise.sweeps.plan import Run
from crackwise.sweeps.scores import Findings, estimate
from crackwise.training.recipe import Recipe
from crackwise.training.run import EXPERIMENT, MLFLOW_RUN

__all__ = ["log_scores", "parent_of"]


def parent_of(recipe: Recipe, name: str, out: Path) -> str | None:
    """The run of MLflow that those of a sweep belong to, made where there is none yet; None without a tracker."""
    if recipe.trainer.mlflow is None:
        return None
    path = out / MLFLOW_RUN
    if not path.is_file():
        with needs_extra("mlflow"):
            from mlflow import MlflowClient
        client = MlflowClient(recipe.trainer.mlflow)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        run = client.create_run(number, run_name=name)
        client.set_terminated(run.info.run_id)
        write_atomically(path, run.info.run_id.encode())
    return path.read_text(encoding="utf-8")


def log_scores(run: Run, judged: Iterable[tuple[Case, Findings]]) -> None:
    """Log what the run was judged on, the scores that the sweep shows."""
    path = run.folder / MLFLOW_RUN
    if run.recipe.trainer.mlflow is None or not path.is_file():
        return
    with needs_extra("mlflow"):
        from mlflow import MlflowClient
    client, number = MlflowClient(run.recipe.trainer.mlflow), path.read_text(encoding="utf-8")
    for case, findings in judged:
        for name in case.scores:
            value = estimate(name, (findings,)).value
            if not math.isnan(value):
                client.log_metric(number, re.sub(r"[^\w\-./ ]", "", f"test {case.title}/{name}"), value)
