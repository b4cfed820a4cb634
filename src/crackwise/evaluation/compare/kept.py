"""What an evaluation leaves for those that come after it: every picture's counts and its predicted mask.

With these a comparison of models needs none of the models. ``counts.npz`` holds the counts and an index, ``masks/`` the
masks, under the names of their pictures; a folder of them is a folder of predictions again.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError, DataError
from crackwise.evaluation.bootstrap import NOTHING
from crackwise.evaluation.metrics import FAMILIES
from crackwise.evaluation.protocols.score import Counts
from crackwise.imaging.files import refuse_unwritable, write_atomically, write_folder
from crackwise.tally import FloatArray

__all__ = [
    "COUNTS_FILE",
    "MASKS",
    "Kept",
    "KeptSet",
    "SetToKeep",
    "clear_kept",
    "folders_of",
    "read_kept",
    "refuse_place",
    "write_kept",
]

COUNTS_FILE = "counts.npz"
MASKS = "masks"
SCHEMA = "crackwise.kept/1"
INDEX = "index"
UNFINISHED = "unfinished"
"""The schema of ``counts.npz`` while an evaluation writes."""
LONGEST = 80
"""Characters in the name of a set's folder."""
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged ``counts.npz`` raises."""


class KeptSet(NamedTuple):
    """One set of pictures that was evaluated, read back."""

    names: tuple[str, ...]
    """Of the pictures, as their data set names them."""
    groups: tuple[str, ...]
    """The photograph of each picture."""
    threshold: float
    threshold_source: str
    class_name: str
    counts: Mapping[str, Any]
    """Family of counts to its NamedTuple; every field an array (n, ...), a row per picture."""
    masks: tuple[Path, ...]
    """Of each picture, a PNG of 0 and 255."""


class Kept(NamedTuple):
    """All that one evaluation left."""

    model: str
    """Name and version of the model, or the folder of predictions."""
    sha256: str
    """Of the model file, or over the files of predictions."""
    sets: Mapping[str, KeptSet]
    """By the reference of each set."""


class SetToKeep(NamedTuple):
    """One set of pictures that was evaluated, before it is written."""

    names: Sequence[str]
    groups: Sequence[str]
    threshold: float
    threshold_source: str
    class_name: str
    counts: Mapping[str, Sequence[Counts]]
    """Family of counts to those of each picture."""
    masks: Sequence[bytes]
    """PNG of each picture."""


def write_kept(out: Path, model: str, sha256: str, sets: Mapping[str, SetToKeep]) -> None:
    """Write ``counts.npz`` and ``masks/`` into ``out``, in place of what an earlier evaluation left there.

    Raises:
        CrackwiseError: ``out`` cannot be written to, or holds masks that no evaluation left.
    """
    clear_kept(out)
    folders = folders_of(sets)
    places = {
        reference: [f"{folders[reference]}/{name}.png" for name in of_set.names] for reference, of_set in sets.items()
    }
    arrays: dict[str, Any] = {
        f"{number}/{family}/{column}": np.array([getattr(row, column) for row in rows], np.float64)
        for number, of_set in enumerate(sets.values())
        for family, rows in of_set.counts.items()
        for column in columns_of(family)
    }
    index = {
        "schema": SCHEMA,
        "model": model,
        "sha256": sha256,
        "sets": {reference: entry(of_set, places[reference]) for reference, of_set in sets.items()},
    }
    if any(places.values()):
        pngs = (pair for ref, of_set in sets.items() for pair in zip(places[ref], of_set.masks, strict=True))
        write_folder(out / MASKS, pngs)
    write_counts(out, index, arrays)


def refuse_place(out: Path) -> None:
    """Find out before long work that ``out`` cannot take an evaluation.

    Raises:
        CrackwiseError: it cannot be written to, or holds ``masks`` that no evaluation left, such as labels.
    """
    refuse_unwritable(out)
    masks = out / MASKS
    if not (out / COUNTS_FILE).is_file() and masks.exists() and not (masks.is_dir() and not any(masks.iterdir())):
        raise CrackwiseError(f"{str(masks)!r} was left by no evaluation, and may be labels; choose another --out.")


def clear_kept(out: Path) -> None:
    """Take away what an earlier evaluation left in ``out``; until `write_kept` is done nothing can be read there.

    Raises:
        CrackwiseError: as `refuse_place`.
    """
    refuse_place(out)
    write_counts(out, {"schema": UNFINISHED}, {})
    try:
        if (out / MASKS).exists():
            shutil.rmtree(out / MASKS)
    except OSError as error:
        raise CrackwiseError(f"Cannot delete {str(out / MASKS)!r}: {error.strerror}. Choose another --out.") from error


def write_counts(out: Path, index: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``counts.npz`` in place of the one before."""
    content = io.BytesIO()
    named: dict[str, Any] = {**arrays, INDEX: as_bytes(index)}
    np.savez_compressed(content, **named)
    write_atomically(out / COUNTS_FILE, content.getvalue())


def kind_of(family: str) -> Any:
    """The NamedTuple of a family's counts, told by those of a picture without labels."""
    return type(FAMILIES[family](NOTHING))


def columns_of(family: str) -> tuple[str, ...]:
    """The names of its fields."""
    return tuple(kind_of(family)._fields)


def entry(of_set: SetToKeep, places: Sequence[str]) -> dict[str, Any]:
    """What the index says of one set."""
    return {
        "names": list(of_set.names),
        "groups": list(of_set.groups),
        "threshold": of_set.threshold,
        "threshold_source": of_set.threshold_source,
        "class": of_set.class_name,
        "families": {family: list(columns_of(family)) for family in of_set.counts},
        "masks": list(places),
    }


def folders_of(references: Mapping[str, object]) -> dict[str, str]:
    """A folder's name for each reference: ``"deepcrack:test"`` is ``deepcrack_test``; no two are the same."""
    folders: dict[str, str] = {}
    for reference in references:
        plain = re.sub(r"[^\w.-]+", "_", reference)[-LONGEST:].strip("._") or "set"
        taken, name, number = set(folders.values()), plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        folders[reference] = name
    return folders


def as_bytes(index: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The index as an array of its JSON's bytes."""
    return np.frombuffer(json.dumps(index, ensure_ascii=False).encode(), np.uint8)


def read_kept(out: str | Path) -> Kept:
    """What the evaluation into ``out`` left, its masks not yet opened.

    Raises:
        DataError: nothing was left there, it is damaged, or masks are missing.
    """
    path = Path(out) / COUNTS_FILE
    if not path.is_file():
        raise DataError(f"{str(out)!r} holds no {COUNTS_FILE}; pass the --out of a finished `crackwise evaluate`.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            index = json.loads(arrays[INDEX].tobytes())
            if index["schema"] != SCHEMA:
                raise DataError(f"{path} is of {index['schema']!r}, not {SCHEMA!r}; evaluate again.")
            sets = {
                reference: read_set(of_set, number, arrays, path.parent / MASKS)
                for number, (reference, of_set) in enumerate(index["sets"].items())
            }
        kept = Kept(index["model"], index["sha256"], sets)
    except DAMAGE as error:
        raise DataError(f"{path} is damaged ({error}); evaluate again.") from error
    missing = [mask for of_set in sets.values() for mask in of_set.masks if not mask.is_file()]
    if missing:
        raise DataError(f"{len(missing)} masks that {path} names are gone, {missing[0]} first; evaluate again.")
    return kept


def read_set(of_set: Mapping[str, Any], number: int, arrays: Mapping[str, FloatArray], masks: Path) -> KeptSet:
    """One set, from its entry in the index and the arrays."""
    counts = {
        family: kind_of(family)(**{column: arrays[f"{number}/{family}/{column}"] for column in columns})
        for family, columns in of_set["families"].items()
    }
    return KeptSet(
        tuple(of_set["names"]),
        tuple(of_set["groups"]),
        of_set["threshold"],
        of_set["threshold_source"],
        of_set["class"],
        counts,
        tuple(masks / place for place in of_set["masks"]),
    )
