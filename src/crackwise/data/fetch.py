"""A public data set from its address to a folder: streamed, checked against its hash, unpacked safely."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

import httpx

from crackwise.data.catalog import DATASETS, DatasetRow
from crackwise.data.layout import fits
from crackwise.data.unpack import lift_single_folder, unpack
from crackwise.errors import DataError

__all__ = ["Fetched", "fetch", "how_to_get"]

CHUNK = 1 << 20
MAX_BYTES = 50 * 10**9
Progress = Callable[[int, int | None], None]
"""Called with bytes so far and bytes in all, where known."""


class Fetched(NamedTuple):
    """A data set that now lies in a folder."""

    folder: Path
    files: int
    sha256: str
    """Of the archive."""


def fetch(
    name: str,
    root: Path,
    *,
    source: str | None = None,
    sha256: str | None = None,
    accept_hash: bool = False,
    progress: Progress | None = None,
) -> Fetched:
    """Bring a data set of the catalogue into ``root/name``.

    ``source`` is a local archive or another address (``https://``, ``file://``). The archive must have the hash of the
    catalogue, or ``sha256``; where neither is known, ``accept_hash`` takes what comes and reports its hash. The folder
    appears whole or not at all.

    Raises:
        DataError: an unknown name, a set that must be got by hand, a folder that is already there, a failed download,
            another hash, or an archive that is refused.
    """
    row = find_row(name)
    folder = root / name
    if folder.exists():
        raise DataError(f"{folder} is already there; delete it to fetch {name} again.")
    address = source or row.archive
    if not address:
        raise DataError(how_to_get(name, root))
    expected = sha256 or row.sha256
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as scratch:
        archive = Path(scratch) / "archive"
        seen = obtain(address, archive, progress)
        check_hash(seen, expected, address, accept_hash)
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        files = unpack(archive, unpacked)
        if not fits(unpacked, row.layout):
            lift_single_folder(unpacked)
        unpacked.rename(folder)
    return Fetched(folder, files, seen)


def find_row(name: str) -> DatasetRow:
    """The row of a name.

    Raises:
        DataError: no such row.
    """
    if name not in DATASETS:
        raise DataError(f"No data set named {name!r}; `crackwise list datasets` shows the names.")
    return DATASETS[name]


def how_to_get(name: str, root: Path) -> str:
    """What a person does to get a set that no program can fetch, and where the files go."""
    row = find_row(name)
    return (
        f"{name} cannot be fetched by a program: {row.by_hand or 'no archive is known'}. Page: {row.address}. "
        f"Folder: {root / name}. With the archive at hand: crackwise data fetch {name} --from ARCHIVE. "
        f"Terms: {row.licence}."
    )


def check_hash(seen: str, expected: str | None, address: str, accept_hash: bool) -> None:
    """Refuse an archive that is not the one expected, or, without leave, one of which nothing is known.

    Raises:
        DataError: as above.
    """
    if expected is not None and seen != expected.lower():
        raise DataError(
            f"{address} has SHA-256 {seen}, expected {expected}: damaged or replaced. Nothing was unpacked."
        )
    if expected is None and not accept_hash:
        raise DataError(
            f"{address} has SHA-256 {seen}; the catalogue knows no hash to check it against. If you trust the address, "
            f"pass --accept-hash, or --sha256 {seen} to have the same file again. Nothing was unpacked."
        )


def obtain(address: str, target: Path, progress: Progress | None) -> str:
    """Bring the bytes of an address or local file to ``target``; their SHA-256.

    Raises:
        DataError: not found, refused, broken off, or not a file.
    """
    digest = hashlib.sha256()
    done = 0
    with stream(address) as (chunks, total), target.open("wb") as sink:
        for chunk in chunks:
            done += len(chunk)
            if done > MAX_BYTES:
                raise DataError(f"{address} is larger than {MAX_BYTES // 10**9} GB; download it by hand.")
            digest.update(chunk)
            sink.write(chunk)
            if progress:
                progress(done, total)
    return digest.hexdigest()


@contextmanager
def stream(address: str) -> Iterator[tuple[Iterator[bytes], int | None]]:
    """The chunks of an address or a local file, and their size where known."""
    parts = urlparse(address)
    if parts.scheme in ("http", "https"):
        try:
            with httpx.stream("GET", address, follow_redirects=True, timeout=60) as answer:
                answer.raise_for_status()
                if answer.headers.get("content-type", "").startswith("text/html"):
                    raise DataError(f"{address} answers with a web page, not an archive; download it with a browser.")
                length = answer.headers.get("content-length")
                yield answer.iter_bytes(CHUNK), int(length) if length else None
        except httpx.HTTPError as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            raise DataError(f"Could not download {address}: {why}. Download it by hand and pass --from.") from error
        return
    file = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(address)
    if not file.is_file():
        raise DataError(f"No archive at {file}.")
    with file.open("rb") as content:
        yield iter(lambda: content.read(CHUNK), b""), file.stat().st_size
