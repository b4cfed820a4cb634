"""Labelled patches from outlined cracks: what a classifier learns from where nobody labelled pictures."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from crackwise.data.folder import Item, read_target
from crackwise.data.layout import written_group
from crackwise.data.masks import OF_PICTURES
from crackwise.data.sample import NOT_LABELLED
from crackwise.errors import DataError
from crackwise.imaging.files import write_folder
from crackwise.imaging.image import read_image

__all__ = ["FORMATS", "Cut", "Patch", "Rule", "cut_patches", "label_of", "windows", "write_patches"]

FORMATS = {"png": ".png", "jpeg": ".jpg"}
JPEG_QUALITY = 95


class Rule(NamedTuple):
    """What is cut, and what is called a crack."""

    size_px: int
    min_share: float
    """From this share of crack pixels on a patch shows a crack; without one it shows none; between it is left out."""


class Patch(NamedTuple):
    """A square of a picture and what it shows."""

    item: Item
    top: int
    left: int
    size_px: int
    label: str
    """``"crack"`` or ``"no_crack"``."""
    share: float
    """Of its pixels that are crack."""

    @property
    def part(self) -> str:
        """The part of the set that its picture is in; empty where there are none."""
        return "-".join(self.item.name.split("/")[1:-1])

    @property
    def stem(self) -> str:
        """Its file name without extension."""
        return f"{self.item.name.replace('/', '-')}_{self.top}_{self.left}"


class Cut(NamedTuple):
    """The patches of some pictures, and what was left out."""

    patches: tuple[Patch, ...]
    between: int
    too_small: int
    thinned: int

    def counts(self) -> list[tuple[str, str, int]]:
        """Part, label, number of patches."""
        found = Counter((patch.part, patch.label) for patch in self.patches)
        return [(part, label, count) for (part, label), count in sorted(found.items())]


def cut_patches(items: Sequence[Item], rule: Rule, *, balance_seed: int | None = None) -> Cut:
    """The patches of labelled pictures, not yet read.

    ``balance_seed``: every part keeps as many patches of one label as of the other, drawn by this seed.

    Raises:
        DataError: a rule that cannot be, or a set that is labelled by pictures.
    """
    if not 0 < rule.min_share <= 1 or rule.size_px < 1:
        raise DataError(
            f"--min-share must be above 0 and at most 1, --size above 0; got {rule.min_share}, {rule.size_px}."
        )
    found: list[Patch] = []
    between = too_small = 0
    for item in items:
        if item.mask.kind == OF_PICTURES[1]:
            raise DataError(f"{item.name} is labelled as a whole: patches are cut from outlined cracks.")
        target = read_target(item, read_image(item.image).shape[:2])[0]
        places = windows(target.shape, rule.size_px)
        too_small += not places
        for top, left in places:
            window = target[top : top + rule.size_px, left : left + rule.size_px]
            label, share = label_of(window, rule.min_share), float((window == 1).mean())
            between += label is None
            if label is not None:
                found.append(Patch(item, top, left, rule.size_px, label, share))
    kept = found if balance_seed is None else list(balanced(found, balance_seed))
    return Cut(tuple(kept), between, too_small, len(found) - len(kept))


def windows(shape: tuple[int, ...], size_px: int) -> list[tuple[int, int]]:
    """Top left corners of as few squares as cover a picture (h, w) from edge to edge; none if it is smaller.

    >>> windows((224, 500), 224)
    [(0, 0), (0, 138), (0, 276)]
    """
    if min(shape) < size_px:
        return []
    rows, columns = ([round(s) for s in np.linspace(0, side - size_px, -(-side // size_px))] for side in shape)
    return [(top, left) for top in rows for left in columns]


def label_of(window: NDArray[np.uint8], min_share: float) -> str | None:
    """What a window (h, w) of 0, 1, 255 is called: ``crack``, ``no_crack``, or None where it is left out."""
    share = float((window == 1).mean())
    if share >= min_share:
        return "crack"
    return None if share or (window == NOT_LABELLED).any() else "no_crack"


def balanced(patches: Sequence[Patch], seed: int) -> Iterator[Patch]:
    """As many of one label as of the other in every part: those that come first by SHA-256 of seed and name."""
    by_class: dict[tuple[str, str], list[Patch]] = defaultdict(list)
    for patch in patches:
        by_class[patch.part, patch.label].append(patch)
    for part in dict.fromkeys(part for part, _ in by_class):
        both = [by_class[part, label] for label in ("crack", "no_crack")]
        for own in both:
            yield from sorted(own, key=lambda patch: hashlib.sha256(f"{seed}:{patch.stem}".encode()).digest())[
                : min(map(len, both))
            ]


def write_patches(folder: Path, patches: Sequence[Patch], *, form: str = "png") -> None:
    """Write ``part/label/*.png`` and ``index.csv``; the folder appears with all of them or not at all.

    Raises:
        DataError: no such format, or no patch.
        CrackwiseError: there is something at ``folder`` already, or it cannot be written.
    """
    if form not in FORMATS:
        raise DataError(f"No format {form!r} for patches; there are {', '.join(FORMATS)}.")
    if not patches:
        raise DataError("No window shows enough of a crack, or none at all: lower --min-share or --size.")
    write_folder(folder, encoded(sorted(patches, key=lambda patch: patch.stem), form, folder))


def encoded(patches: Iterable[Patch], form: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    """File names below the folder, and contents; the index comes last."""
    index = io.StringIO(newline="")
    rows = csv.writer(index, lineterminator="\n")
    rows.writerow(["split", "image", "label", "group", "source", "top", "left", "share"])
    source, pixels = "", np.empty(0, np.uint8)
    for patch in patches:
        if patch.item.name != source:
            source, pixels = patch.item.name, read_image(patch.item.image)
        window = pixels[patch.top : patch.top + patch.size_px, patch.left : patch.left + patch.size_px]
        name = f"{patch.stem}{FORMATS[form]}"
        yield f"{patch.part}/{patch.label}/{name}".removeprefix("/"), encode(window, form)
        place = (patch.top, patch.left, f"{patch.share:.5f}")
        rows.writerow([patch.part, name, patch.label, written_group(patch.item.group, folder), source, *place])
    yield "index.csv", index.getvalue().encode()


def encode(pixels: NDArray[np.uint8], form: str) -> bytes:
    """A picture file."""
    if form == "jpeg":
        content: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), JPEG_QUALITY, colorsubsampling="444")
        return content
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
