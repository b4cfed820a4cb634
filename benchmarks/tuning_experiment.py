"""Scratch, head, LoRA, adapters, full: five ways to learn cracks from one backbone, about 15 core-minutes each.

    nice python benchmarks/tuning_experiment.py [--only ARM ...] [--seed N ...] [--train-only]

Trains recipes/tuning_experiment with seeds 0, 1 and 2, one run after the other on one core, and judges every run on the
sets it was held apart from, clean and under blur, with the threshold from validation. A stopped benchmark goes on where
it was, a finished run is left as it is. Once all are there it writes docs/experiments/tuning.json, fills in the table
of docs/experiments/tuning.md and prints it.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crackwise.allocator import keep_freed_memory
from crackwise.backends import load_predictor
from crackwise.data.folder import open_items
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES, Estimate
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.repeats import estimate_difference, estimate_mean
from crackwise.imaging.files import write_atomically
from crackwise.models import count_parameters
from crackwise.tally import Tally
from crackwise.training.card import read_card
from crackwise.training.load import network_of
from crackwise.training.recipe import Recipe, load_recipe
from crackwise.training.run import train

HERE = Path(__file__).parent
ARMS = ("scratch", "head", "lora", "adapter", "full")
AGAINST = "head"
SEEDS = (0, 1, 2)
MAIN_SCORES = {
    "deepcrack:test": "pooled_crack_iou",
    "crack500:test": "pooled_crack_iou",
    "cfd": "f1@2",
    "cracktree200": "f1@5",
    "noncrack_walls:test": "false_alarm_share_50px",
}
"""The test sets and the one score of each that the table shows, chosen by how the set is labelled before any run."""
NOISES = (None, "blur")
KEPT = ("pooled_crack_iou", "cracked_crack_iou", "pooled_f1", "f1@2", "f1@5", "area_ratio", "false_alarm_share_50px")
MARKS = ("<!-- scores -->", "<!-- end of scores -->")


class Case(NamedTuple):
    """What a run is judged on."""

    reference: str
    noise: str | None

    @property
    def title(self) -> str:
        """``"cfd"``, ``"cfd, blur"``."""
        return ", ".join(filter(None, self))


CASES = [Case(reference, noise) for reference in MAIN_SCORES for noise in NOISES]


def main() -> None:
    """Train and judge what is asked for; where every run is there, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ARMS, help="this arm; repeatable")
    parser.add_argument("--seed", action="append", type=int, help="this seed; repeatable")
    parser.add_argument("--train-only", action="store_true", help="do not look at the tests: to try settings")
    parser.add_argument("--set", action="append", default=[], help="path=value in every recipe")
    parser.add_argument("--out", type=Path, default=Path("runs/tuning_experiment"))
    parser.add_argument("--docs", type=Path, default=HERE.parent / "docs" / "experiments", help="where the page lies")
    options = parser.parse_args()
    keep_freed_memory()
    for seed in options.seed or SEEDS:  # arm after arm: half of the runs are half of every arm
        for arm in options.only or ARMS:
            run = folder(options.out, arm, seed)
            recipe = recipe_of(arm, seed, options.set)
            train(recipe, run)
            print(
                f"{run.name}: validation {validation_score(run):.3f}, {core_minutes(run):.1f} core-minutes", flush=True
            )
            if not options.train_only:
                judge(recipe, run)
    missing = [f"{arm} seed {seed}" for arm in ARMS for seed in SEEDS if not judged(folder(options.out, arm, seed))]
    if missing:
        print(f"The table comes when every run is there; {len(missing)} are missing: {', '.join(missing)}.")
        return
    record = summary(options.out, options.set)
    write_atomically(options.docs / "tuning.json", f"{json.dumps(record, indent=1)}\n".encode())
    fill_in(options.docs / "tuning.md", markdown(record))
    print(markdown(record))


def folder(out: Path, arm: str, seed: int) -> Path:
    """Of one run."""
    return out / f"{arm}_seed{seed}"


def recipe_of(arm: str, seed: int, settings: Sequence[str]) -> Recipe:
    """The page of an arm, with a seed; the tests must be held out by it."""
    recipe = load_recipe(HERE.parent / "recipes" / "tuning_experiment" / f"{arm}.yaml", [*settings, f"seed={seed}"])
    if set(recipe.data.held_out) != set(MAIN_SCORES) or recipe.data.leakage != "drop":
        raise SystemExit(f"{arm}: data.held_out must name the tests ({', '.join(MAIN_SCORES)}), data.leakage be drop.")
    return recipe


def judge(recipe: Recipe, run: Path) -> None:
    """Tallies of every picture of every case to ``tests.json`` in the run folder; those that are there stay."""
    cases = tests_of(run)
    predictor = load_predictor(run, threads=recipe.trainer.threads)
    for case in CASES:
        if case.title not in cases:
            items = open_items(case.reference, Path(recipe.data.root or "."))
            evaluation = evaluate(predictor, items, question=Question(noise=case.noise))
            cases[case.title] = {"groups": [i.group for i in evaluation.items], "tallies": list(evaluation.tallies)}
            write_atomically(run / "tests.json", json.dumps(cases, default=float).encode())


def tests_of(run: Path) -> dict[str, Any]:
    """What `judge` has written so far: title of the case to groups and tallies."""
    path = run / "tests.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def judged(run: Path) -> bool:
    """Whether every case of a run is there."""
    return tests_of(run).keys() >= {case.title for case in CASES}


def metrics_of(run: Path, column: str) -> list[float]:
    """A column of ``metrics.csv``, where it is filled."""
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row[column]]


def core_minutes(run: Path) -> float:
    """What training and validation took of one core."""
    return sum(metrics_of(run, "core_s")) / 60


def validation_score(run: Path) -> float:
    """At the end, with which the threshold was chosen."""
    return metrics_of(run, "val_score")[-1]


def summary(out: Path, settings: Sequence[str]) -> dict[str, Any]:
    """Everything that the runs say, ready for JSON."""
    return {
        "seeds": list(SEEDS),
        "differences": f"against {AGAINST}, seed by seed on the same photographs",
        "intervals": {
            "method": "bootstrap over photographs plus spread of the seeds, Welch-Satterthwaite (see evaluation.md)",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
        },
        "arms": {arm: arm_record(arm, out, settings) for arm in ARMS},
        "cases": {case.title: case_record(case, out) for case in CASES},
    }


def arm_record(arm: str, out: Path, settings: Sequence[str]) -> dict[str, Any]:
    """What learnt in an arm, how long, and how its runs ended."""
    recipe, runs = recipe_of(arm, SEEDS[0], settings), [folder(out, arm, seed) for seed in SEEDS]
    network = network_of(recipe)
    count = count_parameters(network)
    cards = [read_card(run) for run in runs]
    return {
        "parameters_total": count.total,
        "parameters_trainable": count.trainable,
        "steps": round(metrics_of(runs[0], "step")[-1]),
        "core_minutes": [round(core_minutes(run), 2) for run in runs],
        "validation_score": [round(validation_score(run), 4) for run in runs],
        "thresholds": [card.threshold for card in cards],
        "recipe_sha256": [card.recipe_sha256 for card in cards],
        "trained_on": sorted({card.trained_on or "" for card in cards}),
    }


def case_record(case: Case, out: Path) -> dict[str, Any]:
    """The scores of every arm on one test set in one condition, and their differences."""
    tests = {arm: [tests_of(folder(out, arm, seed))[case.title] for seed in SEEDS] for arm in ARMS}
    groups = tests[AGAINST][0]["groups"]
    runs = {arm: [[Tally(*row) for row in test["tallies"]] for test in tests[arm]] for arm in ARMS}
    means = {arm: estimate_mean(runs[arm], groups) for arm in ARMS}
    differences = {arm: estimate_difference(runs[arm], runs[AGAINST], groups) for arm in ARMS if arm != AGAINST}
    alone = {arm: [estimate_mean([run], groups) for run in runs[arm]] for arm in ARMS}
    return {
        "set": case.reference,
        "noise": case.noise,
        "pictures": len(groups),
        "photographs": len(set(groups)),
        "main_score": MAIN_SCORES[case.reference],
        "scores": {
            score: {
                "means": {arm: plain(means[arm][score]) for arm in ARMS},
                "by_seed": {arm: [number(run[score].value) for run in alone[arm]] for arm in ARMS},
                "differences": {arm: plain(estimates[score]) for arm, estimates in differences.items()},
            }
            for score in KEPT
            if not math.isnan(means[AGAINST][score].value)
        },
    }


def plain(estimate: Estimate) -> dict[str, float | None]:
    """A value and its interval for JSON."""
    return {"value": number(estimate.value), "low": number(estimate.low), "high": number(estimate.high)}


def number(value: float) -> float | None:
    """Four digits; None for nan, which JSON has not."""
    return None if math.isnan(value) else round(value, 4)


def markdown(record: dict[str, Any]) -> str:
    """Three tables: what each arm is, what it scores, and by how much that is more than the baseline's."""
    return "\n\n".join((arms_table(record), scores_table(record, "means"), scores_table(record, "differences")))


def arms_table(record: dict[str, Any]) -> str:
    """What learnt, for how long, how it ended."""
    rows = [
        (
            arm,
            f"{facts['parameters_trainable']:,}",
            f"{facts['parameters_trainable'] / facts['parameters_total']:.1%}",
            f"{facts['steps']:,}",
            each(facts["core_minutes"], ".1f"),
            each(facts["validation_score"], ".3f"),
            each(facts["thresholds"], ".2f"),
        )
        for arm, facts in record["arms"].items()
    ]
    return table(("arm", "learning weights", "share", "steps", "core-minutes", "validation", "threshold"), rows)


def each(values: Sequence[float], form: str) -> str:
    """One number per seed."""
    return ", ".join(format(value, form) for value in values)


def scores_table(record: dict[str, Any], kind: str) -> str:
    """A row per test set and condition, a column per arm; differences whose interval leaves out 0 are bold."""
    arms = [arm for arm in record["arms"] if kind == "means" or arm != AGAINST]
    rows = []
    for title, case in record["cases"].items():
        score = case["main_score"]
        estimates = case["scores"][score][kind]
        cells = (cell(estimates[arm], signed=kind == "differences") for arm in arms)
        rows.append((title, f"{case['pictures']} ({case['photographs']})", SCORES[score].title, *cells))
    names = arms if kind == "means" else [f"{arm} - {AGAINST}" for arm in arms]
    return table(("test", "pictures (photographs)", "score", *names), rows)


def cell(estimate: dict[str, float | None], *, signed: bool) -> str:
    """``"0.713 (0.690 to 0.735)"``."""
    form = "+.3f" if signed else ".3f"
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None or low is None or high is None:
        return "" if value is None else format(value, form)
    text = f"{value:{form}} ({low:{form}} to {high:{form}})"
    return f"**{text}**" if signed and (low > 0 or high < 0) else text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def fill_in(page: Path, text: str) -> None:
    """Put the tables between the marks of the page."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    write_atomically(page, f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}".encode())


if __name__ == "__main__":
    main()
