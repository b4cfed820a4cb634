"""Photographs to files: masks, overlays, results, a table and a page."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crackwise.errors import CrackwiseError, ImageError, ModelError, printable
from crackwise.imaging.files import remove_leftovers, write_atomically
from crackwise.imaging.image import MAX_MEGAPIXELS, SUFFIXES, Photo, read_image, read_photo
from crackwise.imaging.overlay import draw_overlay, encode_jpeg, encode_png, map_files, shrink
from crackwise.imaging.scale import check_scale
from crackwise.inspection import Inspection, inspect_photo
from crackwise.predictor import Predictor
from crackwise.report.chart import WidthCounts
from crackwise.report.page import render_page, summarise
from crackwise.report.table import Entry, to_csv

__all__ = ["Job", "Settings", "find_photos", "inspect_batch", "name_outputs", "read_results"]

LOG = logging.getLogger(__name__)

FOLDERS = ("masks", "overlays", "results", "maps")
TABLE = "cracks.csv"
UNCERTAIN = "_uncertainty"
LONGEST_STEM, LONGEST_SLUG = 200, 40
"""Bytes; file systems allow 255 for a name."""
PREVIEWS = {50: 1600, 200: 1000, 1000: 640}
"""Up to so many photographs, previews in the report are so long; beyond, `SMALLEST_PREVIEW_PX`."""
SMALLEST_PREVIEW_PX = 400
PREVIEW_QUALITY = 82


class Job(NamedTuple):
    """A photograph and the name of its outputs."""

    path: Path
    stem: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How photographs are inspected."""

    threshold: float | None = None
    """None: the model's own."""
    mm_per_px: float | None = None
    mm_per_px_source: str | None = None
    maps: bool = False
    """Whether to write probability maps."""
    views: int | None = None
    """How many views of each photograph are compared for a map of uncertainty; None: none."""
    max_megapixels: float = MAX_MEGAPIXELS


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
        outputs = FOLDERS if TABLE in names or os.path.realpath(folder) == own else ()
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


def inspect_batch(
    jobs: Sequence[Job],
    out: str | Path,
    predictor: Predictor,
    settings: Settings,
    *,
    on_entry: Callable[[Entry], None] = lambda _: None,
) -> tuple[Entry, ...]:
    """Inspect photographs one by one into files of ``out``; at the end write ``cracks.csv`` and ``report.html``.

    A photograph that cannot be used is an entry with an error; the rest goes on. ``on_entry`` hears of each in turn.

    Raises:
        CrackwiseError: an output cannot be written, or would overwrite a photograph.
        ScaleUnknownError: the scale of ``settings`` is no scale.
    """
    out = Path(out)
    widths = WidthCounts(check_scale(settings.mm_per_px))
    prepare(out, jobs, predictor.card.classes)
    entries: list[Entry] = []
    for job in jobs:
        entry = inspect_job(job, out, predictor, settings, widths)
        entries.append(entry)
        on_entry(entry)
    write_atomically(out / TABLE, to_csv(entries))
    write_report(out, entries, widths, predictor, settings)
    return tuple(entries)


def prepare(out: Path, jobs: Sequence[Job], classes: Sequence[str]) -> None:
    """Clear away what an earlier run left under the same names; a report that is there is that of a finished run."""
    photos = {os.path.realpath(job.path) for job in jobs}
    outputs = [out / TABLE, out / "report.html", *(path for job in jobs for path in outputs_of(out, job.stem, classes))]
    endangered = next((path for path in outputs if os.path.realpath(path) in photos), None)
    if endangered is not None:
        raise CrackwiseError(f"The photograph {endangered} would be overwritten by a result. Choose another --out.")
    try:
        for folder in (out, *(out / name for name in FOLDERS), *class_folders(out, classes)):
            if folder.is_dir():
                remove_leftovers(folder)
        for path in outputs:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CrackwiseError(
            f"Cannot write into {str(out)!r}: {error.strerror or error}. Choose another --out."
        ) from error


def outputs_of(out: Path, stem: str, classes: Sequence[str]) -> list[Path]:
    """Every file that may be written for one photograph."""
    names = {"masks": ".png", "overlays": ".jpg", "results": ".json"}
    maps = [out / "maps" / f"{stem}{of}{suffix}" for of in ("", UNCERTAIN) for suffix in (".png", ".tif")]
    masks = [folder / f"{stem}.png" for folder in class_folders(out, classes)]
    return [out / folder / f"{stem}{suffix}" for folder, suffix in names.items()] + maps + masks


def class_folders(out: Path, classes: Sequence[str]) -> list[Path]:
    """Where the masks of each class go if there are several: ``masks/1-crack``, ``masks/2-drywall-joint``."""
    if len(classes) == 1:
        return []
    slugs = [re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:LONGEST_SLUG] for name in classes]
    return [out / "masks" / f"{number}-{slug}" for number, slug in enumerate(slugs, 1)]


def inspect_job(job: Job, out: Path, predictor: Predictor, settings: Settings, widths: WidthCounts) -> Entry:
    """One photograph to its files.

    Here alone every exception is caught: a mistake of ours costs one photograph, not the folder, and is logged whole.
    """
    source = printable(job.path)
    try:
        result = inspect_to_files(job, out, predictor, settings, widths)
        return Entry(source, job.stem, result=without_points(result))
    except (ImageError, ModelError) as error:
        reason = printable(str(error))
    except CrackwiseError:  # an output that cannot be written ends the run
        raise
    except MemoryError:
        reason = f"{source} needs more memory than there is. Cut it into parts."
    except Exception as error:
        LOG.exception("%s met a mistake in crackwise", source)
        told = printable(" ".join(f"{type(error).__name__} {error}".split()))
        reason = f"{source} met a mistake in crackwise ({told}). Please report it with the photograph."
    for path in outputs_of(out, job.stem, predictor.card.classes):
        path.unlink(missing_ok=True)
    return Entry(source, job.stem, error=reason)


def inspect_to_files(
    job: Job, out: Path, predictor: Predictor, settings: Settings, widths: WidthCounts
) -> dict[str, Any]:
    """The result of one photograph, after its files are written and its widths are counted."""
    photo = read_photo(job.path, max_megapixels=settings.max_megapixels)
    inspection = inspect_photo(
        photo,
        predictor,
        source=printable(job.path),
        mm_per_px=settings.mm_per_px,
        mm_per_px_source=settings.mm_per_px_source,
        threshold=settings.threshold,
        views=settings.views,
    )
    result = inspection.to_dict()
    write_outputs(out, job.stem, photo, inspection, result, maps=settings.maps)
    for crack in inspection.cracks:
        widths.add(crack.widths_px[crack.counted].tolist())
    return result


def without_points(result: dict[str, Any]) -> dict[str, Any]:
    """A result small enough to keep for a whole run."""
    points = {"centreline_px", "widths_px"}
    cracks = [{k: v for k, v in crack.items() if k not in points} for crack in result["cracks"]]
    return result | {"cracks": cracks}


def write_outputs(
    out: Path, stem: str, photo: Photo, inspection: Inspection, result: dict[str, Any], *, maps: bool
) -> None:
    """The files of one photograph, the result last: where it is, the others are."""
    mask = inspection.mask
    lines = {str(crack.id): crack.centreline for crack in inspection.cracks}
    write_atomically(out / "masks" / f"{stem}.png", encode_png(mask))
    for folder, plane in zip(class_folders(out, inspection.card.classes), inspection.class_masks, strict=False):
        write_atomically(folder / f"{stem}.png", encode_png(plane))
    write_atomically(out / "overlays" / f"{stem}.jpg", encode_jpeg(draw_overlay(photo.pixels, mask, lines)))
    drawn = {stem: inspection.probabilities} if maps else {}
    drawn |= {f"{stem}{UNCERTAIN}": inspection.uncertainty.entropy} if inspection.uncertainty else {}
    for name, values in drawn.items():
        for suffix, content in map_files(values.max(axis=0)).items():
            write_atomically(out / "maps" / f"{name}{suffix}", content)
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_atomically(out / "results" / f"{stem}.json", f"{text}\n".encode())


def write_report(
    out: Path, entries: Sequence[Entry], widths: WidthCounts, predictor: Predictor, settings: Settings
) -> None:
    """The page, its pictures read back one at a time."""
    longest = next((px for most, px in PREVIEWS.items() if len(entries) <= most), SMALLEST_PREVIEW_PX)

    def preview(entry: Entry) -> bytes:
        overlay = read_image(out / "overlays" / f"{entry.stem}.jpg", max_megapixels=settings.max_megapixels)
        return encode_jpeg(shrink(overlay, longest), quality=PREVIEW_QUALITY)

    summary = summarise(entries, mm_per_px=settings.mm_per_px, mm_per_px_source=settings.mm_per_px_source)
    card = predictor.card
    model = {
        "sha256": predictor.sha256,
        "threshold": settings.threshold or card.threshold,
        "runtime": predictor.runtime,
        "precision": predictor.precision,
    }
    write_atomically(
        out / "report.html", render_page(entries, summary, widths, card=card, model=model, preview=preview)
    )


def read_results(out: str | Path, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """The results of a run from their files, in order; for a photograph that could not be used, source and error."""
    for entry in entries:
        if entry.result is None:
            yield {"schema": "crackwise.error/1", "source": entry.source, "error": entry.error}
        else:
            result: dict[str, Any] = json.loads((Path(out) / "results" / f"{entry.stem}.json").read_bytes())
            yield result
