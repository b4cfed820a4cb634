"""A search: Optuna proposes, the validation score answers, and a file remembers the proposals.

A sampler is made anew for every proposal, seeded by its number, and told all answers before it. So a search that was
killed goes on to the runs that it would have come to anyway, and needs no data base: the answers lie in the run
folders.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crackwise.errors import RecipeError, needs_extra
from crackwise.imaging.files import write_atomically
from crackwise.sweeps.config import Choice, Range, Search

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Answer", "corners", "proposals", "recorded"]

TRIALS = "trials.json"

Answer = Callable[[int, Mapping[str, Any]], float | None]
"""The validation score of a proposal by its number and values; None where its run failed or is not there."""


def proposals(search: Search, out: Path, answer: Answer) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and values of every trial, recorded before it is handed out; ``answer`` is asked for those before it."""
    trials = recorded(search, out)
    for number in range(search.trials):
        if number == len(trials):
            trials.append(proposed(search, [(values, answer(n, values)) for n, values in enumerate(trials)]))
            content = {**about(search), "trials": trials}
            write_atomically(out / TRIALS, f"{json.dumps(content, indent=1)}\n".encode())
        yield number, trials[number]


def recorded(search: Search, out: Path) -> list[dict[str, Any]]:
    """The values of every trial that was proposed so far; none in a new folder.

    Raises:
        RecipeError: they are of another search.
    """
    path = out / TRIALS
    if not path.is_file():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    trials: list[dict[str, Any]] = kept.pop("trials")
    if kept != about(search):
        raise RecipeError(f"{str(path)!r} is of a search in another space or with another seed. Choose another --out.")
    return trials


def about(search: Search) -> dict[str, Any]:
    """What the proposals depend on, beside the answers."""
    return {"seed": search.seed, "space": {path: where.model_dump() for path, where in search.space.items()}}


def corners(search: Search) -> Iterator[dict[str, Any]]:
    """As few points of the space as reach both ends of every range, and every choice."""
    axes = {
        path: where.choices if isinstance(where, Choice) else [where.low, where.high]
        for path, where in search.space.items()
    }
    for i in range(max(map(len, axes.values()))):
        yield {path: values[min(i, len(values) - 1)] for path, values in axes.items()}


def proposed(search: Search, answered: list[tuple[dict[str, Any], float | None]]) -> dict[str, Any]:
    """The values of the next trial."""
    with needs_extra("lab"):
        import optuna
    space = {path: distribution(where) for path, where in search.space.items()}
    state = optuna.trial.TrialState
    with quiet(optuna):
        sampler = optuna.samplers.TPESampler(seed=search.seed + len(answered))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for values, score in answered:
            ended = state.FAIL if score is None else state.COMPLETE
            study.add_trial(optuna.create_trial(state=ended, value=score, params=values, distributions=space))
        return dict(study.ask(space).params)


def distribution(where: Range | Choice) -> BaseDistribution:
    """What Optuna calls it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(where, Choice):
        return CategoricalDistribution(where.choices)
    if isinstance(where.low, int) and isinstance(where.high, int):
        return IntDistribution(where.low, where.high, log=where.log)
    return FloatDistribution(where.low, where.high, log=where.log)


@contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna's own report from the user; the table says it all."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
