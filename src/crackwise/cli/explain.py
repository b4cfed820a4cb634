"""The commands `explain` and `faithfulness`: what an answer rests on, and how far such a map can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crackwise.cli.evaluate import Root, Tracker, track_page
from crackwise.cli.scores import watched
from crackwise.errors import CrackwiseError, needs_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["register"]

Method = Annotated[
    list[str] | None,
    typer.Option(
        "--method", help="gradcam, seg_gradcam, kernelshap, activation, probability, chance; repeatable. [seg_gradcam]"
    ),
]
Layer = Annotated[
    str | None, typer.Option("--layer", help="Of Grad-CAM; default: the last block of the encoder.", metavar="NAME")
]
Features = Annotated[str, typer.Option("--features", help="Of KernelSHAP: superpixels, patches, or by the network.")]
Segments = Annotated[int, typer.Option("--segments", min=2, help="How many superpixels.")]
Baseline = Annotated[
    str, typer.Option("--baseline", help="What is shown where a part is not there: blur, mean, median, zeros.")
]
Samples = Annotated[
    int | None, typer.Option("--samples", min=2, help="Evaluations of KernelSHAP on k parts; default: 2 k + 512.")
]
ClassName = Annotated[str | None, typer.Option("--class", help="What is explained; default: crack.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(explain)
    app.command()(faithfulness)


def explain(
    targets: Annotated[
        list[str], typer.Argument(metavar="MODEL... IMAGE...", help="Run folders, model files or `packaged`; pictures.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where overlays, arrays, explain.json and explain.html go.")],
    method: Method = None,
    pixel: Annotated[
        str | None, typer.Option("--pixel", metavar="X,Y", help="Explain the answer at one pixel.")
    ] = None,
    component: Annotated[
        int | None, typer.Option("--component", metavar="N", help="Explain one predicted piece; 1 is the largest.")
    ] = None,
    class_name: ClassName = None,
    layer: Layer = None,
    features: Features = "auto",
    segments: Segments = 40,
    baseline: Baseline = "blur",
    samples: Samples = None,
    score: Annotated[
        str, typer.Option("--score", help="What KernelSHAP shares out: the mean probability or logit over the region.")
    ] = "probability",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
) -> None:
    """Show what models' answers rest on: maps over the pictures, side by side."""
    with needs_extra("lab"):
        from crackwise.explain.heat import Options
        from crackwise.explain.question import Place
        from crackwise.explain.run import explain_pictures
        from crackwise.explain.subject import open_subjects
    models, images = split_targets(targets)
    place = Place(None if pixel is None else read_pixel(pixel), component)
    options = Options(layer, features, segments, baseline, samples, scalar_of(score), seed, watch)
    subjects = open_subjects(models)
    record = explain_pictures(
        subjects,
        images,
        method or ["seg_gradcam"],
        out,
        place=place,
        class_name=class_name,
        options=options,
        told=typer.echo,
    )
    typer.echo(f"The page lies in {out / 'explain.html'}, arrays and overlays beside it.")
    if record["errors"]:
        raise typer.Exit(1)


def faithfulness(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Run folders, model files or `packaged`.")],
    data: Annotated[
        str, typer.Option("--data", metavar="SET[:SPLIT]", help="A name of the catalogue or a folder, labelled.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where faithfulness.json, .csv and .html go.")],
    root: Root = None,
    pictures: Annotated[int, typer.Option("--pictures", min=1, help="How many, drawn by the seed.")] = 12,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="As for explain; repeatable. Default: all that fit but kernelshap."),
    ] = None,
    layer: Layer = None,
    features: Features = "auto",
    segments: Segments = 40,
    baseline: Baseline = "blur",
    samples: Samples = None,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Of the deletion and insertion curves.")] = 10,
    random_on: Annotated[
        int, typer.Option("--random-on", min=0, help="On how many pictures weights are made random.")
    ] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    mlflow: Tracker = None,
) -> None:
    """Judge explanations by numbers: do they show what the model looks at, and does that lie on the crack?"""
    with needs_extra("lab"):
        from crackwise.data.folder import open_items
        from crackwise.data.splits import sample_pictures
        from crackwise.explain.faithfulness.judge import Conditions, judge
        from crackwise.explain.faithfulness.record import write_judged
        from crackwise.explain.heat import Options
        from crackwise.explain.run import model_record
        from crackwise.explain.subject import open_subjects
        from crackwise.explain.table import EXPLAINERS
    options = Options(layer, features, segments, baseline, samples, seed=seed, track=watch)
    conditions = Conditions(options, steps, random_on, seed)
    items, subjects = sample_pictures(open_items(data, root), pictures, seed), open_subjects(models)
    methods = method or [name for name, row in EXPLAINERS.items() if not row.asks_often]
    judged = [j for s in subjects for j in judge(s, items, methods, conditions, told=typer.echo)]
    record = write_judged(judged, [model_record(subject) for subject in subjects], data, conditions, out)
    track_page(mlflow, out, "faithfulness.json", "faithfulness.csv", "faithfulness.html")
    for line in lines_of(record):
        typer.echo(line)
    typer.echo(f"The page lies in {out / 'faithfulness.html'}, the numbers beside it.")


def watch(masks: NDArray[np.bool_]) -> Iterable[NDArray[np.bool_]]:
    """A progress bar of KernelSHAP."""
    return watched(masks, "kernelshap", len(masks))


def lines_of(record: dict[str, Any]) -> Iterator[str]:
    """The means, a line per model and method."""
    yield " ".join(["method".ljust(14), *(measure["title"].rjust(14) for measure in record["measures"].values())])
    for model, methods in record["found"].items():
        yield model
        for method, found in methods.items():
            values = (found["scores"][name]["value"] for name in record["measures"])
            yield " ".join([method.ljust(14), *(("-" if v is None else f"{v:.3f}").rjust(14) for v in values)])


def split_targets(targets: list[str]) -> tuple[list[str], list[Path]]:
    """Models, then pictures: a model is a folder, a model file or `packaged`.

    Raises:
        CrackwiseError: there is no model or no picture among them.
    """
    from crackwise.backends import BACKENDS

    models = [t for t in targets if t == "packaged" or Path(t).suffix.lower() in BACKENDS or Path(t).is_dir()]
    images = [Path(t) for t in targets if t not in models]
    if not models or not images:
        lacking = "model" if not models else "picture"
        raise CrackwiseError(f"No {lacking} among {', '.join(targets)}: pass MODEL... IMAGE...")
    return models, images


def read_pixel(text: str) -> tuple[int, int]:
    """``"120,45"``: column and row.

    Raises:
        CrackwiseError: it is something else.
    """
    column, comma, row = text.partition(",")
    if not comma or not column.strip().isdecimal() or not row.strip().isdecimal():
        raise CrackwiseError(f"--pixel takes X,Y in pixels from the top left, such as 120,45; got {text!r}.")
    return int(column), int(row)


def scalar_of(text: str) -> Literal["probability", "logit"]:
    """The name of a score.

    Raises:
        CrackwiseError: there is no such score.
    """
    if text == "probability":
        return "probability"
    if text == "logit":
        return "logit"
    raise CrackwiseError(f"--score is probability or logit, not {text!r}.")
