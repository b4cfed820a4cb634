"""The command line; every command reads its arguments, calls one function and prints."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from crackwise import __version__
from crackwise.cli import calibrate, compare, data, evaluate, explain, field, lab, model, robustness, sweep
from crackwise.cli.deployment import export, serve, watch
from crackwise.errors import CrackwiseError, printable

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"crackwise {__version__}")
        raise typer.Exit


@app.callback()
def crackwise(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Photographs of concrete, asphalt, masonry and plaster in; measured cracks out."""


for family in (field, serve, watch, lab, export, sweep, evaluate, robustness, compare, calibrate, explain, model, data):
    family.register(app)


def main() -> None:
    """Run a command: exit status 0 done, 1 it could not be done, 2 wrongly asked for, 130 interrupted."""
    try:
        app()
    except CrackwiseError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(1)
