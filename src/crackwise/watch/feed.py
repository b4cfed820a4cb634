"""Pictures numbered as they come, over every interruption; of live ones the newest wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Condition, Event, Thread

from crackwise.errors import StreamError
from crackwise.watch.arrival import Arrival, Counts
from crackwise.watch.sources.table import Source

__all__ = ["arrivals"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Between attempts to find a lost stream again; each pause is twice the one before."""
CLOSING_S = 2.0

Say = Callable[[str], None]


def arrivals(source: Source, stop: Event, counts: Counts, say: Say) -> Iterator[Arrival]:
    """The pictures of a source until ``stop`` is set or there are no more; who leaves a live one sets it.

    A live stream that is lost is looked for again for as long as it takes, and ``say`` hears of it; one that was never
    there is an error.

    Raises:
        StreamError: there is nothing, or a source that is not live cannot be read any further.
    """
    feed = numbered(source, stop, counts, say)
    return newest(feed, stop, counts) if source.live else feed


def numbered(source: Source, stop: Event, counts: Counts, say: Say) -> Iterator[Arrival]:
    """Every picture that comes."""
    pause_s = FIRST_PAUSE_S
    seen = False
    lost_at: float | None = None
    while not stop.is_set():
        reason = f"{source.name} sends nothing any more."
        try:
            with closing(source.open(stop)) as shots:  # type: ignore[type-var]  # all are generators
                for shot in shots:
                    counts.arrived += 1
                    if lost_at is not None:
                        counts.reconnects += 1
                        say(f"{source.name} is back after {time.monotonic() - lost_at:.0f} s.")
                    pause_s, seen, lost_at = FIRST_PAUSE_S, True, None
                    if shot is not None:
                        yield Arrival(counts.arrived, time.time(), shot)
        except StreamError as error:
            if not (seen and source.live):
                raise
            reason = str(error)
        if not source.live or stop.is_set():
            return
        if not seen:
            raise StreamError(f"{source.name} ended before its first picture.")
        if lost_at is None:
            lost_at = time.monotonic()
        say(f"{reason} Trying again in {pause_s:g} s.")
        stop.wait(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class Slot:
    """Holds the newest of what is put into it."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.held: Arrival | None = None
        self.closed = False
        self.error: BaseException | None = None

    def put(self, arrival: Arrival) -> bool:
        """Put it in; whether another had to go for it."""
        with self.changed:
            replaced = self.held is not None
            self.held = arrival
            self.changed.notify()
        return replaced

    def close(self, error: BaseException | None = None) -> None:
        """Nothing will come any more."""
        with self.changed:
            self.closed, self.error = True, error
            self.changed.notify()

    def take(self, timeout_s: float) -> Arrival | None:
        """What is in it, as soon as there is something; None after the time."""
        with self.changed:
            self.changed.wait_for(lambda: self.held is not None or self.closed, timeout_s)
            taken, self.held = self.held, None
        return taken


def newest(feed: Iterator[Arrival], stop: Event, counts: Counts, *, wake_s: float = 0.2) -> Iterator[Arrival]:
    """What a feed brings, read beside the work on it: what comes meanwhile waits in a queue of one, or is dropped."""
    slot = Slot()

    def fill() -> None:
        try:
            for arrival in feed:
                counts.dropped += slot.put(arrival)
        except BaseException as error:  # noqa: BLE001  raised again where the pictures are taken
            slot.close(error)
        else:
            slot.close()

    reader = Thread(target=fill, name="crackwise-feed", daemon=True)
    reader.start()
    try:
        while not stop.is_set():
            arrival = slot.take(wake_s)
            if arrival is not None:
                yield arrival
            elif slot.closed:
                if slot.error is not None:
                    raise slot.error
                return
    finally:
        stop.set()  # who leaves ends the reading too
        reader.join(CLOSING_S)
