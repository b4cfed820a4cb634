"""The command that watches a stream."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Timer
from typing import Annotated

import typer

from crackwise.cli.field import Scale, Threshold, above_zero, read_scale

__all__ = ["register"]

WHERE_TO_STOP = (signal.SIGINT, signal.SIGTERM)


def register(app: typer.Typer) -> None:
    """Add the command of this file to the application."""
    app.command()(watch)


def positive(number: float | None) -> float | None:
    """The number itself, where there is one."""
    return None if number is None else above_zero(number)


def a_share(number: float | None) -> float | None:
    """The number itself, where it is a share of one core."""
    if number is not None and not 0 < number <= 1:
        raise typer.BadParameter("must lie above 0 and at most at 1")
    return number


def watch(
    source: Annotated[
        str, typer.Argument(help="A camera's number, an MJPEG or RTSP address, a video file, or a folder that fills.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")] = Path("watched"),
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="A model file, a run folder, or the packaged model.")
    ] = "packaged",
    scale: Scale = None,
    threshold: Threshold = None,
    save: Annotated[
        list[str] | None,
        typer.Option("--save", metavar="KIND", help="Save frames, masks or overlays of what is computed; repeatable."),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option("--serve", metavar="[HOST]:PORT", help="Show it to browsers; :8090 is for this machine."),
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", callback=positive, help="Compute at most so many frames a second.")
    ] = None,
    frames: Annotated[int | None, typer.Option("--frames", min=1, help="Stop after so many computed frames.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", callback=positive, help="Stop after so many seconds.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Of one prediction; default: all.")] = None,
    share: Annotated[
        float | None, typer.Option("--share", callback=a_share, help="Use at most this share of one core: 0.25.")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option("--tile", min=64, metavar="PX", help="Largest tile of a frame: smaller takes less memory."),
    ] = None,
) -> None:
    """Find, measure and count cracks on a stream of pictures: the newest picture first, every crack once."""
    mm_per_px = read_scale(scale)
    from crackwise.backends import load_predictor
    from crackwise.watch.economy import TILE_PX, InSmallTiles, limit_threads, return_freed_memory
    from crackwise.watch.looks import Settings
    from crackwise.watch.run import PICTURES
    from crackwise.watch.run import watch as watch_source
    from crackwise.watch.source import find_source
    from crackwise.watch.stream import Overlays, address_of

    unknown = [kind for kind in save or () if kind not in PICTURES]
    if unknown:
        raise typer.BadParameter(f"no kind {unknown[0]!r}; there is {', '.join(PICTURES)}", param_hint="--save")
    found = find_source(source, fps=fps)
    address = address_of(serve) if serve else None
    predictor = load_predictor(model, threads=threads)
    limit_threads(threads)
    return_freed_memory()
    if tile or "://" not in model:  # a server has memory of its own
        predictor = InSmallTiles(predictor, tile or TILE_PX)
    settings = Settings(threshold, mm_per_px, tuple(dict.fromkeys(save or ())), frames, fps, share)
    with stopped_by_signals(seconds) as stop, Overlays(address) if address else nullcontext() as overlays:
        if overlays:
            typer.echo(f"Watch it at {overlays.url}", err=True)
        summary = watch_source(
            found, predictor, out, settings, stop=stop, overlays=overlays, say=lambda text: typer.echo(text, err=True)
        )
    counts = summary["counts"]
    others = "".join(f", {counts[name]:,} {name}" for name in ("dropped", "still", "damaged", "failed") if counts[name])
    cracks = summary["cracks_so_far"]
    typer.echo(
        f"{cracks:,} different crack{'' if cracks == 1 else 's'} on {counts['computed']:,} of {counts['arrived']:,} "
        f"frames{others}. Lines: {out / 'frames.jsonl'}"
    )


@contextmanager
def stopped_by_signals(seconds: float | None) -> Iterator[Event]:
    """An event that an interrupt or a request to end sets, or the time; a second interrupt is not waited for."""
    stop = Event()

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in WHERE_TO_STOP}
    timer = Timer(seconds, stop.set) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield stop
    finally:
        if timer:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
