"""Archives unpacked without trust: nothing outside the folder, no links, no devices, no flood."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

from crackwise.errors import DataError

__all__ = ["Limits", "lift_single_folder", "unpack"]

CHUNK = 1 << 20
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    FileExistsError,
    NotADirectoryError,
)
"""What the libraries raise on bytes that are no archive, unknown compression, or a name that is file and folder."""
ENCRYPTED = 0x1


class Limits(NamedTuple):
    """What an archive may hold before it is refused."""

    files: int = 500_000
    bytes: int = 100 * 10**9
    ratio: int = 200
    """Unpacked bytes per byte of archive, beyond the first 100 MB."""


class Member(NamedTuple):
    """One file of an archive, not yet unpacked."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, limits: Limits = Limits()) -> int:  # noqa: B008  immutable
    """Unpack a zip or tar archive into an empty folder; the number of files.

    All names are checked before the first byte is written; sizes are counted while writing, whatever the archive says.

    Raises:
        DataError: a damaged, encrypted or unknown archive, a member that is absolute, climbs with ``..``, is a link or
            a device, or more files or bytes than the limits allow. What was written by then is the caller's to remove.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                return write(zip_members(file), folder, archive, limits)
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                return write(tar_members(file), folder, archive, limits)
    except DAMAGED as error:
        raise DataError(f"{archive.name} is a damaged archive: {error}. Download it again.") from error
    raise DataError(f"{archive.name} is neither zip nor tar; unpack it by hand.")


def zip_members(file: zipfile.ZipFile) -> Iterator[Member]:
    """The files of a zip archive."""
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"The archive holds {info.filename!r}, a link or device; it is refused.")
        if info.flag_bits & ENCRYPTED:
            raise DataError(f"The archive is encrypted ({info.filename!r}); unpack it by hand.")
        if not info.is_dir():
            yield Member(info.filename, info.file_size, partial(file.open, info))


def tar_members(file: tarfile.TarFile) -> Iterator[Member]:
    """The files of a tar archive."""
    for info in file:
        if not (info.isfile() or info.isdir()):
            raise DataError(f"The archive holds {info.name!r}, a link or device; it is refused.")
        if info.isfile():
            yield Member(info.name, info.size, partial(content_of, file, info))


def content_of(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """The bytes of a regular file of a tar archive."""
    content = file.extractfile(info)
    assert content is not None
    return content


def write(members: Iterator[Member], folder: Path, archive: Path, limits: Limits) -> int:
    """Write all members below the folder."""
    allowed = min(limits.bytes, 100 * 10**6 + limits.ratio * archive.stat().st_size)
    listed: list[tuple[Member, Path]] = []
    announced = 0
    for member in members:
        announced += member.size
        listed.append((member, folder / safe_name(member.name)))
        if len(listed) > limits.files or announced > allowed:
            raise DataError(f"{archive.name} would unpack to too much; unpack it by hand if you trust it.")
    for member, target in listed:
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as sink:
            allowed -= copy(source, sink, allowed, archive)
    return len(listed)


def copy(source: IO[bytes], sink: IO[bytes], allowed: int, archive: Path) -> int:
    """Copy a file of at most ``allowed`` bytes; the number of bytes."""
    copied = 0
    while chunk := source.read(CHUNK):
        copied += len(chunk)
        if copied > allowed:
            raise DataError(f"{archive.name} unpacks to more than it says; it is refused.")
        sink.write(chunk)
    return copied


def safe_name(name: str) -> PurePosixPath:
    """A member's name, if it stays below the folder on every system.

    Raises:
        DataError: absolute, with a drive, climbing, or with a NUL.
    """
    windows = PureWindowsPath(name)
    pieces = windows.parts
    if not pieces or windows.drive or windows.root or ".." in pieces or "\0" in name or ":" in name:
        raise DataError(f"The archive holds {name!r}, which would be written outside the folder; it is refused.")
    return PurePosixPath(*pieces)


def lift_single_folder(folder: Path) -> None:
    """If everything lies in one folder, as in GitHub's archives, move its content up."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        outer = inside[0].rename(folder / ".outer")
        for entry in list(outer.iterdir()):
            shutil.move(entry, folder / entry.name)
        outer.rmdir()
