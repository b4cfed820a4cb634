"""Where a set keeps its pictures and labels: an index, declared patterns, or one of the usual folder forms."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from crackwise.data.masks import OF_PICTURES, Mask
from crackwise.data.photograph import bare_name, itself
from crackwise.data.polygons import coco_file_names, coco_shapes
from crackwise.errors import DataError

__all__ = [
    "OWN_CLASSES",
    "ClassFolders",
    "CocoFiles",
    "Entry",
    "Layout",
    "Pairs",
    "find_entries",
    "find_pictures",
    "fits",
    "list_entries",
    "part_name",
]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
IMAGE_FOLDERS = ("images", "image")
LABEL_FOLDERS = ("masks", "labels", "groundTruth")
LABEL_KINDS = {".txt": "yolo", ".mat": "mat", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""Suffix of a label file to its mask kind; every other picture is ``"png"``."""
OWN_CLASSES = {"crack": True, "no_crack": False}
"""Names of folders, outside the catalogue, that say whether the pictures in them show a crack."""
PART_NAMES = {"valid": "val", "validation": "val", "training": "train", "testing": "test"}


class Entry(NamedTuple):
    """A picture and its label as the folder itself lists them."""

    image: Path
    mask: Mask
    part: str
    """``"train"``, ``"val"``, ``"test"``, any other folder name, or nothing."""
    group: str
    """The photograph, where the set has an index that says so."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """One label file per picture, found by patterns in which ``{part}`` and ``{stem}`` stand for names."""

    images: str
    """``"{part}/images/*.jpg"``, relative to the set's folder."""
    labels: str = ""
    """``"{part}/masks/{stem}.png"``; nothing where the kind needs no label file."""
    kind: str = "png"
    parts: tuple[str, ...] = ("",)
    label_of: Callable[[str], str] = itself
    """Stem of the picture to stem of its label, where they differ."""
    unlabelled: bool = False
    """Pictures without a label file are known to be there, and left out."""


@dataclass(frozen=True, slots=True)
class CocoFiles:
    """One COCO file per part, its pictures beside it."""

    file: str
    """``"{part}/_annotations.coco.json"``, relative to the set's folder."""
    shapes: str
    """``"polygons"`` or ``"boxes"``."""
    parts: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """Pictures without label files, in folders named by what they show."""

    pictures: str
    """``"*/*/*"``, relative to the set's folder."""
    shows: Mapping[str, bool]
    """Name of a picture's own folder, exactly, to whether it shows a crack; the folders above decide nothing."""


Layout = Pairs | CocoFiles | ClassFolders


def find_entries(source: Path, layouts: Sequence[Layout] = ()) -> list[Entry]:
    """As `list_entries`, but with nothing amiss: for everything that learns from labels or counts them.

    Raises:
        DataError: no labelled pictures, or one of which the picture or the label is not there.
    """
    entries = list_entries(source, layouts)
    for entry in entries:
        mask = entry.mask
        if mask.key is not None and not entry.image.is_file():
            raise DataError(f"{mask.path} lists {mask.key}, but {entry.image} is not there.")
        if not mask.path.is_file() and mask.kind not in OF_PICTURES:
            raise DataError(
                f"{entry.image} has no label at {mask.path.with_suffix('')}.*; an empty one says 'no crack'."
            )
    return entries


def list_entries(source: Path, layouts: Sequence[Layout] = ()) -> list[Entry]:
    """The labelled pictures of a folder, or of one COCO or MAT file; a label may be missing, for audits.

    First choice is ``index.csv``, then the declared layouts, then the usual forms: ``images/[part]`` beside
    ``masks/[part]`` or ``labels/[part]``, ``[part]/images`` beside ``[part]/masks``, COCO files with their pictures,
    ``[part]/crack`` beside ``[part]/no_crack``.

    Raises:
        DataError: none of these, or an index or COCO file that cannot be used.
    """
    if source.is_file():
        return list(from_file(source))
    if (source / "index.csv").is_file():
        return list(read_index(source))
    for found in (declared(source, layouts), coco_folder(source), side_by_side(source), class_folders(source)):
        if entries := list(found):
            return entries
    raise DataError(
        f"{str(source)!r} holds no labelled pictures: expected images/ and masks/ side by side with equal names, "
        "images/ and labels/ with YOLO polygons, COCO .json files, or folders crack/ and no_crack/."
    )


def fits(folder: Path, layouts: Sequence[Layout]) -> bool:
    """Whether a folder holds pictures where a catalogue row declares them."""
    return any(True for _ in declared(folder, layouts))


def part_name(folder: str) -> str:
    """A part's usual name: ``valid`` is ``val``."""
    return PART_NAMES.get(folder.lower(), folder)


def read_index(folder: Path) -> Iterator[Entry]:
    """The pictures that ``index.csv`` (``split,image,mask,group,...`` or ``split,image,label,group,...``) lists."""
    index = folder / "index.csv"
    with index.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        columns = set(rows.fieldnames or ())
        if not {"split", "image"} <= columns or not {"mask", "label"} & columns:
            raise DataError(f"{index} must have the columns split,image,mask (or label) and may have group.")
        for row in rows:
            if "mask" in columns:
                image = folder / "images" / row["split"] / row["image"]
                mask = Mask("png", folder / "masks" / row["split"] / row["mask"])
            else:
                image = folder / row["split"] / row["label"] / row["image"]
                mask = shown_by_folder(image, OWN_CLASSES)
            yield Entry(image, mask, part_name(row["split"]), read_group(row.get("group") or "", folder))


def written_group(group: str, folder: Path) -> str:
    """A group as a file in ``folder`` keeps it: that of a folder in no catalogue is a path, told from there."""
    place, there = Path(group), folder.absolute()
    if not place.is_absolute() or place.anchor != there.anchor:
        return group
    return Path(os.path.relpath(place, there)).as_posix()


def read_group(written: str, folder: Path) -> str:
    """What `written_group` was given."""
    return Path(os.path.normpath(folder / written)).as_posix() if written.startswith("../") else written


def declared(folder: Path, layouts: Sequence[Layout]) -> Iterator[Entry]:
    """The pictures that a catalogue row says are there."""
    for layout in layouts:
        if isinstance(layout, ClassFolders):
            for image in pictures(folder.glob(layout.pictures)):
                yield Entry(image, shown_by_folder(image, layout.shows), "", "")
            continue
        for part in layout.parts:
            if isinstance(layout, CocoFiles):
                file = folder / layout.file.format(part=part)
                if file.is_file():
                    yield from coco_entries(file, layout.shapes, file.parent, part_name(part))
            else:
                yield from patterned(folder, layout, part)


def patterned(folder: Path, pairs: Pairs, part: str) -> Iterator[Entry]:
    """The pictures of one part that a pattern finds, with their labels."""
    for image in pictures(folder.glob(pairs.images.format(part=part))):
        mask = Mask(pairs.kind, image)
        if pairs.labels:
            stem = pairs.label_of(image.stem)
            label = folder / pairs.labels.format(part=part, stem=stem, folder=image.parent.name)
            if pairs.unlabelled and not label.is_file():
                continue
            mask = Mask(pairs.kind, label)
        yield Entry(image, mask, part_name(part), "")


def coco_folder(folder: Path) -> Iterator[Entry]:
    """COCO files in the folder or one below, each with its pictures beside it or in the folder."""
    for file in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]):
        below = file.parent if file.parent != folder and file.parent.name != "annotations" else None
        yield from coco_entries(file, coco_shapes(file), below or folder, part_name(below.name) if below else "")


def coco_entries(file: Path, shapes: str, pictures_in: Path, part: str) -> Iterator[Entry]:
    """The pictures of one COCO file; their own folders name parts where the file does not."""
    for name in coco_file_names(file):
        places = pictures_in / name, pictures_in / "images" / name
        image = next((place for place in places if place.is_file()), places[0])
        folders = image.relative_to(pictures_in).parts[:-1]
        own = next((f for f in folders if f not in IMAGE_FOLDERS), "")
        yield Entry(image, Mask(f"coco_{shapes}", file, key=name), part or part_name(own), "")


def side_by_side(folder: Path) -> Iterator[Entry]:
    """Pictures and labels of equal stems in neighbouring folders, the parts above or below them."""
    for images in sorted(p for name in IMAGE_FOLDERS for p in [*folder.glob(name), *folder.glob(f"*/{name}")]):
        above = "" if images.parent == folder else images.parent.name
        labels = next((images.parent / n for n in LABEL_FOLDERS if (images.parent / n).is_dir()), None)
        if labels is None:
            continue
        by_stem = {stem_below(p, labels): p for p in labels.rglob("*") if is_label(p)}
        for image in pictures(images.rglob("*")):
            stem = stem_below(image, images)
            *below, _ = Path(stem).parts
            label = by_stem.get(stem, labels / f"{stem}.png")
            yield Entry(image, mask_at(label), part_name(above or (below[0] if below else "")), "")


def class_folders(folder: Path) -> Iterator[Entry]:
    """Pictures in ``[part]/crack`` and ``[part]/no_crack``."""
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    for part in (folder, *below):
        if any((part / name).is_dir() for name in OWN_CLASSES):
            for image in pictures(part.glob("*/*")):
                mask = shown_by_folder(image, OWN_CLASSES)
                yield Entry(image, mask, "" if part == folder else part_name(part.name), "")


def shown_by_folder(image: Path, shows: Mapping[str, bool]) -> Mask:
    """What a picture shows, by the name of its own folder.

    Raises:
        DataError: the table has no such name.
    """
    own = image.parent.name
    if own not in shows:
        raise DataError(
            f"{image} lies in a folder {own!r} that does not say whether it shows a crack: known names are "
            f"{', '.join(shows)}. Rename the folder, or move it out of the set."
        )
    return Mask("somewhere" if shows[own] else "none", image)


def from_file(file: Path) -> Iterator[Entry]:
    """The pictures of one COCO file, or the picture of one MAT file."""
    if file.suffix == ".json":
        yield from coco_entries(file, coco_shapes(file), file.parent, "")
    elif file.suffix == ".mat":
        places = (file.parent, *(file.parent.parent / name for name in IMAGE_FOLDERS))
        yield from (
            Entry(p, Mask("mat", file), "", "") for place in places for p in pictures(place.glob(f"{file.stem}.*"))
        )
    else:
        raise DataError(f"{file} is neither a folder nor a COCO .json or CrackForest .mat file.")


def find_pictures(folder: Path) -> list[Entry]:
    """Every picture below a folder, whatever its labels, its first folder taken for the part; for audits."""
    found = []
    for image in pictures(folder.rglob("*")):
        above = [name for name in image.relative_to(folder).parts[:-1] if name not in IMAGE_FOLDERS]
        if not set(above) & set(LABEL_FOLDERS):
            found.append(Entry(image, Mask("none", image), part_name(above[0]) if above else "", ""))
    return found


def pictures(paths: Iterator[Path]) -> list[Path]:
    """The picture files among some paths, sorted."""
    return sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def is_label(path: Path) -> bool:
    """Whether a file can be a label."""
    return path.suffix.lower() in IMAGE_SUFFIXES or path.suffix.lower() in LABEL_KINDS


def mask_at(path: Path) -> Mask:
    """How a label file is read, by its suffix."""
    return Mask(LABEL_KINDS.get(path.suffix.lower(), "png"), path)


def stem_below(path: Path, folder: Path) -> str:
    """The path below a folder without extensions."""
    return path.relative_to(folder).with_name(bare_name(path.stem)).as_posix()
