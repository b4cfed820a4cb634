"""A page of a sweep to its runs: names, folders and resolved recipes, before anything is trained."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from crackwise.errors import RecipeError
from crackwise.sweeps.config import Sweep
from crackwise.training.recipe import Recipe, load_recipe

__all__ = ["Arm", "Run", "arm_of", "arms_of", "override"]

LONGEST_SLUG = 60


class Run(NamedTuple):
    """One training."""

    folder: Path
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Arm:
    """One row of the table: a recipe, trained once per seed."""

    name: str
    swept: Mapping[str, Any]
    """The values that this arm has of its own, by their paths."""
    runs: tuple[Run, ...]
    """One per seed."""


def arms_of(sweep: Sweep, page: Path, out: Path, settings: Sequence[str]) -> list[Arm]:
    """The arms of a list or a grid; of a search none, as they follow from what is found.

    Raises:
        RecipeError: a recipe cannot be read or is wrong; the message names the run and the path.
    """
    if sweep.runs is not None:
        listed = [(name, run.recipe or sweep.base, run.set) for name, run in sweep.runs.items()]
    else:
        combinations = product(*(sweep.grid or {}).values()) if sweep.grid else ()
        swept = [dict(zip(sweep.grid or (), values, strict=True)) for values in combinations]
        listed = [(described(values), sweep.base, values) for values in swept]
    arms = [arm_of(sweep, page, out, name, swept, settings=settings, recipe=recipe) for name, recipe, swept in listed]
    folders = [run.folder for arm in arms for run in arm.runs]
    if len(set(folders)) < len(folders):
        raise RecipeError(
            f"{page}: two runs have one folder: a value stands twice in the grid, or two names are nearly the same."
        )
    return arms


def arm_of(
    sweep: Sweep,
    page: Path,
    out: Path,
    name: str,
    swept: Mapping[str, Any],
    *,
    settings: Sequence[str] = (),
    recipe: str | None = None,
) -> Arm:
    """One arm: a page (``base`` by default), then what the arm sets, then ``settings``; a recipe per seed.

    Raises:
        RecipeError: it cannot be read or is wrong, or ``settings`` fix what the sweep varies.
    """
    path = page.parent / (recipe or sweep.base or "")
    if fixed := sorted({setting.partition("=")[0].strip() for setting in settings} & paths_of(sweep)):
        raise RecipeError(f"--set {fixed[0]}: the sweep varies it. Leave it out, or change the page of the sweep.")
    values = [*(override(key, value) for key, value in swept.items()), *settings]
    try:
        first = load_recipe(path, values)
        if swept:  # what its page says of itself is no longer the whole truth
            values.append(override("name", f"{first.name} {name}"))
        recipes = [load_recipe(path, [*values, f"seed={seed}"]) for seed in sweep.seeds or (first.seed,)]
    except RecipeError as error:
        raise RecipeError(f"{page}: run {name!r}: {error}") from error
    folder = out / "runs" / slug(name)
    return Arm(name, swept, tuple(Run(folder / f"seed{recipe.seed}", recipe) for recipe in recipes))


def paths_of(sweep: Sweep) -> set[str]:
    """What is varied."""
    return (
        set(sweep.grid or ()) | set(sweep.search.space if sweep.search else ()) | ({"seed"} if sweep.seeds else set())
    )


def override(path: str, value: object) -> str:
    """A plain value as ``--set`` takes it: ``"optim.lr=0.001"``."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return f"{path}={text.removesuffix('...' + chr(10)).strip()}"


def described(values: Mapping[str, Any]) -> str:
    """``"lr=0.01, base=16"``: paths by their last part, where that says which."""
    last = [path.rpartition(".")[2] for path in values]
    names = [
        short if last.count(short) == 1 and not short.isdigit() else path
        for short, path in zip(last, values, strict=True)
    ]
    return ", ".join(f"{name}={as_text(value)}" for name, value in zip(names, values.values(), strict=True))


def as_text(value: object) -> str:
    """A value in a name."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def slug(name: str) -> str:
    """The folder of an arm: its name, or what a file system takes of it and the start of a hash."""
    short = name.replace(", ", ",").replace(" ", "_")
    plain = re.sub(r"[^\w.,=+-]+", "_", short, flags=re.ASCII).strip("._")[:LONGEST_SLUG]
    return plain if plain == short else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
