"""Less memory and less of the processor, for small computers."""

from __future__ import annotations

import ctypes
import time
from threading import Event

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.predictor import ModelCard, Predictor

__all__ = ["InSmallTiles", "Throttle", "limit_threads", "return_freed_memory"]

TILE_PX = 256
"""Largest tile of a frame, unless asked otherwise, or the network learnt on larger pictures."""


class InSmallTiles:
    """A predictor that is shown small tiles: what a network holds in memory grows with its tile."""

    def __init__(self, predictor: Predictor, tile_px: int | None = None) -> None:
        """``tile_px`` at most; None: `TILE_PX`, or the size of the pictures that the network learnt on."""
        card = predictor.card
        wanted_px = tile_px or max(TILE_PX, card.input_px or 0)
        self.predictor = predictor
        self.card: ModelCard = card.model_copy(update={"tile_px": min(wanted_px, card.tile_px)})
        self.sha256, self.runtime, self.precision = predictor.sha256, predictor.runtime, predictor.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """The predictor's answer."""
        return self.predictor(pixels)


class Throttle:
    """Rests after work until the processor time of this process is at most its share of the time that passed."""

    def __init__(self, share: float | None) -> None:
        """``share`` of one core, above 0; None, 1 and more do not slow a single thread."""
        self.share = share
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self.since_s, self.used_s = time.monotonic(), time.process_time()

    def rest(self, stop: Event) -> None:
        """Wait as long as the work since the last beginning has earned, and begin again."""
        if self.share is not None:
            used_s = time.process_time() - self.used_s
            stop.wait(max(0.0, used_s / self.share - (time.monotonic() - self.since_s)))
        self.begin()


def limit_threads(threads: int | None) -> None:
    """OpenCV takes no more threads than a prediction; None: as many as there are cores."""
    cv2.setNumThreads(-1 if threads is None else threads)


def return_freed_memory() -> None:
    """Tell glibc to hand back what loading a model took and freed: 13 MB of the packaged one."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library
        return
