"""Which picture belongs to which part: packaged name lists, split files, and splits of our own.

Packaged lists are ``names/<list>.csv.gz`` of ``name,part`` rows, a name being ``"set/picture"``. Printed tables rest on
the lists ``published`` and ``published_hrsegnet``; more than nine in ten of their test pictures show a photograph that
is also in training. ``grouped`` and ``grouped_hrsegnet`` are our splits of the very same files.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from crackwise.data.fingerprint import fingerprint, same_pictures
from crackwise.data.layout import written_group
from crackwise.data.photograph import compiled_photo
from crackwise.errors import DataError

if TYPE_CHECKING:
    from crackwise.data.folder import Item

__all__ = ["FRACTIONS", "leaking", "make_split", "named_split", "read_split", "sample_pictures", "write_split"]

FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.7, "val": 0.15, "test": 0.15})
GROUPED: Mapping[str, str] = MappingProxyType({"grouped": "published", "grouped_hrsegnet": "published_hrsegnet"})
"""Our group-aware splits, and the published lists whose files they share out anew."""


@lru_cache(maxsize=8)
def named_split(name: str) -> Mapping[str, str]:
    """The packaged split list ``name``: ``"set/picture"`` to the part it belongs to.

    Raises:
        DataError: no such list.
    """
    if name in GROUPED:
        return regroup(named_split(GROUPED[name]))
    folder = resources.files("crackwise.data") / "names"
    file = folder / f"{name}.csv.gz"
    if not file.is_file():
        known = sorted([*GROUPED, *(entry.name.removesuffix(".csv.gz") for entry in folder.iterdir())])
        raise DataError(f"No packaged split list named {name!r}; there are {', '.join(known)}.")
    text = gzip.decompress(file.read_bytes()).decode()
    return MappingProxyType({row["name"]: row["part"] for row in csv.DictReader(io.StringIO(text))})


def regroup(published: Mapping[str, str]) -> Mapping[str, str]:
    """Share out the files of published lists anew, set by set in the same proportions, photographs kept whole."""
    parts: dict[str, str] = {}
    for source in dict.fromkeys(name.partition("/")[0] for name in published):
        names = [name for name in published if name.startswith(f"{source}/")]
        counts = Counter(published[name] for name in names)
        if len(counts) == 1:
            parts |= {name: published[name] for name in names}
            continue
        groups = [compiled_photo(name.partition("/")[2]) for name in names]
        fractions = {part: count / len(names) for part, count in counts.items()}
        parts |= dict(zip(names, make_split(groups, fractions), strict=True))
    return MappingProxyType(parts)


def make_split(
    groups: Sequence[str],
    fractions: Mapping[str, float] = FRACTIONS,
    *,
    seed: int = 0,
    labels: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """The part of every picture, given the photograph (group) of every picture; no photograph is in two parts.

    The photographs come in an order drawn from SHA-256 of seed and name, so the same on every machine and for every
    version; each goes to the part that lacks most pictures. With the ``labels`` of the pictures it goes to the part
    that lacks most of its labels, each counted as a share of all that bear it: every part gets its share of each.

    >>> make_split(["a", "a", "b", "c"], {"train": 0.5, "test": 0.5})
    ('train', 'train', 'test', 'test')

    Raises:
        DataError: fractions that are negative or do not add up to one, or too few photographs to fill every part.
    """
    if not (all(share >= 0 for share in fractions.values()) and abs(sum(fractions.values()) - 1) <= 1e-6):
        raise DataError(f"Fractions must be positive and add up to 1, got {dict(fractions)}.")
    labels = labels or ("",) * len(groups)
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        members[group][label] += 1
    totals = Counter(labels)
    lacking = {
        part: {label: share * count for label, count in totals.items()}
        for part, share in fractions.items()
        if share > 0
    }

    def need(part: str, group: str) -> float:
        return sum(count * lacking[part][label] / totals[label] for label, count in members[group].items())

    part_of: dict[str, str] = {}
    for group in sorted(members, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        part = max(lacking, key=lambda name: need(name, group))
        part_of[group] = part
        for label, count in members[group].items():
            lacking[part][label] -= count
    if empty := set(lacking) - set(part_of.values()):
        raise DataError(f"{len(members)} photographs are too few: nothing is left for {', '.join(sorted(empty))}.")
    return tuple(part_of[group] for group in groups)


def write_split(file: Path, items: Sequence[Item], parts: Sequence[str], root: Path) -> None:
    """Write ``image,group,split`` rows, images relative to ``root``; the file appears whole or not at all."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["image", "group", "split"])
    for item, part in zip(items, parts, strict=True):
        rows.writerow([item.image.relative_to(root).as_posix(), written_group(item.group, root), part])
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text.getvalue(), encoding="utf-8")
    partial.replace(file)


def read_split(file: Path) -> Mapping[str, str]:
    """A split file as `write_split` makes it: image path to part.

    Raises:
        DataError: missing, without the columns, or with a photograph in two parts.
    """
    if not file.is_file():
        raise DataError(f"No split file {file}; `crackwise data split` writes one.")
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"image", "group", "split"} <= set(rows[0]):
        raise DataError(f"{file} must have the columns image,group,split and at least one row.")
    part_of: dict[str, str] = {}
    for row in rows:
        if part_of.setdefault(row["group"], row["split"]) != row["split"]:
            raise DataError(f"{file} puts photograph {row['group']!r} in {part_of[row['group']]} and {row['split']}.")
    return MappingProxyType({row["image"]: row["split"] for row in rows})


def leaking(train: Sequence[Item], held_out: Sequence[Item]) -> frozenset[str]:
    """Names of the training pictures that are also held out: the same photograph, or a copy of the same picture.

    Copies are found even if re-encoded, resized, turned or mirrored (see `same_pictures`); reading every picture once
    takes about 2 ms each.

    Raises:
        ImageError: a picture that cannot be read.
    """
    groups = {item.group for item in held_out}
    leaks = {item.name for item in train if item.group in groups}
    rest = [item for item in train if item.name not in leaks]
    prints = [fingerprint(item.image) for item in (*rest, *held_out)]
    copies = (pair.first for pair in same_pictures(prints) if pair.first < len(rest) <= pair.second)
    return frozenset(leaks | {rest[position].name for position in copies})


def sample_pictures(items: Sequence[Item], most: int | None, seed: int) -> tuple[Item, ...]:
    """At most so many pictures, in the order of their names: one of each photograph, then second ones, and so on.

    Photographs, and the pictures of each, come in an order that the seed draws.

    Raises:
        DataError: none is asked for.
    """
    if most is None or most >= len(items):
        return tuple(items)
    if most < 1:
        raise DataError(f"{most} pictures say nothing; ask for 1 or more.")
    rng = np.random.default_rng(seed)
    shuffled = [items[i] for i in rng.permutation(len(items))]
    met: dict[str, int] = {}
    turns = []
    for item in shuffled:
        met[item.group] = turn = met.get(item.group, 0) + 1
        turns.append(turn)
    chosen = np.argsort(turns, kind="stable")[:most]
    return tuple(sorted((shuffled[i] for i in chosen), key=lambda item: item.name))
