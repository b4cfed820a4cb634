"""Which picture belongs to which part: packaged name lists, split files, and splits of our own."""

from __future__ import annotations

import csv
import gzip
import io
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from crackwise.errors import DataError

__all__ = ["named_split"]


@lru_cache(maxsize=8)
def named_split(name: str) -> MappingProxyType[str, str]:
    """The packaged list ``names/<name>.csv.gz``: ``"set/stem"`` to the part it belongs to.

    Raises:
        DataError: no such list.
    """
    file = resources.files("crackwise.data") / "names" / f"{name}.csv.gz"
    if not file.is_file():
        raise DataError(f"No packaged split list named {name!r}.")
    text = gzip.decompress(file.read_bytes()).decode()
    return MappingProxyType({row["name"]: row["part"] for row in csv.DictReader(io.StringIO(text))})
