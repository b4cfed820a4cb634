"""One photograph to its files."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.batch.places import UNCERTAIN, Job, class_folders, outputs_of
from crackwise.errors import CrackwiseError, ImageError, ModelError, printable
from crackwise.imaging.files import write_atomically
from crackwise.imaging.image import MAX_MEGAPIXELS, Photo, read_photo
from crackwise.imaging.overlay import draw_overlay, encode_jpeg, encode_mask, map_files
from crackwise.inspection import Inspection, inspect_photo, mask_of, predict_photo
from crackwise.predictor import Predictor
from crackwise.report.table import Entry

__all__ = ["Outcome", "Settings", "inspect_job"]

LOG = logging.getLogger(__name__)

MEASURED = frozenset({"overlays", "results"})


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
    only: frozenset[str] = frozenset()
    """Which of `PARTS` to write, without a page; empty: all, and the page."""

    @property
    def measured(self) -> bool:
        """Whether anything is written that needs cracks to be measured, and not only seen."""
        return not self.only or bool(self.only & MEASURED)

    def writes(self, part: str) -> bool:
        """Whether that one of `PARTS` is written."""
        return not self.only or part in self.only


class Outcome(NamedTuple):
    """What is left of one photograph when its files are written."""

    entry: Entry
    widths_px: tuple[NDArray[np.float32], ...] = ()
    """Of each crack, the widths that count."""


def inspect_job(job: Job, out: Path, predictor: Predictor, settings: Settings) -> Outcome:
    """One photograph to its files: all of them, or none.

    Here alone every exception is caught: a mistake of ours costs one photograph, not the folder, and is logged whole.
    """
    source = printable(job.path)
    try:
        return inspect_to_files(job, out, predictor, settings)
    except (ImageError, ModelError) as error:
        reason = printable(str(error))
    except (CrackwiseError, KeyboardInterrupt):  # an output that cannot be written, another model
        remove(job, out, predictor)
        raise
    except MemoryError:
        reason = f"{source} needs more memory than there is. Cut it into parts."
    except Exception as error:
        LOG.exception("%s met a mistake in crackwise", source)
        told = printable(" ".join(f"{type(error).__name__} {error}".split()))
        reason = f"{source} met a mistake in crackwise ({told}). Please report it with the photograph."
    remove(job, out, predictor)
    return Outcome(Entry(source, job.stem, error=reason))


def remove(job: Job, out: Path, predictor: Predictor) -> None:
    """Delete what was written of a photograph."""
    for path in outputs_of(out, job.stem, predictor.card.classes):
        with suppress(OSError):  # what led here is what will be said
            path.unlink(missing_ok=True)


def inspect_to_files(job: Job, out: Path, predictor: Predictor, settings: Settings) -> Outcome:
    """What is left of one photograph, after its files are written."""
    source = printable(job.path)
    photo = read_photo(job.path, max_megapixels=settings.max_megapixels)
    if not settings.measured:
        return predict_to_files(job, out, photo, predictor, settings)
    inspection = inspect_photo(
        photo,
        predictor,
        source=source,
        mm_per_px=settings.mm_per_px,
        mm_per_px_source=settings.mm_per_px_source,
        threshold=settings.threshold,
        views=settings.views,
    )
    result = inspection.to_dict()
    write_outputs(out, job.stem, photo, inspection, result, settings)
    entry = Entry(source, job.stem, result=without_points(result))
    return Outcome(entry, tuple(crack.widths_px[crack.counted] for crack in inspection.cracks))


def predict_to_files(job: Job, out: Path, photo: Photo, predictor: Predictor, settings: Settings) -> Outcome:
    """What is left of a photograph whose cracks are seen and not measured."""
    probabilities, threshold, triage = predict_photo(photo.pixels, predictor, threshold=settings.threshold)
    crack_area_px = write_masks(out, job.stem, probabilities, threshold, predictor.card.classes)
    if settings.maps:
        write_map(out, job.stem, probabilities)
    height, width = photo.pixels.shape[:2]
    source = printable(job.path)
    seen = {
        "source": source,
        "sha256": photo.sha256,
        "width_px": width,
        "height_px": height,
        "threshold": threshold,
        "model_sha256": predictor.sha256,
        "runtime": predictor.runtime,
        "precision": predictor.precision,
        "triage": triage,
        "crack_area_px": crack_area_px,
    }
    return Outcome(Entry(source, job.stem, result=seen))


def without_points(result: dict[str, Any]) -> dict[str, Any]:
    """A result small enough to keep for a whole run."""
    points = {"centreline_px", "widths_px"}
    cracks = [{k: v for k, v in crack.items() if k not in points} for crack in result["cracks"]]
    return result | {"cracks": cracks}


def write_outputs(
    out: Path, stem: str, photo: Photo, inspection: Inspection, result: dict[str, Any], settings: Settings
) -> None:
    """The files of one photograph, the result last: where it is, the others are; the run syncs them all together."""
    if settings.writes("masks"):
        write_masks(out, stem, inspection.probabilities, inspection.threshold, inspection.card.classes)
    if settings.writes("overlays"):
        lines = {str(crack.id): crack.centreline for crack in inspection.cracks}
        overlay = draw_overlay(photo.pixels, inspection.mask, lines)
        write_atomically(out / "overlays" / f"{stem}.jpg", encode_jpeg(overlay), synced=False)
    if settings.maps:
        write_map(out, stem, inspection.probabilities)
    if inspection.uncertainty:
        write_map(out, f"{stem}{UNCERTAIN}", inspection.uncertainty.entropy)
    if settings.writes("results"):
        text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        write_atomically(out / "results" / f"{stem}.json", f"{text}\n".encode(), synced=False)


def write_masks(
    out: Path, stem: str, probabilities: NDArray[np.float32], threshold: float, classes: Sequence[str]
) -> int:
    """The mask, and one of each class if there are several; returns the area of the first, px."""
    mask = mask_of(probabilities, threshold)
    write_atomically(out / "masks" / f"{stem}.png", encode_mask(mask), synced=False)
    for folder, plane in zip(class_folders(out, classes), probabilities, strict=False):
        write_atomically(folder / f"{stem}.png", encode_mask(mask_of(plane[None], threshold)), synced=False)
    return int(np.count_nonzero(mask))


def write_map(out: Path, name: str, values: NDArray[np.float32]) -> None:
    """Planes (k, h, w) of 0 to 1, the highest of each pixel, to see and to compute with."""
    for suffix, content in map_files(values.max(axis=0)).items():
        write_atomically(out / "maps" / f"{name}{suffix}", content, synced=False)
