"""A sweep: every run trained and judged, one after the other; whatever is done already stays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from crackwise.errors import CrackwiseError, ModelError, RecipeError
from crackwise.imaging.files import refuse_filled, write_atomically
from crackwise.models import ParameterCount
from crackwise.sweeps.config import Sweep, load_sweep
from crackwise.sweeps.judge import judge, refuse_unfit_sets
from crackwise.sweeps.outcome import State, mark_failed, parameters_of, state_of, validation_score
from crackwise.sweeps.plan import Arm, Run, arm_of, arms_of, described
from crackwise.sweeps.published import PublishedTable, load_published
from crackwise.sweeps.record import write_record
from crackwise.sweeps.search import corners, proposals, recorded
from crackwise.sweeps.tracking import log_scores, parent_of
from crackwise.training.recipe import load_recipe, read_values
from crackwise.training.run import train

__all__ = ["Order", "carry_out", "counted", "fits", "open_order"]

logger = logging.getLogger(__name__)

Told: TypeAlias = Callable[[Arm, Run, State], None]

PAGE = "sweep.yaml"
"""In the folder of a sweep: its page."""
FAILURES = (CrackwiseError, ArithmeticError, MemoryError, OSError, RuntimeError, ValueError)
"""What ends one run and not the sweep; torch says by a RuntimeError that memory is short."""


class Order(NamedTuple):
    """A sweep that was read and checked, and where it goes."""

    sweep: Sweep
    page: Path
    out: Path
    settings: tuple[str, ...]
    """``path=value`` for every run."""
    published: PublishedTable | None

    def arms(self) -> Iterator[Arm]:
        """The arms, one by one: the next one of a search comes when those before it are done."""
        if self.sweep.search is None:
            yield from arms_of(self.sweep, self.page, self.out, self.settings)
        else:
            for number, values in proposals(self.sweep.search, self.out, self.answer):
                yield self.trial(number, values)

    def known_arms(self) -> list[Arm]:
        """All arms; of a search those that were proposed so far."""
        if self.sweep.search is None:
            return list(self.arms())
        return [self.trial(number, values) for number, values in enumerate(recorded(self.sweep.search, self.out))]

    def samples(self) -> list[Arm]:
        """What can be tried before anything is trained: all arms, of a search the ends of its space."""
        if self.sweep.search is None:
            return list(self.arms())
        return [self.arm(described(values), values) for values in corners(self.sweep.search)]

    def trial(self, number: int, values: Mapping[str, Any]) -> Arm:
        """One arm of a search."""
        return self.arm(f"trial {number:03}", values)

    def arm(self, name: str, values: Mapping[str, Any]) -> Arm:
        """The base with these values."""
        return arm_of(self.sweep, self.page, self.out, name, values, settings=self.settings)

    def answer(self, number: int, values: Mapping[str, Any]) -> float | None:
        """The mean validation score over the seeds; None where one of them has none."""
        scores = [validation_score(run) for run in self.trial(number, values).runs]
        found = [score for score in scores if score is not None]
        return sum(found) / len(found) if len(found) == len(scores) else None


def open_order(page: Path, out: Path, settings: Sequence[str] = ()) -> Order:
    """Read the page of a sweep and everything that it names; nothing is written.

    Raises:
        RecipeError: the page, a recipe or a published table is wrong; one sentence says where.
    """
    sweep = load_sweep(page)
    order = Order(sweep, page, out, tuple(settings), load_published(sweep, page))
    for arm in order.samples():
        if sweep.search is not None and arm.runs[0].recipe.optim.epochs == 0:
            raise RecipeError(f"{page}: a search needs trainings, and optim.epochs=0 trains nothing.")
    return order


def counted(order: Order) -> dict[str, ParameterCount]:
    """Parameters of every arm that can be told now, by its name.

    Raises:
        ModelError: a network, one of its options or a tuning is wrong; the message names the run.
    """
    counts = {}
    for arm in order.samples():
        try:
            counts[arm.name] = parameters_of(arm.runs[0].recipe)
        except ModelError as error:
            raise ModelError(f"{order.page}: run {arm.name!r}: {error}") from error
    return counts


def carry_out(
    order: Order, *, only: Sequence[str] = (), retry: bool = False, told: Told = lambda *_: None
) -> list[Run]:
    """Train and judge every run, or those whose arm's name `fits`, and write the tables; returns what failed.

    What is done stays: a killed sweep goes on where it was. A run that fails is left with its error, and the others
    follow; ``retry`` takes failed ones up again. ``told`` hears of every run.

    Raises:
        CrackwiseError: before the first run, what would end one of them: a wrong option of a network, a set or a
            teacher that is not there, a folder that holds another sweep.
    """
    if only and order.sweep.search is not None:
        raise RecipeError("--only is for lists and grids: what a search proposes follows from all of its runs.")
    refuse_another(order)
    names = list(counted(order))
    for pattern in only:
        if not any(fits(name, [pattern]) for name in names):
            raise RecipeError(f"--only {pattern} fits no run of {order.page}; there are {', '.join(names)}.")
    refuse_missing_teachers(order, only)
    refuse_unfit_sets([run for arm in order.samples() for run in arm.runs], order.sweep.evaluate)
    content = yaml.safe_dump(order.sweep.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
    write_atomically(order.out / PAGE, content.encode())
    failed = []
    for arm in order.arms():
        if not fits(arm.name, only):
            continue
        for run in arm.runs:
            state = carry_out_run(order, run, retry=retry)
            told(arm, run, state)
            failed += [run] if state == "failed" else []
        write_record(order.sweep, order.known_arms(), order.published, order.out)
    return failed


def fits(name: str, only: Sequence[str]) -> bool:
    """Whether a name fits one of the patterns; without any it does."""
    return not only or any(fnmatchcase(name, pattern) for pattern in only)


def carry_out_run(order: Order, run: Run, *, retry: bool) -> State:
    """Train and judge one run; what it fails of is kept in its folder."""
    if retry:
        mark_failed(run, None)
    if state_of(run) == "failed":
        return "failed"
    try:
        train(run.recipe, run.folder, mlflow_parent=parent_of(run.recipe, order.sweep.name, order.out))
        log_scores(run, judge(run, order.sweep.evaluate))
    except FAILURES as error:
        logger.exception("%s failed", run.folder)
        mark_failed(run, error)
    return state_of(run)


def refuse_missing_teachers(order: Order, only: Sequence[str]) -> None:
    """See that those are there whom runs shall learn from, or that runs of this sweep will be.

    Raises:
        ModelError: one is missing.
    """
    for arm in order.samples():
        for run in arm.runs if fits(arm.name, only) else ():
            distill = run.recipe.loss.distill
            if distill is None or state_of(run) == "finished":
                continue
            teacher = Path(distill.teacher).resolve()
            if not teacher.exists() and order.out.resolve() not in teacher.parents:
                raise ModelError(
                    f"{order.page}: run {arm.name!r} learns from {distill.teacher!r}, which is not there. Train that."
                )


def refuse_another(order: Order) -> None:
    """Leave a folder alone that holds something else.

    Raises:
        CrackwiseError: another sweep, this one with other recipes, or no sweep at all.
    """
    path = order.out / PAGE
    if not path.is_file():
        refuse_filled(order.out)
        return
    if read_values(path).get("name") != order.sweep.name:
        raise RecipeError(f"{str(order.out)!r} holds another sweep. Choose another --out, or delete the folder.")
    for run in (run for arm in order.known_arms() for run in arm.runs):
        trained = run.folder / "recipe.yaml"
        if trained.is_file() and load_recipe(trained) != run.recipe:
            raise RecipeError(
                f"{str(run.folder)!r} holds a run of another recipe: the sweep or a page that it names has changed. "
                "Choose another --out, or delete that folder."
            )
