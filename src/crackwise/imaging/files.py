"""Outputs that appear whole or not at all."""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crackwise.errors import CrackwiseError

__all__ = [
    "appearing",
    "refuse_filled",
    "refuse_unwritable",
    "remove_leftovers",
    "sha256_of",
    "sync_disks",
    "write_atomically",
    "write_folder",
]

LEFTOVER = ".crackwise-*.part"
"""What an unfinished output is called, in the folder of the finished one."""
SYNC_DISKS = hasattr(os, "sync")
"""Whether this system can be asked for all files of a disk at once."""
ABANDONED_S = 24 * 3600.0
"""An unfinished output that has not changed for so long is nobody's any more."""


def write_atomically(path: str | Path, content: bytes | Iterable[bytes], *, synced: bool = True) -> None:
    """Write a file, given whole or in pieces; until its last byte is on the disk, ``path`` is what it was before.

    Missing parent folders are made. Not ``synced``, it may be lost or empty after a power cut, until `sync_disks`.

    Raises:
        CrackwiseError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    pieces = [content] if isinstance(content, bytes) else content
    try:
        with unfinished(path.parent) as (part, file):
            file.writelines(pieces)
            if synced or not SYNC_DISKS:
                file.flush()
                os.fsync(file.fileno())
            file.close()
            part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def unfinished(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file of a name no one else has, in a folder that is made if need be; gone at the end, unless renamed."""
    part = folder / LEFTOVER.replace("*", secrets.token_hex(8))
    try:
        file = part.open("xb")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        file = part.open("xb")
    try:
        with file:
            yield part, file
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> CrackwiseError:
    """What is said where the disk takes no more."""
    return CrackwiseError(
        f"Cannot write {str(path)!r}: {error.strerror or error}. Free some space or choose another folder."
    )


def sync_disks(folders: Iterable[Path]) -> None:
    """Wait until the disks of some folders hold all that was written to them: once for many files, not for each.

    Raises:
        CrackwiseError: a disk could not.
    """
    seen: set[int] = set()
    for folder in folders:
        try:
            disk = folder.stat().st_dev
            if disk not in seen:
                sync_disk(folder)
        except OSError as error:
            raise unwritable(folder, error) from error
        seen.add(disk)


def sync_disk(folder: Path) -> None:
    """Wait for the disk of one folder; elsewhere than on Linux for all, if they can be asked."""
    if sys.platform != "linux":
        if SYNC_DISKS:
            os.sync()
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(place):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(place)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Where to write a file meanwhile, and others that it names beside it; at the end all appear, ``path`` last.

    Others may write into the folder at the same time: of what is unfinished there only what nobody has touched for a
    day is deleted.

    Raises:
        CrackwiseError: the folder cannot be written to, or the disk is full; then none appears.
    """
    part = path.parent / LEFTOVER.replace("*", secrets.token_hex(8))
    try:
        part.mkdir(parents=True)
        remove_leftovers(path.parent, unchanged_s=ABANDONED_S)
        yield part / path.name
        for file in sorted(part.iterdir(), key=lambda file: file.name == path.name):
            with file.open("rb") as written:
                os.fsync(written.fileno())
            file.replace(path.parent / file.name)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_folder(folder: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Write a new folder of files by their names, or one by one as they are made; it appears whole or not at all.

    Raises:
        CrackwiseError: there is something at ``folder`` already, it cannot be written, or the disk is full.
    """
    refuse_filled(folder)
    part = folder.parent / LEFTOVER.replace("*", secrets.token_hex(8))
    try:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            write_atomically(part / name, content)
        if folder.is_dir():
            folder.rmdir()
        part.replace(folder)
    except OSError as error:
        raise CrackwiseError(
            f"Cannot write {str(folder)!r}: {error.strerror or error}. Choose another folder."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_filled(folder: Path) -> None:
    """Leave alone what is there already; an empty folder is nothing.

    Raises:
        CrackwiseError: ``folder`` is a file, or holds something.
    """
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise CrackwiseError(f"Cannot look into {str(folder)!r}: {error.strerror}. Choose another folder.") from error
    if taken:
        raise CrackwiseError(f"{str(folder)!r} is there already. Choose another name, or delete it.")


def refuse_unwritable(folder: Path) -> None:
    """Find out before long work that its folder cannot be made or written into; nothing is made here.

    Raises:
        CrackwiseError: it is a file or lies below one, or permissions forbid it.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise CrackwiseError(f"Cannot write into {str(folder)!r}: {error.strerror}. Choose another folder.") from error
    if not there.is_dir():
        raise CrackwiseError(f"Cannot write into {str(folder)!r}: {str(there)!r} is a file. Choose another folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CrackwiseError(f"Cannot write into {str(folder)!r}: permission denied. Choose another folder.")


def remove_leftovers(folder: Path, *, unchanged_s: float = 0) -> None:
    """Delete what a killed program left unfinished in ``folder`` itself, not below it.

    Where another may be at work, ``unchanged_s`` spares what it has changed in that time.
    """
    for part in folder.glob(LEFTOVER):
        if unchanged_s and time.time() - last_change_s(part) < unchanged_s:
            continue
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def last_change_s(path: Path) -> float:
    """When a file, or a folder or anything in it, changed last, Unix time; now, where it goes as one looks."""
    try:
        return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return time.time()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits; it need not fit into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
