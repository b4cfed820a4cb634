"""Which photographs are inspected, and where what is written of them goes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crackwise.errors import CrackwiseError, ImageError
from crackwise.imaging.files import remove_leftovers
from crackwise.imaging.image import SUFFIXES

__all__ = [
    "MASK_TABLE",
    "PAGE",
    "PARTS",
    "TABLE",
    "UNCERTAIN",
    "Job",
    "class_folders",
    "find_photos",
    "folders_of",
    "name_outputs",
    "outputs_of",
    "prepare",
]

PARTS = {"masks": ".png", "overlays": ".jpg", "results": ".json"}
"""What is written of every photograph, in folders of these names, with this suffix."""
FOLDERS = (*PARTS, "maps")
TABLE, MASK_TABLE, PAGE = "cracks.csv", "masks.csv", "report.html"
UNCERTAIN = "_uncertainty"
LONGEST_STEM, LONGEST_SLUG = 200, 40
"""Bytes; file systems allow 255 for a name."""


class Job(NamedTuple):
    """A photograph and the name of its outputs."""

    path: Path
    stem: str


def find_photos(inputs: Iterable[str | Path], out: str | Path) -> tuple[Path, ...]:
    """The photographs that files and folders name, each once, folders searched to their depth and in order of name.

    In a folder, hidden files, files that are not named like pictures, and outputs of ours are passed over. A path that
    is not there, or a folder that cannot be listed, stands among them as a photograph that cannot be read.

    Raises:
        ImageError: nothing is there at all.
    """
    places = [Path(place) for place in inputs]
    if not any(is_there(place) for place in places):
        raise ImageError(f"No file or folder at {', '.join(repr(str(place)) for place in places)}. Check the spelling.")
    photos: dict[str, Path] = {}
    for place in places:
        for photo in walk(place, Path(out)):
            photos.setdefault(os.path.realpath(photo), photo)
    if not photos:
        raise ImageError(
            f"No photograph in {', '.join(repr(str(place)) for place in places)}. "
            f"Names of photographs end in {', '.join(sorted(SUFFIXES))}."
        )
    return tuple(photos.values())


def is_there(place: Path) -> bool:
    """Whether there is such a file or folder; where that cannot be told, reading it will say why."""
    try:
        place.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def walk(place: Path, out: Path) -> Iterator[Path]:
    """Files below a folder that are named like pictures; last what cannot be listed, a file in place of a folder too.

    Outputs are those in ``out`` and those beside the table of a finished run.
    """
    unlisted: list[Path] = []
    own = os.path.realpath(out)
    for folder, inner, names in os.walk(place, onerror=lambda error: unlisted.append(Path(error.filename))):
        outputs = FOLDERS if TABLE in names or MASK_TABLE in names or os.path.realpath(folder) == own else ()
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in outputs)
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(folder) / name
    yield from unlisted


def name_outputs(photos: Iterable[Path]) -> tuple[Job, ...]:
    """A name of its own for every photograph: its stem, or ``stem-2``, ``stem-3``, ... where that is taken.

    Names that differ in case only count as one, for file systems that think so; names of uncertainty maps are taken.
    """
    photos = tuple(photos)
    jobs: list[Job] = []
    taken = {f"{cut(photo.stem)}{UNCERTAIN}".casefold() for photo in photos}
    for photo in photos:
        stem = cut(photo.stem)
        candidates = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
        name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
        taken.add(name.casefold())
        jobs.append(Job(photo, name))
    return tuple(jobs)


def cut(stem: str) -> str:
    """A stem short enough to take any suffix."""
    return os.fsencode(stem)[:LONGEST_STEM].decode("utf-8", "ignore") or "photo"


def prepare(out: Path, jobs: Sequence[Job], classes: Sequence[str]) -> None:
    """Clear away what an earlier run left under the same names; a report that is there is that of a finished run."""
    if not is_there(out):
        return
    home = cache(os.path.realpath)

    def place(path: Path) -> str:
        return f"{home(path.parent)}{os.sep}{path.name}"

    photos = {name for job in jobs for name in (os.path.realpath(job.path), place(job.path))}
    of_the_run = [out / name for name in (TABLE, MASK_TABLE, PAGE)]
    outputs = [*of_the_run, *(path for job in jobs for path in outputs_of(out, job.stem, classes))]
    endangered = next((path for path in outputs if place(path) in photos), None)
    if endangered is not None:
        raise CrackwiseError(f"The photograph {endangered} would be overwritten by a result. Choose another --out.")
    try:
        for folder in folders_of(out, classes):
            remove_leftovers(folder)
        for path in outputs:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CrackwiseError(
            f"Cannot write into {str(out)!r}: {error.strerror or error}. Choose another --out."
        ) from error


def folders_of(out: Path, classes: Sequence[str]) -> list[Path]:
    """Those of the folders for outputs that there are."""
    folders = (out, *(out / name for name in FOLDERS), *class_folders(out, classes))
    return [folder for folder in folders if folder.is_dir()]


def outputs_of(out: Path, stem: str, classes: Sequence[str]) -> list[Path]:
    """Every file that may be written for one photograph."""
    maps = [out / "maps" / f"{stem}{of}{suffix}" for of in ("", UNCERTAIN) for suffix in (".png", ".tif")]
    masks = [folder / f"{stem}.png" for folder in class_folders(out, classes)]
    return [out / folder / f"{stem}{suffix}" for folder, suffix in PARTS.items()] + maps + masks


def class_folders(out: Path, classes: Sequence[str]) -> list[Path]:
    """Where the masks of each class go if there are several: ``masks/1-crack``, ``masks/2-drywall-joint``."""
    if len(classes) == 1:
        return []
    slugs = [re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:LONGEST_SLUG] for name in classes]
    return [out / "masks" / f"{number}-{slug}" for number, slug in enumerate(slugs, 1)]
