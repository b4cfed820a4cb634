"""Labelled pictures on disk: a reference to items, an item to a sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from crackwise.data.catalog import DATASETS, DatasetRow
from crackwise.data.layout import Entry, find_entries, find_pictures, list_entries, part_name
from crackwise.data.masks import OF_PICTURES, Mask, read_mask
from crackwise.data.photograph import bare_name
from crackwise.data.sample import Sample
from crackwise.data.splits import named_split, read_split
from crackwise.errors import DataError
from crackwise.imaging.image import read_image

__all__ = [
    "CrackDataset",
    "Item",
    "as_whole",
    "folder_of",
    "open_items",
    "open_pairs",
    "open_pictures",
    "read_sample",
    "read_target",
    "shows_crack",
]


class Item(NamedTuple):
    """One labelled picture on disk, not yet read."""

    image: Path
    mask: Mask
    name: str
    """``"deepcrack/test/11125-1"``."""
    group: str
    """What it was cut from; never crosses a split. ``"family/photograph"`` in a set of the catalogue, else a path."""


class Reference(NamedTuple):
    """A parsed ``NAME[:[SPLIT_LIST/]PART][=CLASS]`` or ``PATH[:PART][=CLASS]``."""

    source: str
    split_list: str | None
    part: str | None
    label: str | None
    """The class that every mark means."""


def parse_reference(reference: str) -> Reference:
    """``"deepcrack:test"``, ``"khanhha:published/test"``, ``"photos/seams:val=drywall joint"`` in their pieces."""
    place, equals, label = reference.rpartition("=")
    if not equals or set(label) & set("/\\:"):  # the sign is part of a folder's name
        place, label = reference, ""
    source, colon, selection = place.rpartition(":")
    if not colon or "\\" in selection or selection.count("/") > 1:
        source, selection = place, ""
    split_list, _, part = selection.rpartition("/")
    return Reference(source, split_list or None, part or None, label or None)


def open_items(reference: str, root: Path | None = None) -> tuple[Item, ...]:
    """The labelled pictures that a reference names, sorted by name.

    A name of the catalogue is looked for in ``root``; anything else is the path of a folder (see `find_entries`) or of
    one COCO file.

    Raises:
        DataError: unknown set or part, a missing folder, or pictures without labels.
    """
    parsed = parse_reference(reference)
    place, row = locate(parsed, root)
    return select(parsed, place, row, find_entries(place, row.layout if row else ()))


def open_pairs(reference: str, root: Path | None = None) -> tuple[Item, ...]:
    """As `open_items`, but pictures and labels may be missing; for audits of labels.

    Raises:
        DataError: unknown set or part, a missing folder, one of no usual form, or an index that cannot be used.
    """
    parsed = parse_reference(reference)
    place, row = locate(parsed, root)
    return select(parsed, place, row, list_entries(place, row.layout if row else ()))


def open_pictures(reference: str, root: Path | None = None) -> tuple[Item, ...]:
    """As `open_items`, but labels may be missing, and the folder may have none of the usual forms; for audits.

    Raises:
        DataError: unknown set or part, a missing folder, or no picture in it.
    """
    parsed = parse_reference(reference)
    place, row = locate(parsed, root)
    try:
        entries = list_entries(place, row.layout if row else ())
    except DataError:
        entries = find_pictures(place)
    return select(parsed, place, row, entries)


def folder_of(reference: str, root: Path | None = None) -> Path:
    """The folder that a reference's pictures lie in.

    Raises:
        DataError: it is not there.
    """
    place, _ = locate(parse_reference(reference), root)
    return place if place.is_dir() else place.parent


def locate(parsed: Reference, root: Path | None) -> tuple[Path, DatasetRow | None]:
    """Where a reference points, and its row of the catalogue."""
    row = DATASETS.get(parsed.source)
    place = Path(parsed.source) if row is None else (root or Path()) / parsed.source
    if not place.exists():
        hint = "pass --root DIR, the folder that holds it" if row else "see `crackwise list datasets` for known names"
        raise DataError(f"No data set at {str(place)!r}: {hint}.")
    return Path(os.path.abspath(place)), row  # noqa: PTH100  # "." has a name, a link keeps its own


def select(parsed: Reference, place: Path, row: DatasetRow | None, entries: Sequence[Entry]) -> tuple[Item, ...]:
    """The entries of the part asked for, named and grouped."""
    folder = place if place.is_dir() else place.parent
    parts = parts_of(parsed, folder, row, entries)
    repeated = Counter(zip(parts, (bare_name(entry.image.name) for entry in entries), strict=True))
    items = []
    for part, entry in zip(parts, entries, strict=True):
        if part is None or (parsed.part and part != part_name(parsed.part)):
            continue
        stem = bare_name(entry.image.name)
        unique = stem if repeated[part, stem] == 1 else f"{entry.image.parent.name}-{stem}"
        name = "/".join(filter(None, (folder.name, part, unique)))
        items.append(Item(entry.image, labelled(entry.mask, parsed, row), name, group_of(entry, folder, row)))
    if not entries:
        raise DataError(f"{str(place)!r} holds no pictures; see `crackwise list datasets` for known names.")
    if not items:
        known = ", ".join(sorted({part for part in parts if part}))
        raise DataError(
            f"{parsed.part or parsed.split_list!r} of {parsed.source!r} is empty; parts: {known or 'none'}."
        )
    return tuple(sorted(items, key=lambda item: item.name))


def parts_of(parsed: Reference, folder: Path, row: DatasetRow | None, entries: Sequence[Entry]) -> list[str | None]:
    """The part of every entry; None for one that the list asked for does not hold.

    ``list/part`` is a split file ``list.csv`` in the set's folder, else a packaged list.
    """
    listed = parsed.split_list or (row.splits if row else None)
    if listed is None:
        return [entry.part for entry in entries]
    own = folder / f"{listed}.csv"
    if own.is_file():
        by_path = read_split(own)
        return [by_path.get(entry.image.relative_to(folder).as_posix()) for entry in entries]
    by_name = named_split(listed)
    found = [by_name.get(f"{folder.name}/{bare_name(entry.image.name)}") for entry in entries]
    return found if parsed.split_list else [part or entry.part for part, entry in zip(found, entries, strict=True)]


def group_of(entry: Entry, folder: Path, row: DatasetRow | None) -> str:
    """``"family/photograph"`` by the row's rule, else the index, else the picture itself.

    A folder that is in no catalogue is its own family, whatever other folders are called.
    """
    stem = bare_name(entry.image.name)
    photo = row.photo_of(stem) if row and row.photo_of else entry.group
    if not photo:
        below = entry.image.with_name(stem)
        return f"{row.family or folder.name}/{below.relative_to(folder).as_posix()}" if row else below.as_posix()
    return photo if "/" in photo else f"{(row.family or folder.name) if row else folder.as_posix()}/{photo}"


def labelled(mask: Mask, parsed: Reference, row: DatasetRow | None) -> Mask:
    """The mask, told which class its marks mean where the reference says so or the set has one."""
    label = parsed.label or (row.classes[0] if row and len(row.classes) == 1 else None)
    return mask if label is None else replace(mask, label=label)


def read_target(item: Item, shape: tuple[int, int], classes: Sequence[str] = ("crack",)) -> NDArray[np.uint8]:
    """Label planes (k, h, w) of 0, 1 and 255 = not labelled."""
    return read_mask(item.mask, shape, tuple(classes))


def as_whole(item: Item) -> Item:
    """The item with its label asked for as that of the whole picture."""
    return item._replace(mask=replace(item.mask, whole=True))


def shows_crack(item: Item) -> bool:
    """Whether a picture shows a crack anywhere; nothing is opened where its kind of label says so.

    Raises:
        DataError: the label does not tell.
    """
    shape = (1, 1) if item.mask.kind in OF_PICTURES else read_image(item.image).shape[:2]
    value = int(read_target(as_whole(item), shape)[0, 0, 0])
    if value not in (0, 1):
        raise DataError(f"{item.name}: its label does not tell whether it shows a crack.")
    return value == 1


def read_sample(item: Item, classes: Sequence[str] = ("crack",)) -> Sample:
    """One labelled picture from disk."""
    pixels = read_image(item.image)
    target = read_target(item, pixels.shape[:2], classes)
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)
    return Sample(image, torch.from_numpy(target), item.name)


class CrackDataset(Dataset[Sample]):
    """Items read when asked for, then passed through ``transform``."""

    def __init__(
        self,
        items: Sequence[Item],
        classes: Sequence[str] = ("crack",),
        transform: Callable[[Sample], Sample] | None = None,
    ) -> None:
        self.items = tuple(items)
        self.classes = tuple(classes)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        sample = read_sample(self.items[index], self.classes)
        return self.transform(sample) if self.transform else sample
