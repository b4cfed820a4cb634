"""What a model answered, on disk as soon as it is known, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crackwise.evaluation.bootstrap import NOTHING, packed, unpacked
from crackwise.evaluation.metrics import FAMILIES
from crackwise.evaluation.protocols.score import Counts
from crackwise.imaging.files import write_atomically

__all__ = ["ByFamily", "Kept", "open_kept"]

ByFamily = dict[str, Counts]
"""Keys of `FAMILIES`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The counts of one picture under every condition so far, in a file of its own."""

    path: Path
    key: dict[str, Any]
    """All that an answer depends on, but for the condition."""
    counts: dict[str, ByFamily]

    def holds(self, name: str, families: tuple[str, ...]) -> bool:
        """Whether a condition has been answered for all these families."""
        return name in self.counts and set(families) <= set(self.counts[name])

    def keep(self, name: str, counts: ByFamily) -> None:
        """Remember the answer to one condition, on disk at once."""
        self.counts[name] = counts
        rows = {
            condition: {family: packed(each).tolist() for family, each in by_family.items()}
            for condition, by_family in self.counts.items()
        }
        write_atomically(self.path, json.dumps({"key": self.key, "counts": rows}).encode())


def open_kept(folder: Path, key: dict[str, Any]) -> Kept:
    """What is kept under a key; nothing where there is no such file, or one that something else has written."""
    path = folder / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.json"
    counts: dict[str, ByFamily] = {}
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        content = json.loads(path.read_bytes())
        if content["key"] == key:
            counts = {
                condition: {family: restored(row, family) for family, row in rows.items()}
                for condition, rows in content["counts"].items()
            }
    return Kept(path, key, counts)


def restored(row: list[float], family: str) -> Counts:
    """The counts of a family from the numbers that were kept of them."""
    return unpacked(np.array(row, np.float64), FAMILIES[family](NOTHING))
