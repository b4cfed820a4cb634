"""The command `evaluate`: a model, or predictions that somebody made, on labelled pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from crackwise.cli.screen import Screen, ScreenThreshold, behind
from crackwise.cli.threshold import Asked, Swept, Threshold, ThresholdFrom, ThresholdScore, levels_of

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.answers.predictions import Source
    from crackwise.evaluation.bootstrap import Estimate
    from crackwise.evaluation.evaluate import Evaluation, Subset
    from crackwise.predictor import Predictor

    Row = tuple[str, Subset, int, Mapping[str, Estimate]]

__all__ = ["register"]

SHOWN = {
    "pooled_crack_iou": "crack IoU",
    "f1@2": "F1@2",
    "f1@5": "F1@5",
    "area_ratio": "area",
    "false_alarm_share_50px": "alarms",
}
CAPTION = (
    "n pictures; pooled crack IoU, F1 within 2 and 5 px, predicted / labelled area; alarms: share of the crack-free "
    "pictures with a component of 50 px or more. Below each number its 95 % interval by photograph."
)
SHOWN_OF_PICTURES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "auroc": "AUROC",
    "calibration_error": "ECE",
}
CAPTION_OF_PICTURES = (
    "n pictures judged as wholes, cracked where the highest probability reaches the threshold; ECE: calibration error. "
    "Below each number its 95 % interval by photograph."
)
FILE_COLUMNS = 120
"""Width of the table where there is no terminal to ask."""

Root = Annotated[Path | None, typer.Option("--root", help="The folder that holds the sets of the catalogue.")]
Given = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FOLDER",
        help="Score these masks or probability maps (PNG, TIFF, NPY, named as the pictures) instead of a model.",
    ),
]
Tracker = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Log scores and report there: sqlite:///mlflow.db")
]
ClassName = Annotated[
    str | None, typer.Option("--class", help="What is scored; default: crack, or what the set labels.")
]
Absent = Annotated[
    bool, typer.Option("--absent", help="The sets show none of --class, labelled or not: a negative prompt.")
]
OpenClose = Annotated[bool, typer.Option("--open-close", help="Score masks opened and closed with 3x3 pixels as well.")]
Noise = Annotated[
    str | None,
    typer.Option("--noise", help="Make the photographs worse first: dark, blur, fog:3 ...; see docs/robustness.md."),
]
PerPicture = Annotated[
    bool, typer.Option("--per-picture", help="Score as well whether there is a crack on each picture at all.")
]
EachPhrase = Annotated[
    bool, typer.Option("--each-phrase", help="Score each phrase of the class alone as well, for models that read.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(evaluate)


def evaluate(
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="SET[:SPLIT]", help="A name of the catalogue or a folder; repeatable."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Where scores, report, counts and masks go.")],
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A run folder, an .onnx file, or `packaged`.")
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="SET[:SPLIT]", help="Further sets.")] = None,
    predictions: Given = None,
    root: Root = None,
    threshold: Threshold = None,
    threshold_from: ThresholdFrom = None,
    threshold_score: ThresholdScore = "f1",
    threshold_swept_on_test: Swept = False,
    class_name: ClassName = None,
    absent: Absent = False,
    open_close: OpenClose = False,
    each_phrase: EachPhrase = False,
    noise: Noise = None,
    per_picture: PerPicture = False,
    screen: Screen = None,
    screen_threshold: ScreenThreshold = None,
    mlflow: Tracker = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the resampling behind the intervals, and of noises.")
    ] = 0,
) -> None:
    """Score a model, or given predictions, on labelled pictures: every number with its protocol and its interval."""
    from crackwise.backends import load_predictor
    from crackwise.errors import needs_extra
    from crackwise.evaluation.answers.predictions import open_predictions
    from crackwise.evaluation.answers.view import Question
    from crackwise.evaluation.leaks import find_leaks
    from crackwise.evaluation.metrics import FAMILIES
    from crackwise.evaluation.sets import evaluate_sets
    from crackwise.evaluation.tracking import log_evaluation

    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    asked = Asked(threshold, threshold_from, threshold_score, threshold_swept_on_test)
    needless = {"--noise": noise, "--each-phrase": each_phrase, "--screen": screen}
    refuse_unfit(model, predictions, [option for option, value in needless.items() if value], asked)
    sets = {reference: open_items(reference, root) for reference in (*data, *(more or ()))}
    others = open_items(threshold_from, root) if threshold_from else ()
    pictures = [*chain(*sets.values(), others)]
    source = (
        open_predictions(predictions, pictures, class_name)
        if predictions
        else behind(screen, load_predictor(str(model)), screen_threshold)
    )
    by_phrase = reader_of_phrases(model, source) if each_phrase and model else None
    leaks = {reference: find_leaks(items, reference, source.card, root) for reference, items in sets.items()}
    question = Question(
        class_name, absent, open_close, noise=noise, per_picture=per_picture, families=tuple(FAMILIES), noise_seed=seed
    )
    levels = levels_of(asked, source, sets, others, question)
    with progress_bar() as progress:
        tracked = {name: Tracked(items, progress, name) for name, items in sets.items()}
        evaluations = evaluate_sets(
            source, tracked, out, question=question, by_phrase=by_phrase, leaks=leaks, threshold=levels, seed=seed
        )
    print_summaries(evaluations)
    if mlflow is not None:
        log_evaluation(mlflow, out)
    typer.echo(f"The scores lie in {out / 'scores.json'}, the report in {out / 'report.html'}.")


def refuse_unfit(model: str | None, predictions: Path | None, needless: Sequence[str], asked: Asked) -> None:
    """Either a model or predictions are scored; and predictions are what they are."""
    if (model is None) == (predictions is None):
        raise typer.BadParameter(
            "give a MODEL, or --predictions FOLDER and no MODEL; further sets follow --data each", param_hint="MODEL"
        )
    if predictions is not None and needless:
        raise typer.BadParameter(
            f"made predictions cannot be made again in another way; leave out {', '.join(needless)}",
            param_hint="--predictions",
        )
    given = (asked.threshold is not None) + (asked.chosen_on is not None) + asked.swept
    if given > 1:
        raise typer.BadParameter("give one of --threshold, --threshold-from and --threshold-swept-on-test")


def reader_of_phrases(model: str, source: Source) -> Predictor:
    """The model with every phrase that its classes are asked for by as a class of its own.

    Raises:
        ModelError: the model does not read, or stands behind a screen.
    """
    from crackwise.backends import load_predictor
    from crackwise.cascade import Cascade
    from crackwise.errors import ModelError

    card = source.card
    if isinstance(source, Cascade):
        raise ModelError("A screen knows no phrases; leave out --screen or --each-phrase.")
    phrases = dict.fromkeys(phrase for of_class in card.prompts.values() for phrase in of_class)
    if not phrases:
        raise ModelError(f"{card.name} takes no prompts; --each-phrase is for the run folder of a network that reads.")
    return load_predictor(model, prompts=tuple(phrases))


@dataclass(frozen=True)
class Tracked:
    """Pictures that move a bar whenever they are gone through."""

    items: Sequence[Item]
    progress: Progress
    title: str

    def __iter__(self) -> Iterator[Item]:
        """One picture after the other."""
        return iter(self.progress.track(self.items, len(self.items), description=self.title))


def progress_bar() -> Progress:
    """Of one set after the other, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def print_summaries(evaluations: dict[str, Evaluation]) -> None:
    """The main scores on the screen."""
    console = Console(width=None if Console().is_terminal else FILE_COLUMNS)
    for table in summaries(evaluations):
        console.print(table, end="\n\n")


def summaries(evaluations: dict[str, Evaluation]) -> Iterator[Table]:
    """The main scores, a row per set and subset: of pixels, and of pictures, as far as there are any."""
    of_pixels = [
        (reference, subset, scores["per_image_f1"].pictures, scores)
        for reference, evaluation in evaluations.items()
        for subset, scores in evaluation.scores.items()
    ]
    of_pictures = [
        (reference, subset, judgement.estimates["accuracy"].pictures, judgement.estimates)
        for reference, evaluation in evaluations.items()
        for subset, judgement in evaluation.judgements.items()
    ]
    if of_pixels:
        yield summary(of_pixels, SHOWN, CAPTION)
    if of_pictures:
        yield summary(of_pictures, SHOWN_OF_PICTURES, CAPTION_OF_PICTURES)


def summary(rows: Sequence[Row], shown: dict[str, str], caption: str) -> Table:
    """A table of scores."""
    table = Table(box=None, padding=(0, 2, 0, 0), caption=caption, caption_justify="left")
    table.add_column("set", overflow="fold", min_width=16)
    table.add_column("n", justify="right", no_wrap=True)
    for title in shown.values():
        table.add_column(title, justify="right", no_wrap=True)
    for reference, subset, pictures, scores in rows:
        name = reference if subset == "all" else "  without the leaking ones"
        table.add_row(name, str(pictures), *(cell(scores[score]) for score in shown))
    return table


def cell(estimate: Estimate) -> str:
    """A number over its interval."""
    if math.isnan(estimate.value):
        return "-"
    ends = "" if math.isnan(estimate.low) else f"\n{short(estimate.low)}-{short(estimate.high)}"
    return f"{short(estimate.value)}{ends}"


def short(value: float) -> str:
    """``".713"``, ``"1.000"``: seven columns have to fit into 80 characters."""
    return f"{value:.3f}".removeprefix("0") if value < 10 else f"{value:.1f}"
