"""A finished run on the cases of its sweep: what was counted on every picture, kept in the run folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from crackwise.backends import load_predictor
from crackwise.data.folder import open_items
from crackwise.errors import DataError
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.leaks import find_leaks
from crackwise.evaluation.pictures import Verdict, are_of_whole_pictures
from crackwise.imaging.files import write_atomically
from crackwise.predictor import Predictor
from crackwise.sweeps.config import Case
from crackwise.sweeps.plan import Run
from crackwise.sweeps.scores import SHOWN, Findings
from crackwise.tally import Tally

__all__ = ["findings_of", "judge", "refuse_unfit_sets"]

FINDINGS = "tests.json"


def judge(run: Run, cases: Sequence[Case]) -> list[tuple[Case, Findings]]:
    """Evaluate on every case that the folder has no findings of; returns the new ones.

    Raises:
        CrackwiseError: a set is missing, or the network does not know what is asked for.
    """
    known = findings_of(run.folder)
    missing = [case for case in cases if case.title not in known]
    for phrase in dict.fromkeys(case.phrase for case in missing):
        prompts = () if phrase is None else (phrase,)
        predictor = load_predictor(run.folder, threads=run.recipe.trainer.threads, prompts=prompts)
        for case in (case for case in missing if case.phrase == phrase):
            known[case.title] = found_on(case, predictor, root_of(run))
            content = {title: each._asdict() for title, each in known.items()}
            write_atomically(run.folder / FINDINGS, json.dumps(content).encode())
    return [(case, known[case.title]) for case in missing]


def found_on(case: Case, predictor: Predictor, root: Path | None) -> Findings:
    """One case."""
    items = open_items(case.data, root)
    leaks = find_leaks(items, case.data, predictor.card, root)
    evaluation = evaluate(predictor, items, question=case.question, threshold=case.threshold, leaks=leaks)
    groups = tuple(item.group for item in evaluation.items)
    leaking = len(evaluation.leaks.names)
    return Findings(evaluation.tallies, evaluation.verdicts, groups, evaluation.threshold, leaking)


def root_of(run: Run) -> Path | None:
    """Where a run looks for sets of the catalogue."""
    return Path(run.recipe.data.root) if run.recipe.data.root else None


def findings_of(folder: Path) -> dict[str, Findings]:
    """What the run was judged on so far, by the titles of the cases; not what an older version kept less of."""
    path = folder / FINDINGS
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        title: Findings(
            tuple(Tally(*row) for row in each["tallies"]),
            tuple(Verdict(*row) for row in each["verdicts"]),
            tuple(each["groups"]),
            each["threshold"],
            each["leaking"],
        )
        for title, each in content.items()
        if each.keys() >= set(Findings._fields)
    }


def refuse_unfit_sets(runs: Sequence[Run], cases: Sequence[Case]) -> None:
    """Look at every set now rather than after hours of training.

    Raises:
        DataError: one is missing, cannot be read, or has no labels that a score of its case could be told from.
    """
    for root in dict.fromkeys(root_of(run) for run in runs):
        sets = {reference: open_items(reference, root) for reference in dict.fromkeys(case.data for case in cases)}
        for case in cases:
            of_pixels = [name for name in case.scores if SHOWN[name].is_of_pixels]
            if of_pixels and not case.absent and are_of_whole_pictures(sets[case.data]):
                others = ", ".join(name for name, row in SHOWN.items() if not row.is_of_pixels)
                raise DataError(
                    f"The labels of {case.data!r} are of whole pictures and say nothing of pixels: "
                    f"instead of {', '.join(of_pixels)} ask for some of {others}."
                )
