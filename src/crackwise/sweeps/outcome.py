"""What a run folder of a sweep says of its run: finished, failed or not there, what it cost, what validation gave."""

from __future__ import annotations

import csv
from typing import Literal, TypeAlias

import torch

from crackwise.imaging.files import write_atomically
from crackwise.models import ParameterCount, count_parameters, without_start
from crackwise.models.cost import build_on_meta
from crackwise.models.tuning import apply_tunings
from crackwise.sweeps.plan import Run
from crackwise.training.recipe import Recipe

__all__ = ["State", "core_minutes", "error_of", "mark_failed", "parameters_of", "state_of", "validation_score"]

State: TypeAlias = Literal["finished", "failed", "missing"]

ERROR = "error.txt"


def state_of(run: Run) -> State:
    """Failed as long as its error is there; finished once it is trained."""
    if (run.folder / ERROR).is_file():
        return "failed"
    return "finished" if (run.folder / "card.json").is_file() else "missing"


def mark_failed(run: Run, error: BaseException | None) -> None:
    """Write down why a run failed; with None, forget it."""
    if error is None:
        (run.folder / ERROR).unlink(missing_ok=True)
        return
    text = " ".join(f"{type(error).__name__}: {error}".split())
    write_atomically(run.folder / ERROR, f"{text}\n".encode())


def error_of(run: Run) -> str | None:
    """Why it failed; None where it did not."""
    path = run.folder / ERROR
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def validation_score(run: Run) -> float | None:
    """Of the epoch that was kept; None where the run is not finished, or trained nothing."""
    scores = column(run, "val_score") if state_of(run) == "finished" else []
    if not scores:
        return None
    return scores[-1] if run.recipe.trainer.keep == "last" else max(scores)


def core_minutes(run: Run) -> float:
    """What training and validation took of one core so far; 0 for a network that is judged as it starts."""
    return sum(column(run, "core_s")) / 60


def column(run: Run, name: str) -> list[float]:
    """A column of ``metrics.csv``, where it is filled."""
    path = run.folder / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def parameters_of(recipe: Recipe) -> ParameterCount:
    """Counts of the network that a recipe trains, its tunings applied; in no memory, and without published weights.

    Raises:
        ModelError: the network or one of its options is unknown, or a tuning finds nothing in it.
    """
    options = without_start(recipe.model.name, recipe.model.options)
    model = build_on_meta(recipe.model.name, recipe.data.classes, **options)
    if recipe.tuning:
        with torch.device("meta"):
            apply_tunings(model, recipe.tuning)
    return count_parameters(model)
