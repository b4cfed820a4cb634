"""The command `export`: a trained network as one file, and what that lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.cli.evaluate import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crackwise.backends.export import Exported
    from crackwise.predictor import Parity

__all__ = ["register"]


def read_size(text: str) -> tuple[int, int] | None:
    """``"448x320"``, width first, to height and width; None for ``"dynamic"``."""
    if text == "dynamic":
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or "0" in found.groups():
        raise typer.BadParameter(f"needs WIDTHxHEIGHT in pixels, as 448x448, or dynamic; got {text!r}")
    return int(found[2]), int(found[1])


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(export)


def export(
    model: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, an .onnx file, or `packaged`.")],
    to: Annotated[str, typer.Option("--to", help="onnx, openvino or tensorrt.")] = "onnx",
    precision: Annotated[str, typer.Option("--precision", help="f32, f16, bf16 or int8; see docs/export.md.")] = "f32",
    size: Annotated[
        str, typer.Option("--input", metavar="WxH", help="The only size the graph takes; dynamic: any.")
    ] = "dynamic",
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; default: beside the model.")] = None,
    calibrate_on: Annotated[
        list[str] | None,
        typer.Option("--calibrate-on", metavar="SET[:SPLIT]", help="Labelled pictures for int8; repeatable."),
    ] = None,
    parity_on: Annotated[
        list[str] | None,
        typer.Option("--parity-on", metavar="SET|FOLDER", help="Photographs to compare on; repeatable."),
    ] = None,
    root: Root = None,
) -> None:
    """Write a trained network as one file, and prove that it finds and measures what its source does."""
    fixed_px = read_size(size)
    from crackwise.backends.export import checked_wish
    from crackwise.backends.export import export as export_model
    from crackwise.backends.proof import find_proof

    checked_wish(to, precision, fixed_px)
    proof = find_proof(
        model, precision=precision, parity_on=parity_on or (), calibrate_on=calibrate_on or (), root=root
    )
    exported = export_model(
        model,
        to,
        out,
        precision=precision,
        fixed_px=fixed_px,
        shown=proof.shown,
        calibration=proof.calibration,
        asked=[word for reference in parity_on or () for word in ("--parity-on", reference)]
        + (["--root", str(root)] if root else []),
    )
    typer.echo("\n".join(summary(exported)))


def summary(exported: Exported) -> Iterator[str]:
    """What was written and what it lost, in lines of text."""
    for path in filter(None, (exported.path, exported.weights)):
        yield f"Wrote {path} ({path.stat().st_size / 1e6:.2f} MB)."
    yield from plain_parity(exported.parity)


def plain_parity(parity: Parity) -> Iterator[str]:
    """A comparison in lines of text."""
    yield f"Parity of {parity.runtime} {parity.precision} with {parity.reference} on {parity.photographs} photographs:"
    yield f"  probabilities  differ by at most {parity.largest_difference:.1e}"
    yield (
        f"  masks          agree on {parity.mask_agreement:.4%} of the pixels, on {parity.clear_agreement:.4%} of "
        "those not within 1e-4 of the threshold"
    )
    if parity.median_width_px is None or parity.width_changes is None:
        yield "  widths         no crack was found to measure; show photographs with cracks: --parity-on FOLDER"
    else:
        before, after = parity.median_width_px
        half, most = parity.width_changes
        yield (
            f"  widths         median {before:.3f} px before, {after:.3f} after ({after / before - 1:+.2%}); half of "
            f"them change by {half:.2%} at most, 95 % by {most:.2%}"
        )
        yield (
            f"  cracks         {parity.cracks[0]} before, {parity.cracks[1]} after; {parity.found_again:.2%} of their "
            "length is found again"
        )
    if parity.f1 is not None:
        yield f"  F1             {parity.f1[0]:.4f} before, {parity.f1[1]:.4f} after"
