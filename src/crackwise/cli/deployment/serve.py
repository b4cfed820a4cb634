"""The command that answers over the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from crackwise.cli.field import above_zero
from crackwise.errors import CrackwiseError, needs_extra

__all__ = ["register"]

TOKEN_VARIABLE = "CRACKWISE_TOKEN"


def register(app: typer.Typer) -> None:
    """Add the command of this file to the application."""
    app.command()(serve)


def serve(
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="An .onnx file, a run folder, or the packaged model.")
    ] = "packaged",
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 for everyone; then set a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Photographs worked on at once; default: one per core.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="For each of them.")] = 1,
    queue: Annotated[int, typer.Option("--queue", min=0, help="Requests that may wait; others are sent away.")] = 16,
    per_caller: Annotated[
        int | None,
        typer.Option("--per-caller", min=1, help="Requests of one address at a time; others are sent away."),
    ] = None,
    max_megapixels: Annotated[
        float, typer.Option("--max-megapixels", callback=above_zero, help="Refuse larger photographs.")
    ] = 50.0,
    max_body: Annotated[
        float, typer.Option("--max-body", metavar="MIB", callback=above_zero, help="Refuse larger requests.")
    ] = 32.0,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", callback=above_zero, help="For a request to arrive, and to wait."),
    ] = 30.0,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", metavar="FILE", help=f"Holds the token that callers must know; or set {TOKEN_VARIABLE}."
        ),
    ] = None,
) -> None:
    """Answer over HTTP what `inspect` answers: masks, overlays and measured cracks."""
    with needs_extra("serve"):
        from crackwise.serve.server import serve as answer
    from crackwise.backends import load_predictor
    from crackwise.serve.settings import Settings

    settings = Settings(
        workers=workers or os.cpu_count() or 1, queue=queue, per_caller=per_caller, max_megapixels=max_megapixels,
        max_body_mib=max_body, timeout_s=timeout, token=read_token(token_file),
    )  # fmt: skip
    answer(load_predictor(model, threads=threads), settings, host=host, port=port)


def read_token(file: Path | None) -> str | None:
    """The token of a file, or of the environment; None where neither names one.

    Raises:
        CrackwiseError: the file cannot be read, or what should be a token is none.
    """
    try:
        token = os.environ.get(TOKEN_VARIABLE) if file is None else file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no ASCII text"
        raise CrackwiseError(f"Cannot read the token in {str(file)!r}: {reason}.") from error
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise CrackwiseError(f"The token of {file or TOKEN_VARIABLE} is empty, or has spaces. Write one word.")
    return token
