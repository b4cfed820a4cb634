"""A folder that is being filled: every finished picture once, in the order in which they came."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import NamedTuple

from crackwise.errors import StreamError, printable
from crackwise.imaging.image import SUFFIXES
from crackwise.watch.arrival import Filed

__all__ = ["read_folder"]

POLL_S = 0.5
LOOKED_AT = 64
"""Files taken up by one look into the folder: what is remembered does not grow with the folder."""


class Found(NamedTuple):
    """A file as it stood; files sort by when they came."""

    changed_ns: int
    """Last change of the file or its name, which a copy cannot bring along from elsewhere."""
    name: str
    size: int


NOTHING = Found(0, "", 0)
"""Comes before every file."""


def read_folder(
    folder: Path, stop: Event, *, taken: Mapping[str, int] = MappingProxyType({}), poll_s: float = POLL_S
) -> Iterator[Filed]:
    """Pictures of a folder (not below it), those there already first, until ``stop`` is set.

    It goes on after the newest of the files that were ``taken``: their printable names, and when they had changed last
    (Unix time, ns). One that has changed since is another file.

    A file is finished when it has not changed between two looks; one that changes later comes again. Hidden files, and
    files not named like pictures, are passed over: who writes slowly should write ``.name`` and rename.

    Raises:
        StreamError: the folder is gone or cannot be listed.
    """
    last = max((file for file in look(folder) if taken.get(printable(file.name)) == file.changed_ns), default=NOTHING)
    before: frozenset[Found] = frozenset()
    while not stop.is_set():
        found = heapq.nsmallest(LOOKED_AT, (file for file in look(folder) if file > last))
        settled = 0
        for file in found:
            if file not in before or stop.is_set():
                break
            last = file
            settled += 1
            yield Filed(folder / file.name, file.changed_ns)
        before = frozenset(found)
        if settled < LOOKED_AT:
            stop.wait(poll_s)


def look(folder: Path) -> Iterator[Found]:
    """What lies in the folder now."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
                    continue
                try:
                    state = entry.stat()
                except OSError:  # it is gone, or a link that leads nowhere
                    continue
                if state.st_size and entry.is_file():
                    yield Found(state.st_ctime_ns, entry.name, state.st_size)
    except OSError as error:
        raise StreamError(f"Cannot look into {str(folder)!r}: {error.strerror or error}.") from error
