"""The command `robustness`: models on photographs made worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from crackwise.cli.evaluate import ClassName, Root, Tracker, track_page
from crackwise.cli.scores import FILE_COLUMNS, progress_bar, short

__all__ = ["register"]

CAPTION = (
    "n pictures; mean: over the levels of each noise, then over the noises; relative: that mean over the clean score; "
    "error: 1 - score relative to that of the first model. Below each number its 95 % interval by photograph."
)


class SuiteName(StrEnum):
    """Rows of `SUITES`."""

    CORRUPTIONS = "corruptions"
    CRACKSAM = "cracksam"
    BLUR = "blur"


Models = Annotated[
    list[str],
    typer.Argument(metavar="MODEL...", help="Run folders, model files, `packaged`; the first is the baseline."),
]
Data = Annotated[
    list[str], typer.Option("--data", metavar="SET[:SPLIT]", help="A name of the catalogue or a folder; repeatable.")
]
Out = Annotated[Path, typer.Option("--out", help="Where robustness.json, robustness.csv, report.html and kept/ go.")]
Suite = Annotated[
    SuiteName, typer.Option("--suite", help="16 corruptions, CrackSAM's two cases, or its sweep of blurs.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="NAME", help="These noises only: fog, dark, fog:3; repeatable.")
]
Severities = Annotated[
    str, typer.Option("--severities", metavar="1,3,5", help="Of the corruptions; default: all five.")
]
Pictures = Annotated[int | None, typer.Option("--pictures", min=1, help="A sample of so many pictures of each set.")]
Scores = Annotated[list[str] | None, typer.Option("--score", metavar="KEY", help="Of docs/evaluation.md; repeatable.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of noises, sample and intervals.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(robustness)


def robustness(
    models: Models,
    data: Data,
    out: Out,
    suite: Suite = SuiteName.CORRUPTIONS,
    only: Only = None,
    severities: Severities = "",
    pictures: Pictures = None,
    scores: Scores = None,
    class_name: ClassName = None,
    root: Root = None,
    seed: Seed = 0,
    mlflow: Tracker = None,
) -> None:
    """Score models on photographs made worse, step by step; a run that was stopped goes on where it was."""
    from crackwise.backends import load_predictor
    from crackwise.data.splits import sample_pictures
    from crackwise.errors import needs_extra, without_secrets
    from crackwise.evaluation.leaks import find_leaks
    from crackwise.evaluation.metrics import refuse_unknown
    from crackwise.evaluation.robustness.suite import Plan, conditions_of

    with needs_extra("lab"):
        from crackwise.data.folder import open_items
        from crackwise.evaluation.robustness.bench import SCORES_ASKED, measure_robustness
    conditions = conditions_of(suite.value, only or (), levels_of(severities))
    plan = Plan(conditions, tuple(dict.fromkeys(scores or SCORES_ASKED)), seed, pictures)
    refuse_unknown(plan.scores)
    predictors = {without_secrets(model): load_predictor(model) for model in models}
    sets = {reference: open_items(reference, root) for reference in data}
    leaks = {
        reference: {label: find_leaks(items, reference, each.card, root) for label, each in predictors.items()}
        for reference, items in sets.items()
    }
    shown = sum(len(sample_pictures(items, pictures, seed)) for items in sets.values()) * len(predictors)
    with progress_bar() as progress:
        task = progress.add_task("robustness", total=shown * (len(conditions) + 1))
        record = measure_robustness(
            predictors, sets, plan, out, class_name=class_name, leaks=leaks, told=lambda: progress.advance(task)
        )
    console = Console(width=None if Console().is_terminal else FILE_COLUMNS)
    console.print(summary(record), end="\n\n")
    track_page(mlflow, out, "robustness.json", "robustness.csv", "report.html")
    typer.echo(f"The scores lie in {out / 'robustness.json'}, the report in {out / 'report.html'}.")


def levels_of(text: str) -> tuple[int, ...]:
    """``"1,3,5"`` as numbers.

    Raises:
        DataError: it is something else.
    """
    from crackwise.errors import DataError

    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise DataError(f"--severities takes numbers with commas, such as 1,3,5; got {text!r}.") from error


def summary(record: Mapping[str, Any]) -> Table:
    """The means, a row per set, score and model."""
    from crackwise.evaluation.robustness.page import shown_scores

    table = Table(box=None, padding=(0, 2, 0, 0), caption=CAPTION, caption_justify="left")
    for title in ("set", "score", "model"):
        table.add_column(title, overflow="fold")
    for title in ("n", "clean", "mean", "relative", *(["error"] if record["baseline"] else [])):
        table.add_column(title, justify="right", no_wrap=True)
    for reference, of_set in record["sets"].items():
        for score in shown_scores(record, reference):
            for label, model in of_set["models"].items():
                numbers = map(cell, numbers_of(model["scores"][score], with_error=bool(record["baseline"])))
                table.add_row(reference, score, label, str(len(of_set["pictures"])), *numbers)
    return table


def numbers_of(found: Mapping[str, Any], *, with_error: bool) -> Iterator[Mapping[str, Any] | None]:
    """Clean, mean, relative and, where there is a baseline, the corruption error of one score."""
    yield from (found["clean"], found["mean"], found["mean"]["relative"])
    if with_error:
        yield found["corruption_error"]


def cell(number: Mapping[str, Any] | None) -> str:
    """A number over its interval."""
    if number is None or number["value"] is None:
        return "-"
    ends = "" if number["low"] is None else f"\n{short(number['low'])}-{short(number['high'])}"
    return f"{short(number['value'])}{ends}"
