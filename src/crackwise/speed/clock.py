"""Models timed in turns, so that whatever slows a machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crackwise.predictor import Predictor

__all__ = ["Timing", "time_in_turns"]

TURN_S = 0.8
"""About as long a model predicts before the next has its turn."""
LEAST_CALLS, MOST_CALLS = 4, 64
WARM_UP = 2


@dataclass(slots=True)
class Timing:
    """Of one model, round by round."""

    calls: int
    """In a round, one after the other, and as many again at once."""
    latency_ms: list[list[float]] = field(default_factory=list)
    """Of each call by itself."""
    cpu_ms: list[float] = field(default_factory=list)
    """Processor time of an image, all threads together; the mean of a round."""
    per_s: list[float] = field(default_factory=list)
    """Images a second, with a call running on every core."""


def time_in_turns(
    predictors: Sequence[Predictor], pixels: NDArray[np.uint8], *, rounds: int, callers: int
) -> list[Timing]:
    """Time predictors on one picture (h, w, 3): each by one call at a time, then by ``callers`` at once, in turns."""
    timings = [Timing(warmed_up(predictor, pixels)) for predictor in predictors]
    for _ in range(rounds):
        for predictor, timing in zip(predictors, timings, strict=True):
            one_by_one(predictor, pixels, timing)
        for predictor, timing in zip(predictors, timings, strict=True):
            timing.per_s.append(at_once(predictor, pixels, timing.calls, callers))
    return timings


def warmed_up(predictor: Predictor, pixels: NDArray[np.uint8]) -> int:
    """How many calls make a turn, told by the last of a few that do not count."""
    for _ in range(WARM_UP):
        start = time.perf_counter()
        predictor(pixels)
        taken_s = time.perf_counter() - start
    return min(max(round(TURN_S / max(taken_s, 1e-6)), LEAST_CALLS), MOST_CALLS)


def one_by_one(predictor: Predictor, pixels: NDArray[np.uint8], timing: Timing) -> None:
    """A turn of single calls."""
    cpu_s, taken_ms = time.process_time(), []
    for _ in range(timing.calls):
        start = time.perf_counter()
        predictor(pixels)
        taken_ms.append(1000 * (time.perf_counter() - start))
    timing.latency_ms.append(taken_ms)
    timing.cpu_ms.append(1000 * (time.process_time() - cpu_s) / timing.calls)


def at_once(predictor: Predictor, pixels: NDArray[np.uint8], calls: int, callers: int) -> float:
    """Images a second of a turn in which so many threads call."""
    with ThreadPoolExecutor(callers) as pool:
        start = time.perf_counter()
        for _ in pool.map(lambda _: predictor(pixels) is None, range(calls)):
            pass
        return calls / (time.perf_counter() - start)
