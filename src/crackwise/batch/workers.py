"""Several photographs at once: some are read or written while others are predicted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Event
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crackwise.cascade import Cascade
from crackwise.predictor import Predictor

__all__ = ["READING", "Gate", "in_order"]

Thing = TypeVar("Thing")
Result = TypeVar("Result")

AHEAD = 4
"""So many results for each thread may wait for one that takes longer."""
READING = 2
"""Threads beside those that predict: while two wait for the disk, the others have work."""


class Gate:
    """Lets so many threads predict at a time, and none any more once it is shut."""

    def __init__(self, width: int) -> None:
        self.free = BoundedSemaphore(width)
        self.shut = Event()

    def guard(self, predictor: Predictor) -> Predictor:
        """The same predictor, behind the gate; of a cascade both models."""
        if isinstance(predictor, Cascade):
            return Cascade(self.guard(predictor.screen), self.guard(predictor.segmenter), predictor.screen_threshold)
        return Guarded(predictor, self)


class Guarded:
    """A predictor behind a gate."""

    def __init__(self, predictor: Predictor, gate: Gate) -> None:
        self.predictor = predictor
        self.gate = gate
        self.card = predictor.card
        self.sha256 = predictor.sha256
        self.runtime = predictor.runtime
        self.precision = predictor.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """As the predictor's.

        Raises:
            KeyboardInterrupt: the gate is shut.
        """
        with self.gate.free:
            if self.gate.shut.is_set():
                raise KeyboardInterrupt
            return self.predictor(pixels)


def in_order(
    work: Callable[[Thing], Result], things: Iterable[Thing], gate: Gate, *, threads: int
) -> Generator[Result]:
    """What ``work`` makes of each thing, in their order; what it raises ends all, at the latest where they predict."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for thing in things:
                waiting.append(pool.submit(work, thing))
                if len(waiting) == AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            gate.shut.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
