"""What was judged, in MLflow: scores as metrics, files as artifacts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crackwise.errors import CrackwiseError, needs_extra, without_secrets
from crackwise.evaluation.compare.kept import folders_of

__all__ = ["log_evaluation", "log_page"]

FILES = ("scores.json", "scores.csv", "report.html")
NOT_IN_NAMES = re.compile(r"[^\w\-./ ]")
"""What MLflow has not in the name of a metric."""
AT_ONCE = 100
"""So many numbers or texts MLflow takes with one call."""
ESTIMATE = {"value", "low", "high"}
"""Keys of a score with its interval."""
UNSAID = {"found", "sets", "models", "scores", "rows", "cells", "estimate", "pairs"}
"""Levels of records that say nothing in the name of a metric."""


def log_evaluation(address: str, out: Path) -> str:
    """Log what `evaluate_sets` wrote into ``out`` as a run of its own, and return the run's number.

    A metric is called ``set/score``, or ``set without leaking/score`` where leaking pictures were left out; the set is
    named as its folder of kept masks. What is not defined is left out.

    Raises:
        MissingExtraError: MLflow is not installed.
        CrackwiseError: it cannot log there.
    """
    record = json.loads((out / FILES[0]).read_text(encoding="utf-8"))
    files = [out / name for name in FILES]
    return log_run(address, f"evaluation of {maker_of(record)}", parameters(record), metrics(record), files)


def log_page(address: str, files: Sequence[Path]) -> str:
    """Log a finished page as a run of its own, and return the run's number; the first of its files is its record.

    Every estimate of the record is a metric named by its place there, such as ``set/model/score/clean``; settings are
    parameters; all files are kept.

    Raises:
        MissingExtraError: MLflow is not installed.
        CrackwiseError: it cannot log there.
    """
    record = json.loads(files[0].read_text(encoding="utf-8"))
    settings = {k: str(v) for k, v in (record | record.get("conditions", {})).items() if not isinstance(v, dict | list)}
    return log_run(address, files[0].stem, settings, dict(estimates(record)), files)


def estimates(node: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Every defined estimate below a node of a record, by its place."""
    if isinstance(node, list):
        node = {name_of(each) or str(number): each for number, each in enumerate(node)}
    if not isinstance(node, dict):
        return
    if node.keys() >= ESTIMATE and node["value"] is not None:
        yield "/".join(place), node["value"]
    for key, each in node.items():
        yield from estimates(each, place if key in UNSAID else (*place, key.replace("/", "_")))


def name_of(element: Any) -> str:
    """Of an element of a list: the model that it is about, or the two whose difference it is."""
    if not isinstance(element, dict):
        return ""
    return (
        str(element["model"])
        if "model" in element
        else " less ".join(str(element[side]) for side in ("first", "second") if side in element)
    )


def log_run(
    address: str, name: str, texts: Mapping[str, str], numbers: Mapping[str, float], files: Sequence[Path] = ()
) -> str:
    """A run of MLflow that is over at once: texts, numbers and files that lie on disk already; its number.

    Raises:
        MissingExtraError: MLflow is not installed.
        CrackwiseError: it cannot log there.
    """
    with needs_extra("mlflow"):
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param
        from mlflow.exceptions import MlflowException

        from crackwise.training.run import EXPERIMENT
    now = int(time.time() * 1000)
    params = [Param(NOT_IN_NAMES.sub("_", key), text) for key, text in texts.items()]
    values = [Metric(NOT_IN_NAMES.sub("_", key), value, now, 0) for key, value in numbers.items()]
    try:
        client = MlflowClient(address)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        run: str = client.create_run(number, run_name=name).info.run_id
        for start in range(0, len(params), AT_ONCE):
            client.log_batch(run, params=params[start : start + AT_ONCE])
        for start in range(0, len(values), AT_ONCE):
            client.log_batch(run, metrics=values[start : start + AT_ONCE])
        for path in files:
            client.log_artifact(run, str(path))
        client.set_terminated(run)
    except (MlflowException, OSError) as error:
        shown = without_secrets(address)
        reason = str(error).replace(address.rstrip("/"), shown.rstrip("/")).strip().partition("\n")[0]
        raise CrackwiseError(
            f"The results are written, but MLflow at {shown!r} did not take them: {reason}."
        ) from error
    return run


def maker_of(record: Mapping[str, Any]) -> str:
    """Who made the predictions."""
    model = record["model"]
    return f"{model['name']} {model['version']}" if model else str(record["predictions"]["folder"])


def parameters(record: Mapping[str, Any]) -> dict[str, str]:
    """What the scores depend on."""
    folders = folders_of(record["sets"])
    of_sets = {
        f"{what} {folders[reference]}": str(of_set[what])
        for reference, of_set in record["sets"].items()
        for what in ("threshold", "threshold_source")
    }
    sha256 = (record["model"] or record["predictions"])["sha256"]
    return {"made by": maker_of(record), "sha256": sha256} | of_sets


def metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """Every defined score by its name in MLflow."""
    folders = folders_of(record["sets"])
    return {
        f"{folders[ref]}{'' if subset == 'all' else ' without leaking'}/{name}": score["value"]
        for ref, of_set in record["sets"].items()
        for kind in ("subsets", "judgements")
        for subset, part in of_set[kind].items()
        for name, score in part["scores"].items()
        if score["value"] is not None
    }
