"""Labelled pictures on disk: a reference to items, an item to a sample."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from crackwise.data.catalog import DATASETS
from crackwise.data.masks import Mask, read_mask
from crackwise.data.sample import Sample
from crackwise.data.splits import named_split
from crackwise.errors import DataError
from crackwise.imaging.image import read_image

__all__ = ["CrackDataset", "Item", "open_items", "read_sample", "read_target"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


class Item(NamedTuple):
    """One labelled picture on disk, not yet read."""

    image: Path
    mask: Mask
    name: str
    """``"deepcrack/test/11125-1"``."""
    group: str
    """``"family/photograph"``: what it was cut from; never crosses a split."""


class Reference(NamedTuple):
    """A parsed ``NAME[:[SPLIT_LIST/]PART]`` or ``PATH[:PART]``."""

    source: str
    split_list: str | None
    part: str | None


def parse_reference(reference: str) -> Reference:
    """``"deepcrack:test"``, ``"khanhha:published/test"``, ``"photos/walls:val"`` in their pieces."""
    source, colon, selection = reference.rpartition(":")
    if not colon or "\\" in selection or selection.count("/") > 1:
        source, selection = reference, ""
    split_list, _, part = selection.rpartition("/")
    return Reference(source, split_list or None, part or None)


def open_items(reference: str, root: Path | None = None) -> tuple[Item, ...]:
    """The labelled pictures that a reference names, sorted by name.

    A name of the catalogue is looked for in ``root``; anything else is a path.

    Raises:
        DataError: unknown set or part, a missing folder, or pictures without labels.
    """
    source, split_list, part = parse_reference(reference)
    row = DATASETS.get(source)
    folder = Path(source) if row is None else (root or Path()) / source
    if not folder.is_dir():
        hint = "pass --root DIR, the folder that holds it" if row else "see `crackwise list datasets` for known names"
        raise DataError(f"No data set at {str(folder)!r}: {hint}.")
    entries = read_index(folder) if (folder / "index.csv").is_file() else pair_folders(folder)
    listed = split_list or (row.splits if row else None)
    parts = dict(named_split(listed)) if listed else {}
    family = (row.family if row else "") or folder.name
    photo_of = row.photo_of if row else None
    items = []
    for entry in entries:
        entry_part = parts.get(f"{folder.name}/{entry.image.stem}") if listed else entry.part
        if part is None or entry_part == part:
            photo = entry.group or (photo_of(entry.image.stem) if photo_of else entry.image.stem)
            name = "/".join(filter(None, (folder.name, entry_part, entry.image.stem)))
            items.append(Item(entry.image, entry.mask, name, f"{family}/{photo}"))
    if not items:
        known = sorted({p for e in entries if (p := e.part)} | set(parts.values()))
        raise DataError(f"{reference!r} holds no labelled picture. Parts found: {', '.join(known) or 'none'}.")
    return tuple(sorted(items, key=lambda item: item.name))


class Entry(NamedTuple):
    """A picture and its label as the folder itself lists them."""

    image: Path
    mask: Mask
    part: str
    group: str


def read_index(folder: Path) -> list[Entry]:
    """The pairs that ``index.csv`` (``split,image,mask,group,...``) lists."""
    entries = []
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            image = folder / "images" / row["split"] / row["image"]
            mask = Mask("png", folder / "masks" / row["split"] / row["mask"])
            entries.append(Entry(image, mask, row["split"], row["group"]))
    return entries


def pair_folders(folder: Path) -> list[Entry]:
    """The pairs of equal stems in ``images/[part/]`` and ``masks/[part/]``."""
    images, masks = folder / "images", folder / "masks"
    if not images.is_dir() or not masks.is_dir():
        raise DataError(f"{str(folder)!r} has no images/ and masks/ side by side.")
    by_stem = {p.relative_to(masks).with_suffix(""): p for p in masks.rglob("*") if p.suffix.lower() in SUFFIXES}
    entries = []
    for image in sorted(p for p in images.rglob("*") if p.suffix.lower() in SUFFIXES):
        stem = image.relative_to(images).with_suffix("")
        if stem not in by_stem:
            raise DataError(f"{image} has no mask at {masks / stem}.*; an empty mask says 'no crack'.")
        part = "" if stem.parent == Path() else stem.parent.as_posix()
        entries.append(Entry(image, Mask("png", by_stem[stem]), part, ""))
    return entries


def read_target(item: Item, shape: tuple[int, int], classes: Sequence[str] = ("crack",)) -> NDArray[np.uint8]:
    """Label planes (k, h, w) of 0, 1 and 255 = not labelled."""
    return read_mask(item.mask, shape, tuple(classes))


def read_sample(item: Item, classes: Sequence[str] = ("crack",)) -> Sample:
    """One labelled picture from disk."""
    pixels = read_image(item.image)
    target = read_target(item, pixels.shape[:2], classes)
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)
    return Sample(image, torch.from_numpy(target), item.name)


class CrackDataset(Dataset[Sample]):
    """Items read when asked for, then passed through ``transform``."""

    def __init__(
        self, items: Sequence[Item], classes: Sequence[str] = ("crack",), transform: Callable[[Sample], Sample] | None = None
    ) -> None:
        self.items = tuple(items)
        self.classes = tuple(classes)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        sample = read_sample(self.items[index], self.classes)
        return self.transform(sample) if self.transform else sample
