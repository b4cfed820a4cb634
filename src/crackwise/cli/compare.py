"""The commands `compare`, `matrix` and `benchmark`: models against each other, on several sets, and for speed."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.cli.evaluate import Root, Tracker, track_page
from crackwise.cli.scores import Tracked, progress_bar

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.compare.pairs import Pair
    from crackwise.predictor import Predictor

__all__ = ["register"]

Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all draws of photographs.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(compare)
    app.command()(matrix)
    app.command()(benchmark)


def compare(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT...", help="Folders that `crackwise evaluate --out` wrote.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where compare.json, .csv, .html and the figures go.")],
    score: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="KEY", help="What is compared; repeatable, keys of scores.json."),
    ] = None,
    root: Root = None,
    pictures: Annotated[int, typer.Option("--pictures", min=0, help="How many are shown of every set.")] = 5,
    picture: Annotated[
        list[str] | None, typer.Option("--picture", metavar="NAME", help="Show this one instead; repeatable.")
    ] = None,
    failures: Annotated[int, typer.Option("--failures", min=0, help="How many are shown of each kind and model.")] = 3,
    seed: Seed = 0,
    mlflow: Tracker = None,
) -> None:
    """Test models against each other on the same pictures, and show where they differ and fail."""
    from crackwise.evaluation.compare.run import MAIN_SCORES, Wanted, compare_results

    wanted = Wanted(pictures, tuple(picture or ()), failures)
    compared = compare_results(results, out, scores=tuple(score or MAIN_SCORES), root=root, wanted=wanted, seed=seed)
    for each in compared:
        for name, rivals in each.rivals.items():
            typer.echo(f"{each.contest.reference}, {name}:")
            for pair in rivals.pairs:
                typer.echo(f"  {pair.verdict}{by(pair)}")
    track_page(mlflow, out, "compare.json", "compare.csv", "compare.html")
    typer.echo(f"The comparison lies in {out / 'compare.html'}, its numbers in {out / 'compare.json'}.")


def by(pair: Pair) -> str:
    """How far apart two models are, and how sure that is."""
    value, low, high, *_ = pair.difference
    if math.isnan(value):
        return ""
    ends = "" if math.isnan(low) else f", interval {low:+.3f} to {high:+.3f}"
    return f" (difference {value:+.3f}{ends}, p {pair.p:.2g}, corrected {pair.p_holm:.2g})"


def matrix(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Run folders, model files, or `packaged`.")],
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="SET[:SPLIT]", help="A test set: of the catalogue, or a folder; repeatable."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Where matrix.json, .csv, .png and .html go.")],
    score: Annotated[
        str, typer.Option("--score", metavar="KEY", help="What stands in the cells; keys as in scores.json.")
    ] = "pooled_crack_iou",
    root: Root = None,
    seed: Seed = 0,
    mlflow: Tracker = None,
) -> None:
    """Score models on test sets, each without the pictures it has met, as one heat map."""
    from crackwise.errors import needs_extra
    from crackwise.evaluation.matrix.page import write_matrix
    from crackwise.evaluation.matrix.rows import Matrix, fill_row

    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    sets = {reference: open_items(reference, root) for reference in data}
    rows = []
    with progress_bar() as progress:

        def track(title: str, items: Sequence[Item]) -> Iterable[Item]:
            return Tracked(items, progress, title)

        for name, predictor in named(models):
            rows.append(fill_row(predictor, sets, score, root=root, name=name, track=track, seed=seed))
    write_matrix(Matrix(score, tuple(rows), seed), out)
    track_page(mlflow, out, "matrix.json", "matrix.csv", "matrix.html")
    typer.echo(f"The matrix lies in {out / 'matrix.html'}, its numbers in {out / 'matrix.json'}.")


def named(models: Sequence[str]) -> Iterator[tuple[str, Predictor]]:
    """Every model, opened when its turn comes, by name and version, and by its place where these are not its own."""
    from crackwise.backends import load_predictor
    from crackwise.errors import without_secrets

    cards = [load_predictor(model).card for model in models]
    names = [f"{card.name} {card.version}" for card in cards]
    times = Counter(names)
    for model, name in zip(models, names, strict=True):
        yield name if times[name] == 1 else f"{name} ({Path(without_secrets(model)).name})", load_predictor(model)


def benchmark(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Exported files, run folders, or `packaged`.")
    ],
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime",
            metavar="NAME",
            help="onnxruntime, openvino or torch, where it can run the model; repeatable. Default: the model's own.",
        ),
    ] = None,
    size_px: Annotated[int, typer.Option("--size", min=32, metavar="PX", help="Side of the picture.")] = 448,
    threads: Annotated[int, typer.Option("--threads", min=1, help="In one prediction.")] = 1,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="In each, every model has its turn.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where speed.json and .html go.")] = None,
) -> None:
    """Time models side by side, in turns: latency, throughput, processor time and memory."""
    from crackwise.imaging.files import refuse_unwritable
    from crackwise.speed.record import text_table
    from crackwise.speed.run import benchmark as run_benchmark

    if out is not None:
        refuse_unwritable(out)
    record = run_benchmark(
        models,
        runtimes=tuple(runtime or ()),
        size_px=size_px,
        threads=threads,
        rounds=rounds,
        say=lambda text: typer.echo(f"{text} ...", err=True),
    )
    if out is not None:
        from crackwise.speed.page import write_speed

        write_speed(record, out)
    machine = record["machine"]
    typer.echo(json.dumps(record, ensure_ascii=False) if as_json else "\n".join(text_table(record)))
    typer.echo(f"{machine['processor']}, load {machine['load_before']} on {machine['cores']} cores", err=as_json)
    if machine["busy"]:
        typer.echo("The machine was busy with something else: only the ratios mean anything.", err=True)
    if out is not None:
        typer.echo(f"The page lies in {out / 'speed.html'}, its numbers in {out / 'speed.json'}.", err=as_json)
