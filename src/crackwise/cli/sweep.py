"""The command `sweep`: many runs from one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.errors import needs_extra

if TYPE_CHECKING:
    from crackwise.sweeps.outcome import State
    from crackwise.sweeps.plan import Arm, Run

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(sweep)


def sweep(
    page: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="A page of YAML; see recipes/sweeps/.")],
    out: Annotated[Path, typer.Option("--out", help="Where runs/, table.csv, sweep.json and sweep.html go.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value of every recipe; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PATTERN", help="Runs of such names ('r=*'); repeatable, not of a search."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Take up again what has failed.")] = False,
    mlflow: Annotated[
        str | None, typer.Option("--mlflow", metavar="ADDRESS", help="Log there: one parent, a child for every run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and list the runs with their parameters; train nothing.")
    ] = False,
) -> None:
    """Train and judge many runs, and lay them beside each other; a sweep that was stopped goes on where it was."""
    with needs_extra("lab"):
        from crackwise.allocator import keep_freed_memory
        from crackwise.sweeps.plan import override
        from crackwise.sweeps.run import carry_out, counted, fits, open_order
    tracked = [] if mlflow is None else [override("trainer.mlflow", mlflow)]
    order = open_order(page, out, [*(settings or []), *tracked])
    if dry_run:
        for name, count in counted(order).items():
            if fits(name, only or ()):
                typer.echo(f"{name}: {count.trainable:,} of {count.total:,} parameters learn")
        if order.sweep.search is not None:
            typer.echo(f"These are the ends of the space; {order.sweep.search.trials} points in it will be tried.")
        return
    keep_freed_memory()
    failed = carry_out(order, only=tuple(only or ()), retry=retry, told=tell)
    typer.echo(f"The table lies in {out / 'table.csv'}, the page in {out / 'sweep.html'}.")
    if failed:
        names = ", ".join(str(run.folder) for run in failed)
        typer.echo(f"{len(failed)} failed, see error.txt there: {names}. --retry takes them up again.", err=True)
        raise typer.Exit(1)


def tell(arm: Arm, run: Run, state: State) -> None:
    """A line for every run as it ends."""
    typer.echo(f"{arm.name}, seed {run.recipe.seed}: {state}")
