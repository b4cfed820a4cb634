"""What a watch writes: a line for every picture, pictures where wanted, a summary at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from crackwise.errors import CrackwiseError
from crackwise.imaging.files import remove_leftovers, write_atomically
from crackwise.watch.arrival import Counts

__all__ = ["FRAME_SCHEMA", "SUMMARY_SCHEMA", "Earlier", "Record"]

FRAME_SCHEMA, SUMMARY_SCHEMA = "crackwise.frame/1", "crackwise.watch/1"
"""docs/edge.md describes them."""
LINES, SUMMARY = "frames.jsonl", "summary.json"
BEGINNING = f'{{"schema":"{FRAME_SCHEMA}"'.encode()
LONGEST_LINE_BYTES = 4 << 20


class Earlier(NamedTuple):
    """Where an earlier watch into the same folder stopped."""

    counts: Counts
    last_track: int
    cracks: int
    taken: dict[str, int]
    """The newest files of a folder that have a line: their names as they stand there, and when they had changed last
    (Unix time, ns)."""


class Record:
    """The files of one watch; lines go on where an earlier watch into the same folder stopped."""

    def __init__(self, out: str | Path, suffixes: Mapping[str, str]) -> None:
        """``suffixes``: of the pictures that are saved of every frame, by their folders.

        Raises:
            CrackwiseError: the folder cannot be written, or holds lines that are not ours.
        """
        self.out = Path(out)
        self.suffixes = dict(suffixes)
        try:
            for folder in (self.out, *(self.out / kind for kind in self.suffixes)):
                folder.mkdir(parents=True, exist_ok=True)
                remove_leftovers(folder)
            self.lines: BinaryIO = (self.out / LINES).open("a+b")
            self.earlier = resume(self.lines, self.out)
        except OSError as error:
            raise self.unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.lines.close()
        except OSError as failure:  # what could not be written is tried once more
            if error is None:
                raise self.unwritable(failure) from failure
        if not (self.out / LINES).stat().st_size:  # nothing was seen: nothing is left
            (self.out / LINES).unlink()
            for folder in (*(self.out / kind for kind in self.suffixes), self.out):
                with suppress(OSError):
                    folder.rmdir()

    def add(self, line: dict[str, Any], pictures: dict[str, bytes]) -> None:
        """The pictures of a frame by their kinds, then its line: where it is, they are."""
        for kind, content in pictures.items():
            write_atomically(self.out / kind / f"{line['frame']:08d}{self.suffixes[kind]}", content)
        try:
            self.lines.write(
                json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
            )
            self.lines.flush()
        except OSError as error:
            raise self.unwritable(error) from error

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the summary."""
        text = json.dumps(summary, ensure_ascii=False, allow_nan=False, indent=2)
        write_atomically(self.out / SUMMARY, f"{text}\n".encode())

    def unwritable(self, error: OSError) -> CrackwiseError:
        """What is said of a folder that does not take the results."""
        return CrackwiseError(
            f"Cannot write into {str(self.out)!r}: {error.strerror or error}. Free some space or choose another --out."
        )


def resume(lines: BinaryIO, out: Path) -> Earlier:
    """Where the last whole line stands; what follows it, of a watch that was killed as it wrote, is cut off."""
    end = lines.seek(0, os.SEEK_END)
    start = max(0, end - LONGEST_LINE_BYTES)
    lines.seek(start)
    *earlier, broken = lines.read().split(b"\n")
    line: dict[str, Any] = {"counts": {}, "last_track": 0, "cracks_so_far": 0}
    taken = {}
    try:
        whole = earlier[start > 0 :]  # the first begins before what was read
        if len(whole) < min(1, len(earlier)) or not broken.startswith(BEGINNING[: len(broken)]):
            raise ValueError
        for text in whole:
            line = json.loads(text)
            if "file" in line:
                taken[line["file"]] = line["file_changed_ns"]
        counts = Counts(**line["counts"])
        if "file" not in line:  # pictures of a folder without a line come again
            counts = max(counts, last_counts(out), key=lambda each: each.arrived)
        stopped = Earlier(counts, line["last_track"], line["cracks_so_far"], taken)
    except (ValueError, LookupError, TypeError) as error:
        lines.close()
        raise CrackwiseError(
            f"{str(out / LINES)!r} holds something else than the lines of a watch. Choose another --out."
        ) from error
    lines.truncate(end - len(broken))
    return stopped


def last_counts(out: Path) -> Counts:
    """Those of the summary, which knows of the pictures after the last line too; nothing where there is none."""
    try:
        return Counts(**json.loads((out / SUMMARY).read_bytes())["counts"])
    except (OSError, ValueError, LookupError, TypeError):
        return Counts()
