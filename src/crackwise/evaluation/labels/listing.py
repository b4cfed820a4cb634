"""What a set lists: its pairs, and label files that belong to no picture."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from crackwise.data.folder import Item, open_pairs, parse_reference
from crackwise.data.layout import is_label
from crackwise.data.masks import OF_PICTURES
from crackwise.data.splits import sample_pictures

__all__ = ["Listing", "list_set"]


class Listing(NamedTuple):
    """The pairs of a set or of a part of it."""

    items: tuple[Item, ...]
    """Their pictures or labels may be missing."""
    listed: int
    """How many there were before some were drawn."""
    orphans: tuple[Path, ...]
    """Label files beside theirs that belong to no picture of the whole set."""


def list_set(reference: str, root: Path | None = None, *, pictures: int | None = None, seed: int = 0) -> Listing:
    """The pairs that a reference names; at most ``pictures`` of them, drawn by the seed.

    Raises:
        DataError: unknown set or part, a missing folder, or one without labelled pictures.
    """
    items = open_pairs(reference, root)
    whole = open_pairs(parse_reference(reference).source, root)
    return Listing(sample_pictures(items, pictures, seed), len(items), orphans(items, whole))


def orphans(items: tuple[Item, ...], whole: tuple[Item, ...]) -> tuple[Path, ...]:
    """The files in the label folders of some items that are neither label nor picture of any item of the whole set."""
    known = {path for item in whole for path in (item.image, item.mask.path)}
    folders = {item.mask.path.parent for item in items if has_file(item)}
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if is_label(path)]
    return tuple(sorted(path for path in found if path not in known))


def has_file(item: Item) -> bool:
    """Whether the label of a picture is a file of its own."""
    return item.mask.kind not in OF_PICTURES and item.mask.key is None
