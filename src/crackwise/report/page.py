"""A page that holds everything: opens offline, prints, and runs no script."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crackwise.predictor import ModelCard
from crackwise.report.chart import WidthCounts, width_chart
from crackwise.report.render import template_of
from crackwise.report.table import Entry, length_text, nothing_text, width_text

__all__ = ["Summary", "render_page", "summarise"]

MOST_SCORES = 6
"""Columns of the table of scores."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few numbers; the widest is a crack, with the number of its photograph from 1 on, and the source."""

    photos: int
    errors: int
    review: int | None
    """Photographs that a person should look at; None where the model does not tell."""
    cracks: int
    marked: int
    """Photographs with marked areas and no crack that could be measured: specks, or wider than they are long."""
    length: str
    widest: tuple[dict[str, Any], int, str] | None
    mm_per_px: float | None
    mm_per_px_source: str | None


def summarise(entries: Sequence[Entry], *, mm_per_px: float | None, mm_per_px_source: str | None) -> Summary:
    """The first lines of a report."""
    results = [(number, entry.result) for number, entry in enumerate(entries, 1) if entry.result is not None]
    cracks = [(crack, number, result["source"]) for number, result in results for crack in result["cracks"]]
    told = [result["review"]["needed"] for _, result in results if result["review"]]
    length_px = sum(result["totals"]["crack_length_px"] for _, result in results)
    return Summary(
        photos=len(entries),
        errors=len(entries) - len(results),
        review=sum(told) if told else None,
        cracks=len(cracks),
        marked=sum(not result["cracks"] and result["totals"]["crack_area_px"] > 0 for _, result in results),
        length=length_text(length_px, None if mm_per_px is None else length_px * mm_per_px),
        widest=max(cracks, key=lambda found: found[0]["max_width_px"], default=None),
        mm_per_px=mm_per_px,
        mm_per_px_source=mm_per_px_source,
    )


def render_page(
    entries: Sequence[Entry],
    summary: Summary,
    widths: WidthCounts,
    *,
    card: ModelCard,
    model: dict[str, Any],
    preview: Callable[[Entry], bytes],
) -> Iterator[bytes]:
    """The report in pieces, UTF-8; ``preview`` gives the JPEG of a photograph when its turn comes.

    ``model`` is that of a result: name, version, sha256, threshold, runtime, precision.
    """
    folder = common_folder([entry.source for entry in entries])
    pieces = template_of("crackwise.report", "inspection.html").generate(
        entries=entries,
        summary=summary,
        chart=width_chart(widths),
        card=card,
        model=model,
        score_names=score_names(card),
        folder=folder,
        name_of=lambda source: (source[len(folder) :].lstrip("/\\") if folder else source) or source,
        image_of=lambda entry: b64encode(preview(entry)).decode("ascii"),
        length_text=length_text,
        nothing_text=nothing_text,
        width_text=width_text,
        score_text=score_text,
    )
    return (piece.encode() for piece in pieces)


def common_folder(sources: Sequence[str]) -> str:
    """The folder that holds all photographs; empty where they share none."""
    try:
        return os.path.commonpath([os.path.dirname(source) for source in sources])  # noqa: PTH120  (text, not a place)
    except ValueError:  # some absolute, some not
        return ""


def score_names(card: ModelCard) -> list[str]:
    """The scores that the card gives as plain numbers, the most common first."""
    names: dict[str, int] = {}
    for scores in card.scores.values():
        for name, value in scores.items():
            if isinstance(value, int | float):
                names[name] = names.get(name, 0) + 1
    return sorted(names, key=lambda name: -names[name])[:MOST_SCORES]


def score_text(value: object) -> str:
    """A score for a table."""
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
