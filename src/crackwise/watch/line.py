"""What a watch says of each picture, and of all of them at the end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from crackwise import __version__
from crackwise.errors import printable
from crackwise.measure import Crack
from crackwise.predictor import Predictor
from crackwise.watch.arrival import Arrival, Counts, Filed
from crackwise.watch.looks import Look
from crackwise.watch.record import FRAME_SCHEMA, SUMMARY_SCHEMA
from crackwise.watch.tracks import Followed, Tracker

__all__ = ["line_of", "status_of", "summary_of"]

POINTWISE = ("centreline_px", "widths_px")
"""Of a crack; a line of a stream leaves them out."""


def line_of(look: Look, followed: Followed, counts: Counts, tracker: Tracker) -> dict[str, Any]:
    """One picture as its line has it; docs/edge.md describes the keys."""
    inspection, arrival = look.inspection, look.arrival
    height, width = inspection.shape
    shift = look.shift_px
    return {
        "schema": FRAME_SCHEMA,
        "frame": arrival.number,
        **file_of(arrival),
        "time": timestamp(arrival.time_s),
        "latency_ms": round(1000 * (time.time() - arrival.time_s), 1),
        "width_px": width,
        "height_px": height,
        "mm_per_px": inspection.mm_per_px,
        "shift_px": None if shift is None else [round(shift[1], 1), round(shift[0], 1)],
        "cracks": [crack_of(crack, track) for crack, track in zip(inspection.cracks, followed.ids, strict=True)],
        "joined": [list(pair) for pair in followed.joined],
        "totals": inspection.totals,
        "cracks_so_far": tracker.count,
        "last_track": tracker.last_id,
        "counts": counts.to_dict(),
    }


def file_of(arrival: Arrival) -> dict[str, Any]:
    """Which file of a folder it was, and as it stood when; empty where it came from elsewhere."""
    if not isinstance(arrival.shot, Filed):
        return {}
    return {"file": printable(arrival.shot.path.name), "file_changed_ns": arrival.shot.changed_ns}


def crack_of(crack: Crack, track: int) -> dict[str, Any]:
    """A crack without what is said of its every point."""
    return {"track": track} | {name: value for name, value in crack.to_dict().items() if name not in POINTWISE}


def status_of(line: dict[str, Any], per_second: float) -> str:
    """How a watch is doing, in a sentence."""
    counts = line["counts"]
    others = ", ".join(f"{counts[name]:,} {name}" for name in ("dropped", "still", "damaged", "failed") if counts[name])
    return (
        f"frame {line['frame']:,}: {many(len(line['cracks']))} in view, {line['cracks_so_far']:,} so far; "
        f"{counts['computed']:,} computed, {per_second:.2g} a second{', ' if others else ''}{others}"
    )


def summary_of(
    source: str, predictor: Predictor, counts: Counts, tracker: Tracker, began_s: float, per_second: float
) -> dict[str, Any]:
    """A watch as a whole."""
    card = predictor.card
    return {
        "schema": SUMMARY_SCHEMA,
        "source": source,
        "began": timestamp(began_s),
        "ended": timestamp(time.time()),
        "computed_per_second": round(per_second, 3),
        "cracks_so_far": tracker.count,
        "counts": counts.to_dict(),
        "model": {
            "name": card.name,
            "version": card.version,
            "sha256": predictor.sha256,
            "runtime": predictor.runtime,
            "precision": predictor.precision,
        },
        "crackwise": __version__,
    }


def many(count: int) -> str:
    """``"1 crack"``, ``"2 cracks"``."""
    return f"{count} crack{'' if count == 1 else 's'}"


def timestamp(time_s: float) -> str:
    """Unix time as ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
