"""The same file in two sets: a folder that is, in whole or in part, a copy of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

from crackwise.data.folder import Item
from crackwise.imaging.files import sha256_of

__all__ = ["find_twins"]

Place = tuple[int, Path]
"""Number of the set, and a picture in it."""


def find_twins(sets: Sequence[Sequence[Item]]) -> list[tuple[Path, Path]]:
    """Pictures that lie in two of the sets byte for byte, sorted; one that both name at the same place is no twin.

    Only files of equal size are read.
    """
    number_of: dict[Path, int] = {}
    for number, items in enumerate(sets):
        for item in items:
            number_of.setdefault(item.image, number)  # a link is kept: it shows a copy
    places = [(number, path) for path, number in number_of.items()]
    twins = []
    for alike in across_sets((path.stat().st_size, (number, path)) for number, path in places):
        for same in across_sets((sha256_of(path), (number, path)) for number, path in alike):
            number, first = same[0]
            twins += [(first, path) for other, path in same if other != number]
    return sorted(twins)


def across_sets(keyed: Iterable[tuple[Hashable, Place]]) -> Iterator[list[Place]]:
    """The places that share a key, where they are of more than one set; the first set comes first."""
    by_key: dict[Hashable, list[Place]] = defaultdict(list)
    for key, place in keyed:
        by_key[key].append(place)
    return (sorted(places) for places in by_key.values() if len({number for number, _ in places}) > 1)
