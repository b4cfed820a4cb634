"""An evaluation in MLflow: its scores as metrics, its files as artifacts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crackwise.errors import CrackwiseError, needs_extra
from crackwise.evaluation.compare.kept import folders_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["log_evaluation"]

FILES = ("scores.json", "scores.csv", "report.html")
NOT_IN_NAMES = re.compile(r"[^\w\-./ ]")
"""What MLflow has not in the name of a metric."""
AT_ONCE = 100
"""So many numbers or texts MLflow takes with one call."""


def log_evaluation(address: str, out: Path) -> str:
    """Log what `evaluate_sets` wrote into ``out`` as a run of its own, and return the run's number.

    A metric is called ``set/score``, or ``set without leaking/score`` where leaking pictures were left out; the set is
    named as its folder of kept masks. What is not defined is left out.

    Raises:
        MissingExtraError: MLflow is not installed.
        CrackwiseError: it cannot log there.
    """
    with needs_extra("mlflow"):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        from crackwise.training.run import EXPERIMENT
    record = json.loads((out / FILES[0]).read_text(encoding="utf-8"))
    try:
        client = MlflowClient(address)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        run: str = client.create_run(number, run_name=f"evaluation of {maker_of(record)}").info.run_id
        fill(client, run, record, out)
    except (MlflowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CrackwiseError(
            f"The scores lie in {str(out)!r}, but MLflow at {address!r} did not take them: {reason}."
        ) from error
    return run


def fill(client: MlflowClient, run: str, record: Mapping[str, Any], out: Path) -> None:
    """Numbers, texts and files into a run, which is then over."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    texts = [Param(key, text) for key, text in parameters(record).items()]
    numbers = [Metric(key, value, now, 0) for key, value in metrics(record).items()]
    for start in range(0, len(texts), AT_ONCE):
        client.log_batch(run, params=texts[start : start + AT_ONCE])
    for start in range(0, len(numbers), AT_ONCE):
        client.log_batch(run, metrics=numbers[start : start + AT_ONCE])
    for name in FILES:
        client.log_artifact(run, str(out / name))
    client.set_terminated(run)


def maker_of(record: Mapping[str, Any]) -> str:
    """Who made the predictions."""
    model = record["model"]
    return f"{model['name']} {model['version']}" if model else str(record["predictions"]["folder"])


def parameters(record: Mapping[str, Any]) -> dict[str, str]:
    """What the scores depend on."""
    folders = folders_of(record["sets"])
    of_sets = {
        NOT_IN_NAMES.sub("_", f"{what} {folders[reference]}"): str(of_set[what])
        for reference, of_set in record["sets"].items()
        for what in ("threshold", "threshold_source")
    }
    sha256 = (record["model"] or record["predictions"])["sha256"]
    return {"made by": maker_of(record), "sha256": sha256} | of_sets


def metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """Every defined score by its name in MLflow."""
    folders = folders_of(record["sets"])
    return {
        NOT_IN_NAMES.sub("_", f"{folders[ref]}{'' if subset == 'all' else ' without leaking'}/{name}"): score["value"]
        for ref, of_set in record["sets"].items()
        for kind in ("subsets", "judgements")
        for subset, part in of_set[kind].items()
        for name, score in part["scores"].items()
        if score["value"] is not None
    }
