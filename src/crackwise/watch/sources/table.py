"""The table of sources: what can be watched, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from crackwise.errors import StreamError, printable, without_secrets
from crackwise.watch.arrival import Shot
from crackwise.watch.sources.capture import read_camera, read_film, read_rtsp
from crackwise.watch.sources.folder import read_folder
from crackwise.watch.sources.mjpeg import read_mjpeg

__all__ = ["Source", "find_source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Something that sends pictures."""

    name: str
    """As it may be shown and stored."""
    open: Callable[..., Iterator[Shot]]
    """Its pictures from now on, until the event is set. Ends where there are no more; raises StreamError."""
    live: bool
    """Whether pictures come when they come: the newest wins, and a stream that is lost is looked for again."""
    own_pace: bool = False
    """Whether it keeps to a rate of frames by itself."""
    of_files: bool = False
    """Whether `open` can go on after files that were ``taken`` earlier."""

    def after(self, taken: Mapping[str, int]) -> Source:
        """The same, from where an earlier watch stopped that took these files, where it is of files."""
        return replace(self, open=partial(self.open, taken=taken)) if self.of_files else self


def find_source(text: str, *, fps: float | None = None) -> Source:
    """A camera by its number, an MJPEG or RTSP stream by its address, a film, or a folder that is being filled.

    ``fps`` is for films: at most so many frames of a second of them.

    Raises:
        StreamError: it is none of these.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    shown = printable(without_secrets(text))
    if text.isascii() and text.isdigit():
        return Source(f"camera {int(text)}", partial(read_camera, int(text)), live=True)
    if scheme in ("http", "https"):
        return Source(shown, partial(read_mjpeg, text), live=True)
    if scheme in ("rtsp", "rtsps"):
        return Source(shown, partial(read_rtsp, text, shown), live=True)
    if scheme:
        raise StreamError(f"Cannot watch {shown!r}: addresses begin with http://, https://, rtsp:// or rtsps://.")
    path = Path(text)
    if path.is_dir():
        return Source(shown, partial(read_folder, path), live=False, of_files=True)
    if path.is_file():
        return Source(shown, partial(read_film, text, fps=fps), live=False, own_pace=True)
    raise StreamError(
        f"Nothing to watch at {shown!r}. Pass a camera's number, the address of a stream, a video file or a folder."
    )
