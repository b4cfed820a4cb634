"""Outputs that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crackwise.errors import CrackwiseError

__all__ = ["remove_leftovers", "write_atomically"]

LEFTOVER = ".crackwise-*.part"
"""What an unfinished output is called, in the folder of the finished one."""


def write_atomically(path: str | Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, given whole or in pieces; until its last byte is on the disk, ``path`` is what it was before.

    Missing parent folders are made.

    Raises:
        CrackwiseError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    pieces = [content] if isinstance(content, bytes) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path.parent) as (part, file):
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            part.replace(path)
    except OSError as error:
        raise CrackwiseError(
            f"Cannot write {str(path)!r}: {error.strerror or error}. Free some space or choose another folder."
        ) from error


@contextmanager
def unfinished(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file of a name no one else has; gone at the end, unless renamed."""
    part = folder / LEFTOVER.replace("*", secrets.token_hex(8))
    try:
        with part.open("xb") as file:
            yield part, file
    finally:
        part.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed program left unfinished in ``folder`` itself, not below it."""
    for part in folder.glob(LEFTOVER):
        part.unlink(missing_ok=True)
