"""A finished run on the cases of its sweep: what was counted on every picture, kept in the run folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crackwise.backends import load_predictor
from crackwise.data.folder import open_items
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.leaks import find_leaks
from crackwise.imaging.files import write_atomically
from crackwise.predictor import Predictor
from crackwise.sweeps.config import Case
from crackwise.sweeps.plan import Run
from crackwise.tally import Tally

__all__ = ["Verdict", "judge", "refuse_missing_sets", "verdicts_of"]

VERDICTS = "tests.json"


class Verdict(NamedTuple):
    """One run on one case."""

    tallies: tuple[Tally, ...]
    """One per picture."""
    groups: tuple[str, ...]
    """The photograph of each."""
    threshold: float
    leaking: int
    """How many of the pictures, or their photographs, the run has met in training or validation."""


def judge(run: Run, cases: Sequence[Case]) -> list[tuple[Case, Verdict]]:
    """Evaluate on every case that the folder has no verdict of; returns the new ones.

    Raises:
        CrackwiseError: a set is missing, or the network does not know what is asked for.
    """
    known = verdicts_of(run.folder)
    missing = [case for case in cases if case.title not in known]
    for phrase in dict.fromkeys(case.phrase for case in missing):
        prompts = () if phrase is None else (phrase,)
        predictor = load_predictor(run.folder, threads=run.recipe.trainer.threads, prompts=prompts)
        for case in (case for case in missing if case.phrase == phrase):
            known[case.title] = verdict(predictor, case, root_of(run))
            content = {title: each._asdict() for title, each in known.items()}
            write_atomically(run.folder / VERDICTS, json.dumps(content).encode())
    return [(case, known[case.title]) for case in missing]


def verdict(predictor: Predictor, case: Case, root: Path | None) -> Verdict:
    """One case."""
    items = open_items(case.data, root)
    leaks = find_leaks(items, case.data, predictor.card, root)
    evaluation = evaluate(predictor, items, question=case.question, threshold=case.threshold, leaks=leaks)
    groups = tuple(item.group for item in evaluation.items)
    return Verdict(evaluation.tallies, groups, evaluation.threshold, len(evaluation.leaks.names))


def root_of(run: Run) -> Path | None:
    """Where a run looks for sets of the catalogue."""
    return Path(run.recipe.data.root) if run.recipe.data.root else None


def verdicts_of(folder: Path) -> dict[str, Verdict]:
    """What the run was judged on so far, by the titles of the cases."""
    path = folder / VERDICTS
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        title: Verdict(
            tuple(Tally(*row) for row in each["tallies"]), tuple(each["groups"]), each["threshold"], each["leaking"]
        )
        for title, each in content.items()
    }


def refuse_missing_sets(runs: Sequence[Run], cases: Sequence[Case]) -> None:
    """Look for every set now rather than after hours of training.

    Raises:
        DataError: one is missing or cannot be read.
    """
    for root in dict.fromkeys(root_of(run) for run in runs):
        for reference in dict.fromkeys(case.data for case in cases):
            open_items(reference, root)
