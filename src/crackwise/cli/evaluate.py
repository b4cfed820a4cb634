"""The command `evaluate`: a model, or predictions that somebody made, on labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.cli.scores import Tracked, print_summaries, progress_bar
from crackwise.cli.screen import Screen, ScreenThreshold, behind
from crackwise.cli.threshold import Asked, Swept, Threshold, ThresholdFrom, ThresholdScore, levels_of, said

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.answers.level import Level
    from crackwise.evaluation.answers.predictions import Predictions, Source
    from crackwise.evaluation.answers.view import Question
    from crackwise.predictor import Predictor

__all__ = ["ClassName", "Root", "Tracker", "register", "track_page"]

OF_CONFIDENCE = frozenset({"calibration", "review"})
"""Families of counts that say what probabilities are worth; masks hold none."""


Model = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A run folder, a model file, or `packaged`.")]
More = Annotated[list[str] | None, typer.Argument(metavar="SET[:SPLIT]", help="Further sets.")]
Data = Annotated[
    list[str], typer.Option("--data", metavar="SET[:SPLIT]", help="A name of the catalogue or a folder; repeatable.")
]
Out = Annotated[Path, typer.Option("--out", help="Where scores, report, counts and masks go.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the resampling behind the intervals, and of noises.")]
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
    data: Data,
    out: Out,
    model: Model = None,
    more: More = None,
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
    seed: Seed = 0,
) -> None:
    """Score a model, or given predictions, on labelled pictures: every number with its protocol and its interval."""
    from crackwise.evaluation.answers.view import Question

    asked = Asked(threshold, threshold_from, threshold_score, threshold_swept_on_test)
    needless = {
        "--noise": noise,
        "--each-phrase": each_phrase,
        "--screen": screen,
        "--screen-threshold": screen_threshold,
    }
    refuse_unfit(model, predictions, [option for option, value in needless.items() if value], asked)
    sets, others = opened((*data, *(more or ())), asked, out, root)
    source = (
        given(predictions, [*chain(*sets.values(), others)], class_name)
        if predictions
        else loaded(str(model), screen, screen_threshold)
    )
    by_phrase = reader_of_phrases(str(model), source) if each_phrase else None
    question = Question(class_name, absent, open_close, None, noise, per_picture, families_of(source), seed)
    score(source, sets, out, question, levels_of(asked, source, sets, others, question), by_phrase, root)
    if mlflow is not None:
        log(mlflow, out)
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
    asked.refuse_several()


def opened(
    references: Sequence[str], asked: Asked, out: Path, root: Path | None
) -> tuple[dict[str, tuple[Item, ...]], tuple[Item, ...]]:
    """The pictures to score, by set, and those to choose a threshold on; there is a place for what comes of them."""
    from crackwise.errors import needs_extra
    from crackwise.evaluation.compare.kept import refuse_place

    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    refuse_place(out)
    sets = {reference: open_items(reference, root) for reference in references}
    return sets, open_items(asked.chosen_on, root) if asked.chosen_on else ()


def given(folder: Path, items: Sequence[Item], class_name: str | None) -> Predictions:
    """The predictions of a folder for all of the pictures."""
    from crackwise.evaluation.answers.predictions import open_predictions

    predictions = open_predictions(folder, items, class_name)
    if predictions.brightest < predictions.card.threshold:
        typer.echo(
            f"Note: the integers in {str(folder)!r} nowhere get beyond {predictions.brightest:.1%} of their largest, "
            f"which stands for 1; at a threshold of {predictions.card.threshold:g} no crack is predicted. If they are "
            "percent, save them as floats from 0 to 1.",
            err=True,
        )
    return predictions


def loaded(model: str, screen: str | None, screen_threshold: float | None) -> Predictor:
    """The model, behind its screen where there is one."""
    from crackwise.backends import load_predictor

    return behind(screen, load_predictor(model), screen_threshold)


def families_of(source: Source) -> tuple[str, ...]:
    """All scores that the answers bear: of masks, none of how sure they are."""
    from crackwise.evaluation.answers.predictions import Predictions
    from crackwise.evaluation.metrics import FAMILIES

    masks = isinstance(source, Predictions) and source.are_masks
    return tuple(name for name in FAMILIES if not (masks and name in OF_CONFIDENCE))


def score(
    source: Source,
    sets: Mapping[str, Sequence[Item]],
    out: Path,
    question: Question,
    levels: Mapping[str, Level],
    by_phrase: Predictor | None,
    root: Path | None,
) -> None:
    """Write all files, and the main scores on the screen."""
    from crackwise.evaluation.leaks import find_leaks
    from crackwise.evaluation.sets import evaluate_sets

    leaks = {reference: find_leaks(items, reference, source.card, root) for reference, items in sets.items()}
    with progress_bar() as progress:
        tracked = {name: Tracked(items, progress, name) for name, items in sets.items()}
        evaluations = evaluate_sets(
            source,
            tracked,
            out,
            question=question,
            by_phrase=by_phrase,
            leaks=leaks,
            threshold=levels,
            seed=question.noise_seed,
        )
    print_summaries(evaluations)
    typer.echo("\n".join(said(levels)))


def log(address: str, out: Path) -> None:
    """Log the files in MLflow as well."""
    from crackwise.evaluation.tracking import log_evaluation

    log_evaluation(address, out)


def track_page(address: str | None, out: Path, *files: str) -> None:
    """Log the files of a page in MLflow, its record first, where that was asked for."""
    if address is not None:
        from crackwise.evaluation.tracking import log_page

        log_page(address, [out / file for file in files])


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
