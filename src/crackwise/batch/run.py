"""A run: many photographs, a table and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from crackwise.batch.job import Outcome, Settings, inspect_job
from crackwise.batch.places import MASK_TABLE, PAGE, TABLE, Job, folders_of, prepare
from crackwise.batch.workers import READING, Gate, in_order
from crackwise.imaging.files import sync_disks, write_atomically
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import encode_jpeg, shrink
from crackwise.imaging.scale import check_scale
from crackwise.predictor import Predictor
from crackwise.report.chart import WidthCounts
from crackwise.report.table import Entry, masks_to_csv, to_csv

__all__ = ["inspect_batch", "read_results"]

PREVIEWS = {50: 1600, 200: 1000, 1000: 640}
"""Up to so many photographs, previews in the report are so long; beyond, `SMALLEST_PREVIEW_PX`."""
SMALLEST_PREVIEW_PX = 400
PREVIEW_QUALITY = 82


def inspect_batch(
    jobs: Sequence[Job],
    out: str | Path,
    predictor: Predictor,
    settings: Settings,
    *,
    workers: int = 1,
    on_entry: Callable[[Entry], None] = lambda _: None,
) -> tuple[Entry, ...]:
    """Inspect photographs into files of ``out``; at the end write the table ``cracks.csv`` and ``report.html``.

    Where the table is, all else is on the disk, also after a power cut.

    Where nothing is measured the table is ``masks.csv``; where not everything is written there is no report. A
    photograph that cannot be used is an entry with an error; the rest goes on. ``on_entry`` hears of each in turn.

    ``workers`` above 1 predict at once, each another photograph, and the predictor is called from several threads; two
    more photographs are read or written meanwhile. What is written does not depend on it.

    Raises:
        CrackwiseError: an output cannot be written, or would overwrite a photograph.
        ScaleUnknownError: the scale of ``settings`` is no scale.
        ModelReplacedError: a server has another model by now; what was written stays, without a table.
    """
    out = Path(out)
    widths = WidthCounts(check_scale(settings.mm_per_px))
    prepare(out, jobs, predictor.card.classes)
    entries: list[Entry] = []
    with closing(outcomes(jobs, out, predictor, settings, workers)) as found:
        for entry, widths_px in found:
            for of_crack in widths_px:
                widths.add(of_crack.tolist())
            entries.append(entry)
            on_entry(entry)
    sync_disks(folders_of(out, predictor.card.classes))
    if settings.measured:
        write_atomically(out / TABLE, to_csv(entries))
    else:
        write_atomically(out / MASK_TABLE, masks_to_csv(entries))
    if not settings.only:
        write_report(out, entries, widths, predictor, settings)
    return tuple(entries)


def outcomes(
    jobs: Sequence[Job], out: Path, predictor: Predictor, settings: Settings, workers: int
) -> Generator[Outcome]:
    """Photographs to their files, in order."""
    if workers == 1:
        return (inspect_job(job, out, predictor, settings) for job in jobs)
    gate = Gate(workers)
    work = partial(inspect_job, out=out, predictor=gate.guard(predictor), settings=settings)
    return in_order(work, jobs, gate, threads=workers + READING)


def write_report(
    out: Path, entries: Sequence[Entry], widths: WidthCounts, predictor: Predictor, settings: Settings
) -> None:
    """The page, its pictures read back one at a time."""
    from crackwise.report.page import render_page, summarise  # whose templates take long to import

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
    write_atomically(out / PAGE, render_page(entries, summary, widths, card=card, model=model, preview=preview))


def read_results(out: str | Path, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """The results of a run from their files, in order; for a photograph that could not be used, source and error."""
    for entry in entries:
        if entry.result is None:
            yield {"schema": "crackwise.error/1", "source": entry.source, "error": entry.error}
        else:
            result: dict[str, Any] = json.loads((Path(out) / "results" / f"{entry.stem}.json").read_bytes())
            yield result
