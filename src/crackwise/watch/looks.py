"""Pictures that show something new, each inspected, at the pace that was asked for."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ImageError, ModelError, ModelReplacedError
from crackwise.imaging.image import Photo
from crackwise.inspection import Inspection, inspect_photo
from crackwise.predictor import Predictor
from crackwise.watch.arrival import Arrival, Counts, Filed, pixels_of
from crackwise.watch.economy import Throttle
from crackwise.watch.feed import arrivals
from crackwise.watch.motion import Glance, glance, is_still, scene_shift
from crackwise.watch.sources.table import Source

__all__ = ["Look", "Say", "Settings", "looks"]

LOG = logging.getLogger(__name__)

FAILED_PAUSE_S = 1.0
"""After a picture to which the model gave no answer."""

Say = Callable[[str], None]
"""Hears what happens, a sentence at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a source is watched."""

    threshold: float | None = None
    """None: the model's own."""
    mm_per_px: float | None = None
    save: tuple[str, ...] = ()
    """What is saved of every computed frame: of `PICTURES`."""
    frames: int | None = None
    """Stop after so many computed ones."""
    fps: float | None = None
    """Compute at most so many in a second."""
    share: float | None = None
    """Of one core, at most."""


class Look(NamedTuple):
    """A picture that was inspected."""

    arrival: Arrival
    pixels: NDArray[np.uint8]
    """RGB (h, w, 3)."""
    inspection: Inspection
    shift_px: tuple[float, float] | None
    """How far the scene moved down and right since the look before; None: another scene."""


def looks(
    source: Source, predictor: Predictor, settings: Settings, counts: Counts, stop: Event, say: Say
) -> Iterator[Look]:
    """Every picture that shows something new, inspected, until the source ends or ``stop`` is set.

    Raises:
        StreamError: there is nothing to watch, or it cannot be read any further.
        ModelError: the model cannot be used on the first picture, or is another one by now.
    """
    throttle = Throttle(settings.share)
    view: Glance | None = None
    answered = 0
    for arrival in arrivals(source, stop, counts, say):
        seen = see(arrival, view, counts, say)
        new = seen is not None
        if seen is not None:
            pixels, now = seen
            inspection = inspect(arrival, pixels, predictor, settings, first=not answered)
            if isinstance(inspection, str):
                counts.failed += 1
                say(inspection)
                stop.wait(FAILED_PAUSE_S)
                continue
            answered += 1
            counts.computed += 1
            yield Look(arrival, pixels, inspection, scene_shift(view, now) if view else None)
            view = now
            del seen, pixels, inspection  # their memory is needed for the next
            if answered == settings.frames:
                return
        throttle.rest(stop)
        if settings.fps and new and not source.own_pace:
            stop.wait(max(0.0, arrival.time_s + 1 / settings.fps - time.time()))


def see(arrival: Arrival, before: Glance | None, counts: Counts, say: Say) -> tuple[NDArray[np.uint8], Glance] | None:
    """The pixels of a picture and a glance at them; None where it is damaged or shows nothing new."""
    try:
        pixels = pixels_of(arrival.shot)
    except ImageError as error:
        counts.damaged += 1
        if isinstance(arrival.shot, Filed):
            say(str(error))
        return None
    now = glance(pixels)
    if before is not None and is_still(before, now):
        counts.still += 1
        return None
    return pixels, now


def inspect(
    arrival: Arrival, pixels: NDArray[np.uint8], predictor: Predictor, settings: Settings, *, first: bool
) -> Inspection | str:
    """What is on a picture; in words why not, where the model gave an answer before and gives none now.

    As in a folder, a mistake of ours costs one picture and is logged whole; on the first it is raised.

    Raises:
        ModelReplacedError: the model is another one by now, and stays so.
    """
    try:
        return inspect_photo(
            Photo(pixels, hashlib.sha256(pixels.data).hexdigest()),
            predictor,
            source=f"frame {arrival.number}",
            mm_per_px=settings.mm_per_px,
            threshold=settings.threshold,
        )
    except ModelReplacedError:
        raise
    except ModelError as error:
        if first:
            raise
        return f"Frame {arrival.number} is lost: {error}"
    except Exception as error:
        if first:
            raise
        LOG.exception("frame %d met a mistake in crackwise", arrival.number)
        return f"Frame {arrival.number} met a mistake in crackwise ({type(error).__name__}). Please report it."
