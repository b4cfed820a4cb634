"""Commands of the field: inspect, measure."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crackwise.cli.screen import Screen, ScreenThreshold, behind, inside_0_and_1
from crackwise.errors import ScaleUnknownError

if TYPE_CHECKING:
    from crackwise.report.table import Entry

__all__ = ["register"]

CORES = os.cpu_count() or 1

Say = Callable[[str], None]
Scale = Annotated[
    str | None, typer.Option("--scale", metavar="LENGTH", help="What one pixel covers: 0.2mm, 200um, 0.02cm.")
]

Prompts = Annotated[
    list[str] | None,
    typer.Option("--prompt", metavar="TEXT", help="What to look for, for models that read; repeatable."),
]

Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold", callback=inside_0_and_1, help="Crack from this probability on; default: the model's own."
    ),
]


Maps = Annotated[bool, typer.Option("--maps", help="Write probability maps too, to see and as 16-bit TIFF.")]
Uncertain = Annotated[
    bool,
    typer.Option("--uncertainty", help="Compare 8 views of each photograph, map what is uncertain: 9 times the time."),
]


class Part(StrEnum):
    """What can be written of a photograph; the rows of `crackwise.batch.PARTS`."""

    masks = "masks"
    overlays = "overlays"
    results = "results"


Only = Annotated[
    list[Part] | None,
    typer.Option(
        "--only",
        help="Write masks, overlays or results alone, and no report; repeatable. Masks alone are not measured.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Photographs that are predicted at once; default: one for each core."),
]


def above_zero(number: float) -> float:
    """The number itself, where there is something it permits."""
    if not 0 < number < math.inf:
        raise typer.BadParameter("must be above 0, and a number")
    return number


MaxMegapixels = Annotated[
    float, typer.Option("--max-megapixels", callback=above_zero, help="Refuse larger photographs and masks.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the application."""
    app.command()(inspect)
    app.command()(measure)


def inspect(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO|FOLDER", help="Photographs, or folders of them.", readable=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")] = Path("inspection"),
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="An .onnx file, a run folder, or the packaged model.")
    ] = "packaged",
    prompts: Prompts = None,
    screen: Screen = None,
    screen_threshold: ScreenThreshold = None,
    scale: Scale = None,
    threshold: Threshold = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON list.")] = False,
    maps: Maps = False,
    uncertain: Uncertain = False,
    max_megapixels: MaxMegapixels = 250.0,
    only: Only = None,
    workers: Workers = None,
) -> None:
    """Find and measure the cracks on photographs: masks, overlays, results, a table and a report."""
    mm_per_px = read_scale(scale)
    parts = parts_of(only, as_json=as_json, uncertain=uncertain)
    from crackwise.allocator import keep_freed_memory
    from crackwise.backends import load_predictor
    from crackwise.batch import Settings, find_photos, inspect_batch, name_outputs, read_results
    from crackwise.trust.uncertainty import VIEWS

    jobs = name_outputs(find_photos(photos, out))
    workers = min(workers or CORES, len(jobs))
    if workers > 1:
        keep_freed_memory(shared=True)  # as much as they hold at once, from the first photographs to the last
    threads = 1 if len(jobs) > 1 else CORES  # not by workers: more threads may change the last bit of a probability
    segmenter = load_predictor(model, threads=threads, prompts=tuple(prompts or ()))
    predictor = behind(screen, segmenter, screen_threshold, threads=threads)
    source = None if mm_per_px is None else "command line"
    settings = Settings(threshold, mm_per_px, source, maps, VIEWS if uncertain else None, max_megapixels, parts)
    with progress(len(jobs), on_stderr=as_json) as (say, advance):
        entries = inspect_batch(
            jobs, out, predictor, settings, workers=workers, on_entry=partial(tell, say=say, advance=advance)
        )
    if as_json:
        print_list(read_results(out, entries))
    typer.echo(f"Files: {out}" if parts else f"Report: {out / 'report.html'}", err=as_json)
    if any(entry.result is None for entry in entries):
        raise typer.Exit(1)


def measure(
    mask: Annotated[
        Path, typer.Argument(metavar="MASK", help="A picture, white where there is crack.", readable=False)
    ],
    image: Annotated[
        Path | None,
        typer.Option(
            "--image", metavar="PHOTO", help="What the mask was drawn on; sharpens the widths.", readable=False
        ),
    ] = None,
    scale: Scale = None,
    max_megapixels: MaxMegapixels = 250.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the cracks of a mask that exists already."""
    mm_per_px = read_scale(scale)
    from crackwise.inspection import measure_mask

    measured = measure_mask(mask, image, mm_per_px=mm_per_px, max_megapixels=max_megapixels)
    if as_json:
        typer.echo(json.dumps(measured, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo("\n".join(plain_table(measured)))


def parts_of(only: list[Part] | None, *, as_json: bool, uncertain: bool) -> frozenset[str]:
    """What ``--only`` names, where that goes together with the other options; empty: everything."""
    parts = frozenset(only or ())
    if as_json and parts and "results" not in parts:
        raise typer.BadParameter("prints results; add --only results, or leave out --only", param_hint="--json")
    if uncertain and parts == {"masks"}:
        raise typer.BadParameter("is told in results; add --only results", param_hint="--uncertainty")
    return parts


def read_scale(text: str | None) -> float | None:
    """Millimetres per pixel of ``--scale``."""
    from crackwise.imaging.scale import parse_scale

    try:
        return None if text is None else parse_scale(text)
    except ScaleUnknownError as error:
        raise typer.BadParameter(str(error), param_hint="--scale") from error


@contextmanager
def progress(total: int, *, on_stderr: bool) -> Iterator[tuple[Say, Callable[[], None]]]:
    """What prints a line, and what moves the bar, which is there only where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda line: typer.echo(line, err=on_stderr), lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("inspecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # lines pass through the bar where both share the screen; a pipe gets them untouched
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda line: typer.echo(line, err=on_stderr), lambda: bar.advance(task)


def tell(entry: Entry, *, say: Say, advance: Callable[[], None]) -> None:
    """Print the line of one photograph."""
    advance()
    if entry.result is None:
        typer.echo(f"error: {entry.error}", err=True)
    else:
        say(summary_line(entry))


def summary_line(entry: Entry) -> str:
    """One photograph in one line."""
    from crackwise.report.table import length_text, nothing_text, percent, width_text

    assert entry.result is not None
    if "cracks" not in entry.result:
        share = entry.result["crack_area_px"] / (entry.result["width_px"] * entry.result["height_px"])
        return f"{entry.source}: {percent(share)} crack"
    cracks, totals, triage, review = (entry.result[key] for key in ("cracks", "totals", "triage", "review"))
    notes = f"; {100 * triage['segmented_share']:.3g} % segmented" if triage else ""
    notes += "; needs review" if review and review["needed"] else ""
    if not cracks:
        return f"{entry.source}: {nothing_text(entry.result)}{notes}"
    widest = max(cracks, key=lambda crack: crack["max_width_px"])
    length = length_text(totals["crack_length_px"], totals["crack_length_mm"])
    count = f"{len(cracks)} crack{'' if len(cracks) == 1 else 's'}"
    return f"{entry.source}: {count}, {length} in all, at most {width_text(widest, 'max_width')} wide{notes}"


def print_list(results: Iterable[dict[str, Any]]) -> None:
    """One JSON list, element by element: a run may be larger than the memory."""
    separator = "["
    for result in results:
        typer.echo(separator + json.dumps(result, ensure_ascii=False, allow_nan=False))
        separator = ","
    typer.echo("]")


def plain_table(measured: dict[str, Any]) -> Iterator[str]:
    """Cracks and totals as lines of text."""
    from crackwise.report.table import decimals, length_text, width_text

    yield f"{'crack':>5}  {'length':>11}  {'mean width':>18}  {'median':>10}  {'widest':>10}  {'direction':>9}"
    for crack in measured["cracks"]:
        length = length_text(crack["length_px"], crack["length_mm"])
        mean = width_text(crack, "mean_width", uncertain=True)
        median, widest = width_text(crack, "median_width"), width_text(crack, "max_width")
        direction = f"{crack['orientation_deg']:.0f}°"
        yield f"{crack['id']:>5}  {length:>11}  {mean:>18}  {median:>10}  {widest:>10}  {direction:>9}"
    totals = measured["totals"]
    area = f"{totals['crack_area_px']:,.0f} px²"
    if totals["crack_area_mm2"] is not None:
        digits = decimals(totals["crack_area_mm2"] / 10, at_least=0)
        area = f"{totals['crack_area_mm2']:,.{digits}f} mm², {totals['crack_density_m_per_m2']:.2f} m/m²"
    length = length_text(totals["crack_length_px"], totals["crack_length_mm"])
    count = totals["crack_count"]
    yield f"{count} crack{'' if count == 1 else 's'}, {length}, {area}"
