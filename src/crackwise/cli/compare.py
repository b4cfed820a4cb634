"""The commands `compare` and `matrix`: several models against each other, and on several sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.cli.evaluate import Root, Tracked, progress_bar

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.predictor import Predictor

__all__ = ["register"]

Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all draws of photographs.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(matrix)


def matrix(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Run folders, .onnx files, or `packaged`.")],
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
) -> None:
    """Score models on test sets, each without the pictures it has met, as one heat map."""
    from crackwise.errors import needs_extra
    from crackwise.evaluation.matrix import Matrix, fill_row
    from crackwise.evaluation.matrix_page import write_matrix

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
    typer.echo(f"The matrix lies in {out / 'matrix.html'}, its numbers in {out / 'matrix.json'}.")


def named(models: Sequence[str]) -> Iterator[tuple[str, Predictor]]:
    """Every model, opened when its turn comes, by name and version, and by its place where these are not its own."""
    from crackwise.backends import load_predictor

    cards = [load_predictor(model).card for model in models]
    names = [f"{card.name} {card.version}" for card in cards]
    times = Counter(names)
    for model, name in zip(models, names, strict=True):
        yield name if times[name] == 1 else f"{name} ({Path(model).name})", load_predictor(model)
