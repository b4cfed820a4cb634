"""Commands about weights: convert published ones, merge tuned ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crackwise.errors import needs_extra

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add ``crackwise model ...`` to the application."""
    model = typer.Typer(no_args_is_help=True, help="Weights: convert published files, merge a tuned run with its base.")
    model.command()(convert)
    model.command()(merge)
    app.add_typer(model, name="model")


def convert(
    file: Annotated[Path, typer.Argument(help="The .pth or .pt file as its authors publish it.")],
    model: Annotated[
        str, typer.Option("--model", help="cracksam (segment-anything, for sam as well), sam2 or clipseg.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to make, for the option `base` of the model.")],
    clip: Annotated[
        str | None,
        typer.Option("--clip", metavar="FOLDER|HUB_NAME", help="For clipseg, whose files hold the decoder alone."),
    ] = None,
) -> None:
    """Rewrite an original checkpoint as a folder that a recipe can start from; nothing in the file is ever run."""
    with needs_extra("lab"):
        from crackwise.models.checkpoints.convert import convert as convert_file
    size = convert_file(file, model, out, clip=clip)
    typer.echo(f"Wrote {out}: {model}, size {size}.")
    typer.echo(f"Next, in a recipe: model: {{name: {model}, options: {{size: {size}, base: {out}}}}}")


def merge(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder to make; NAME.safetensors for the weights alone.")],
) -> None:
    """Add what LoRA learnt to the weights below it, and write a run that needs no base."""
    with needs_extra("lab"):
        from crackwise.training.merge import merge as merge_run
    stays = merge_run(run, out)
    typer.echo(f"Wrote {out}." + (f" Still modules of their own: {', '.join(stays)}." if stays else ""))
