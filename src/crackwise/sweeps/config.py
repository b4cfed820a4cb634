"""The page of a sweep: which runs, judged on what, beside which published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationError, field_validator, model_validator

from crackwise.errors import DataError, RecipeError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.noise import noise_named
from crackwise.predictor import Probability
from crackwise.strict import Strict, faults
from crackwise.sweeps.scores import SHOWN
from crackwise.training.recipe import read_values

__all__ = ["Case", "Choice", "Listed", "PublishedConfig", "Range", "Search", "Sweep", "load_sweep"]

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Values = Annotated[list[Any], Field(min_length=1)]


class Listed(Strict):
    """One run of a list."""

    recipe: str | None = None
    """A page of its own, instead of ``base``."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values by their paths, as ``--set`` of ``crackwise train`` takes them."""


class Range(Strict):
    """Numbers between two ends, which belong to it; whole ones where both ends are."""

    low: int | float
    high: int | float
    log: bool = False
    """Small ones as often as large ones."""

    @model_validator(mode="after")
    def rises(self) -> Self:
        """Ends in order, above 0 on a logarithmic scale."""
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"low={self.low}, high={self.high}: low must be below high, and above 0 with log")
        return self


class Choice(Strict):
    """Some plain values, among them short forms such as ``lora:4+head``."""

    choices: Annotated[list[bool | int | float | str | None], Field(min_length=1)]


class Search(Strict):
    """Runs proposed one after the other by Optuna's TPE sampler, towards the highest validation score."""

    trials: PositiveInt
    space: Annotated[dict[str, Range | Choice], Field(min_length=1)]
    """Where to look, by the paths of the recipe."""
    seed: Seed = 0
    """Of the proposals."""


class Case(Strict):
    """What every finished run is judged on: one set, one question."""

    data: str
    """A reference, as ``--data`` of ``crackwise evaluate`` takes it; looked for in the recipe's ``data.root``."""
    scores: Annotated[dict[str, str | None], Field(min_length=1)]
    """Rows of ``SHOWN``; each with the published column it is laid beside, or none. A list names none."""
    threshold: Probability | None = None
    """Default: the one of each run's card."""
    noise: str | None = None
    class_name: str | None = Field(default=None, alias="class")
    phrase: str | None = None
    """For networks that read: the class is asked for by this phrase alone."""
    absent: bool = False
    open_close: bool = False

    @field_validator("scores", mode="before")
    @classmethod
    def names_alone(cls, value: object) -> object:
        """A list of scores as a table without columns."""
        return dict.fromkeys(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def is_known(self) -> Self:
        """Scores and noises of the tables, and nothing that is asked for in vain."""
        for name in self.scores:
            if name not in SHOWN:
                raise ValueError(f"no score named {name!r}; there is {', '.join(SHOWN)}")
        if self.noise is not None:
            try:
                noise_named(self.noise)
            except DataError as error:
                raise ValueError(str(error)) from error
        if self.phrase is not None and self.class_name is None:
            raise ValueError("a phrase asks for a class: name it with class")
        if self.open_close and self.question.per_picture:
            raise ValueError("a picture is judged by its highest probability, which open_close leaves as it is")
        return self

    @property
    def question(self) -> Question:
        """What is asked of the set."""
        whole = any(not SHOWN[name].is_of_pixels for name in self.scores)
        return Question(self.class_name, self.absent, self.open_close, self.phrase, self.noise, per_picture=whole)

    @property
    def title(self) -> str:
        """``'cfd, "crack", blur, threshold 0.5'``: no two cases of a sweep share it."""
        parts = (
            self.data,
            f'"{self.phrase or self.class_name}"' if self.class_name else None,
            "absent" if self.absent else None,
            self.noise,
            "opened and closed" if self.open_close else None,
            f"threshold {self.threshold}" if self.threshold else None,
        )
        return ", ".join(filter(None, parts))


class PublishedConfig(Strict):
    """Numbers to lay beside ours."""

    table: str
    file: str = "published.json"
    """Beside the page of the sweep."""
    differs: tuple[str, ...] = ()
    """Sentences on what else is not as published; shown under the table."""


class Sweep(Strict):
    """Runs from one page; exactly one of ``runs``, ``grid`` and ``search`` says which."""

    name: str
    summary: str = ""
    base: str | None = None
    """The recipe that is varied, beside this page."""
    runs: dict[str, Listed] | None = None
    """A list: the name of each run, which is also that of its published row."""
    grid: Annotated[dict[str, Values], Field(min_length=1)] | None = None
    """Every combination of these values, by their paths."""
    search: Search | None = None
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    """Every run is trained with each of them; default: once, with the recipe's own."""
    evaluate: tuple[Case, ...] = ()
    published: PublishedConfig | None = None
    cost: Literal["core_minutes", "parameters_trainable", "parameters_total"] = "core_minutes"
    """What the plot sets the first score of the first case against."""

    @model_validator(mode="after")
    def is_one_kind(self) -> Self:
        """One way to say which runs, and a recipe for each of them."""
        kinds = [kind for kind in ("runs", "grid", "search") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"say one of runs, grid and search; got {' and '.join(kinds) or 'none'}")
        if self.base is None and (self.runs is None or any(run.recipe is None for run in self.runs.values())):
            raise ValueError("base must name the recipe that is varied")
        if self.base is not None and self.runs and all(run.recipe for run in self.runs.values()):
            raise ValueError("base is never used: every run names its own recipe")
        swept = {*(self.grid or ()), *(self.search.space if self.search else ())}
        swept |= {path for run in (self.runs or {}).values() for path in run.set}
        if self.seeds and "seed" in swept:
            raise ValueError("seeds and a swept seed say the same: leave out one of them")
        return self

    @model_validator(mode="after")
    def names_once(self) -> Self:
        """Names, seeds and cases are told apart by their folders and columns."""
        for what, names in (
            ("runs", [name.lower() for name in self.runs or ()]),
            ("seeds", self.seeds or ()),
            ("evaluate", [case.title for case in self.evaluate]),
        ):
            repeated = sorted({str(name) for name in names if list(names).count(name) > 1})
            if repeated:
                raise ValueError(f"{what}: {', '.join(repeated)} is there twice")
        return self


def load_sweep(path: Path) -> Sweep:
    """Read the page of a sweep; ``extends`` in it works as in a recipe.

    Raises:
        RecipeError: no such file, not YAML, an unknown key or an impossible value.
    """
    values = read_values(path)
    values.setdefault("name", path.stem)
    try:
        return Sweep.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: {faults(error)}") from error
