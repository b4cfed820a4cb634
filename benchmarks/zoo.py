"""How many steps a recipe may take in a given time of one CPU core.

    python benchmarks/zoo.py [--minutes 40] RECIPE...

Trains each recipe for two short epochs and reads from its metrics what a step and a validation take of the processor
(the first epoch warms up and is left out); prints the epochs that fill the time. Processor time, not the wall clock:
it is steady, though not untouched, where others work on the machine too.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from crackwise.training.recipe import Recipe, load_recipe
from crackwise.training.run import train

STEPS = 6


def core_seconds(recipe: Recipe, *, validated: bool) -> float:
    """Of the second of two short epochs, with or without a validation at its end."""
    every = 2 if validated else 3
    values = recipe.model_dump()
    values["data"] |= {"steps_per_epoch": STEPS}
    values["optim"] |= {"epochs": 2 if validated else 3, "warmup_steps": 1}
    values["trainer"] |= {"validate_every_epochs": every}
    with tempfile.TemporaryDirectory() as folder:
        run = train(Recipe.parse(values, "steps"), Path(folder, "run"))
        with (run / "metrics.csv").open(newline="") as file:
            return float(list(csv.DictReader(file))[1]["core_s"])


def epochs_in(recipe: Recipe, minutes: float) -> tuple[int, float, float]:
    """Whole validation rounds that fit into the time; seconds of a step, and of a validation."""
    bare = core_seconds(recipe, validated=False)
    step, validation = bare / STEPS, max(0.0, core_seconds(recipe, validated=True) - bare)
    every = recipe.trainer.validate_every_epochs
    round_ = every * (recipe.data.steps_per_epoch or 1) * step + validation
    return max(1, round(60 * minutes / round_)) * every, step, validation


def main() -> None:
    """Print a line per recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+", type=Path, metavar="RECIPE")
    parser.add_argument("--minutes", type=float, default=40)
    options = parser.parse_args()
    for path in options.recipes:
        epochs, step, validation = epochs_in(load_recipe(path), options.minutes)
        print(f"{path.stem:24} epochs: {epochs:4}   {step:.2f} s a step, {validation:.1f} s a validation", flush=True)


if __name__ == "__main__":
    main()
