"""The command that watches a stream."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import TIMEOUT_MAX, Event, Timer
from typing import Annotated, Any

import typer

from crackwise.cli.field import Scale, Threshold, above_zero, read_scale
from crackwise.signals import Ending

__all__ = ["register"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


Source = Annotated[
    str, typer.Argument(help="A camera's number, an MJPEG or RTSP address, a video file, or a folder that fills.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")]
Model = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", help="A model file, a run folder, a server's address, or the packaged."),
]
Save = Annotated[
    list[str] | None,
    typer.Option("--save", metavar="KIND", help="Save frames, masks or overlays of what is computed; repeatable."),
]
Serve = Annotated[
    str | None,
    typer.Option("--serve", metavar="[HOST]:PORT", help="Show it to browsers; :8090 is for this machine alone."),
]
Fps = Annotated[float | None, typer.Option("--fps", callback=positive, help="Compute at most so many frames a second.")]
Frames = Annotated[int | None, typer.Option("--frames", min=1, help="Stop after so many computed frames.")]
Seconds = Annotated[float | None, typer.Option("--seconds", callback=positive, help="Stop after so many seconds.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Of one prediction; default: all.")]
Share = Annotated[
    float | None, typer.Option("--share", callback=a_share, help="Use at most this share of one core: 0.25.")
]
Tile = Annotated[
    int | None, typer.Option("--tile", min=64, metavar="PX", help="Largest tile of a frame: smaller takes less memory.")
]


def watch(
    source: Source,
    out: Out = Path("watched"),
    model: Model = "packaged",
    scale: Scale = None,
    threshold: Threshold = None,
    save: Save = None,
    serve: Serve = None,
    fps: Fps = None,
    frames: Frames = None,
    seconds: Seconds = None,
    threads: Threads = None,
    share: Share = None,
    tile: Tile = None,
) -> None:
    """Find, measure and count cracks on a stream of pictures: the newest picture first, every crack once."""
    mm_per_px = read_scale(scale)
    from crackwise.backends import load_predictor
    from crackwise.watch.economy import InSmallTiles, limit_threads, return_freed_memory
    from crackwise.watch.looks import Settings
    from crackwise.watch.run import PICTURES
    from crackwise.watch.run import watch as watch_source
    from crackwise.watch.sources.table import find_source
    from crackwise.watch.stream import Overlays, address_of

    unknown = [kind for kind in save or () if kind not in PICTURES]
    if unknown:
        raise typer.BadParameter(f"no kind {unknown[0]!r}; there is {', '.join(PICTURES)}", param_hint="--save")
    found = find_source(source, fps=fps)
    address = address_of(serve) if serve else None
    predictor = load_predictor(model, threads=threads)
    limit_threads(threads)
    return_freed_memory()
    if "://" not in model:  # a server has memory of its own
        predictor = InSmallTiles(predictor, tile)
    settings = Settings(threshold, mm_per_px, tuple(dict.fromkeys(save or ())), frames, fps, share)
    with stopped_by_signals(seconds) as stop, Overlays(address) if address else nullcontext() as overlays:
        if overlays:
            typer.echo(f"Watch it at {overlays.url}", err=True)
        summary = watch_source(
            found, predictor, out, settings, stop=stop, overlays=overlays, say=lambda text: typer.echo(text, err=True)
        )
    lines = out / "frames.jsonl"
    typer.echo(f"{in_words(summary)}." + (f" Lines: {lines}" if lines.exists() else ""))


def in_words(summary: dict[str, Any]) -> str:
    """What a watch found, in a sentence."""
    counts, cracks = summary["counts"], summary["cracks_so_far"]
    others = "".join(f", {counts[name]:,} {name}" for name in ("dropped", "still", "damaged", "failed") if counts[name])
    return (
        f"{cracks:,} different crack{'' if cracks == 1 else 's'} on {counts['computed']:,} of {counts['arrived']:,} "
        f"frames{others}"
    )


@contextmanager
def stopped_by_signals(seconds: float | None) -> Iterator[Event]:
    """An event that an interrupt or a request to end sets, or the time; a second interrupt is not waited for."""
    stop, ending = Event(), Ending()

    def ask(number: int, _: object) -> None:
        stop.set()
        if ending.insisted():
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            signal.raise_signal(number)

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    timer = Timer(min(seconds, TIMEOUT_MAX), stop.set) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield stop
    finally:
        if timer:
            timer.cancel()
        ending.hear_out()
        for number, handler in before.items():
            signal.signal(number, handler)
