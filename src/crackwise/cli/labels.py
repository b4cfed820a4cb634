"""The command `data labels`: are the labels of data sets right?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from crackwise.cli.evaluate import Root
from crackwise.cli.scores import FILE_COLUMNS, watched
from crackwise.errors import needs_extra

if TYPE_CHECKING:
    from crackwise.evaluation.bootstrap import Estimate
    from crackwise.evaluation.labels.audit import AuditedSet
    from crackwise.evaluation.labels.look import Look

__all__ = ["labels"]


def labels(
    sets: Annotated[list[str], typer.Argument(metavar="SET...", help="Names of the catalogue or folders, with :part.")],
    out: Annotated[Path, typer.Option("--out", help="Where labels.json, labels.csv and labels.html go.")],
    root: Root = None,
    worst: Annotated[int, typer.Option("--worst", min=0, help="Pairs of each set that are drawn.")] = 8,
    pictures: Annotated[
        int | None, typer.Option("--pictures", min=1, help="Look at so many of each set, drawn by the seed.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A run folder, a model file or `packaged`: what labels it disputes.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of --pictures and of the intervals.")] = 0,
) -> None:
    """Look for labels that are too wide, beside the crack, of another picture or wrongly stored; exit 1 if grave."""
    with needs_extra("lab"):
        from crackwise.evaluation.labels.audit import audit_labels
        from crackwise.evaluation.labels.listing import list_set
        from crackwise.evaluation.labels.write import write_audit
    from crackwise.backends import load_predictor

    listings = {reference: list_set(reference, root, pictures=pictures, seed=seed) for reference in sets}
    predictor = load_predictor(model) if model else None
    audited = audit_labels(listings, predictor=predictor, seed=seed, track=watch)
    name = f"{predictor.card.name} {predictor.card.version}" if predictor else None
    write_audit(out, audited, listings, worst=worst, seed=seed, model=name)
    Console(width=None if Console().is_terminal else FILE_COLUMNS).print(table_of(audited))
    for reference, each in audited.items():
        counts = ", ".join(f"{check} {count}" for check, count in each.summary.counts.items())
        typer.echo(f"{reference}: {counts or 'nothing found'}")
    typer.echo(f"The findings lie in {out / 'labels.json'}, the pictures in {out / 'labels.html'}.")
    if any(each.grave for each in audited.values()):
        raise typer.Exit(1)


def watch(looks: Iterable[Look], count: int, reference: str) -> Iterable[Look]:
    """A progress bar of one set."""
    return watched(looks, reference, count)


def table_of(audited: dict[str, AuditedSet]) -> Table:
    """A row per set."""
    caption = "label/crack: median ratio of widths; right, down: where the labels lie as seen from the cracks, px."
    table = Table(box=None, padding=(0, 2, 0, 0), caption=caption, caption_justify="left")
    table.add_column("set", overflow="fold", min_width=16)
    for title in ("n", "label/crack", "", "right", "down", " "):
        table.add_column(title, justify="left" if not title.strip() else "right")
    for reference, each in audited.items():
        found = each.summary
        place = {None: "", True: "beside the cracks", False: "on the cracks"}[found.beside]
        width = {"open": "", "right": "right"}.get(found.width, f"too {found.width}")
        numbers = (cell(found.ratio), width, cell(found.right_px), cell(found.down_px))
        table.add_row(reference, str(found.pictures), *numbers, place)
    return table


def cell(estimate: Estimate) -> str:
    """A number over its interval."""
    if math.isnan(estimate.value):
        return ""
    return f"{estimate.value:.2f}\n{estimate.low:.2f} to {estimate.high:.2f}"
