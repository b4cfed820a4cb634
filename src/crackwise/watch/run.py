"""A watch from the first picture to the summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError
from crackwise.imaging.overlay import draw_overlay, encode_jpeg, encode_png
from crackwise.predictor import Predictor
from crackwise.watch.line import line_of, status_of, summary_of
from crackwise.watch.looks import Look, Say, Settings, looks
from crackwise.watch.record import Record
from crackwise.watch.sources.table import Source
from crackwise.watch.stream import Overlays
from crackwise.watch.tracks import Followed, Tracker

__all__ = ["PICTURES", "watch"]

FRAME_QUALITY = 95
STATUS_EVERY_S = 10.0


def frame_jpeg(look: Look, _: Followed) -> bytes:
    """The picture as it came; encoded, where it came as pixels."""
    shot = look.arrival.shot
    return shot if isinstance(shot, bytes) else encode_jpeg(look.pixels, quality=FRAME_QUALITY)


def mask_png(look: Look, _: Followed) -> bytes:
    """255 where there is crack."""
    return encode_png(look.inspection.mask)


def overlay_jpeg(look: Look, followed: Followed) -> bytes:
    """The picture with its cracks under their tracks."""
    return encode_jpeg(draw_overlay(look.pixels, look.inspection.mask, lines_of(look, followed)))


def later(look: Look, followed: Followed) -> Callable[[], bytes]:
    """Draws the same when it is called, and keeps no more of the picture than that needs."""
    pixels, mask, lines = look.pixels, look.inspection.mask, lines_of(look, followed)
    return lambda: encode_jpeg(draw_overlay(pixels, mask, lines))


def lines_of(look: Look, followed: Followed) -> dict[str, NDArray[np.float32]]:
    """The centrelines by their tracks; of a crack that was found in pieces, the second is ``7.2``."""
    pieces: Counter[int] = Counter()
    lines = {}
    for crack, track in zip(look.inspection.cracks, followed.ids, strict=True):
        pieces[track] += 1
        lines[f"{track}.{pieces[track]}" if pieces[track] > 1 else f"{track}"] = crack.centreline
    return lines


class Picture(NamedTuple):
    """A kind of picture that can be saved of every computed frame."""

    suffix: str
    draw: Callable[[Look, Followed], bytes]


PICTURES: dict[str, Picture] = {
    "frames": Picture(".jpg", frame_jpeg),
    "masks": Picture(".png", mask_png),
    "overlays": Picture(".jpg", overlay_jpeg),
}
"""By the folder that they go to."""


def watch(
    source: Source,
    predictor: Predictor,
    out: str | Path,
    settings: Settings,
    *,
    stop: Event,
    overlays: Overlays | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Inspect what a source sends into files of ``out``, until it ends or ``stop`` is set; the summary.

    Pictures that show what the one before showed are passed over, damaged ones counted. A model that gave an
    answer once and gives none any more, as a server does that is out of reach, costs pictures, not the watch.

    Raises:
        StreamError: there is nothing to watch, or it cannot be read any further.
        ModelError: the model cannot be used on the first picture.
        ModelReplacedError: a server has another model by now; what was found before is kept.
        CrackwiseError: an output cannot be written.
    """
    began_s = told_s = time.time()
    with Record(out, {kind: PICTURES[kind].suffix for kind in settings.save}) as record:
        counts, before = record.earlier.counts, record.earlier.counts.computed
        tracker = Tracker(record.earlier.last_track, record.earlier.cracks)

        def finish() -> dict[str, Any]:
            per_second = (counts.computed - before) / max(time.time() - began_s, 1e-9)
            summary = summary_of(source.name, predictor, counts, tracker, began_s, per_second)
            record.finish(summary)
            return summary

        try:
            for look in looks(source.after(record.earlier.taken), predictor, settings, counts, stop, say):
                followed = tracker.follow(look.inspection.cracks, look.inspection.shape, look.shift_px)
                line = line_of(look, followed, counts, tracker)
                record.add(line, {kind: PICTURES[kind].draw(look, followed) for kind in settings.save})
                if overlays is not None:
                    overlays.show(later(look, followed), {"source": source.name, **line})
                if time.time() - told_s > STATUS_EVERY_S:
                    told_s = time.time()
                    say(status_of(line, (counts.computed - before) / (told_s - began_s)))
                del look  # its memory is needed for the next
        except CrackwiseError:
            if counts.computed > before:
                finish()
            raise
        return finish()
