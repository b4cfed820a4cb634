"""Connections that a caller opens and then leaves hanging are closed; uvicorn itself would wait for ever."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PatientProtocol", "patient"]

LARGEST_READ = 32 * 1024
"""Bytes taken from a connection before others have their turn: of the smallest chunks, 20 ms of parsing."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a time for headers to arrive, for what is left of a refused body, and for an answer to be fetched.

    The time in which the application reads a body is the application's own affair.
    """

    timeout_s = 30.0
    most_connections = 1000
    deadline: asyncio.TimerHandle | None = None
    unfetched: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller is there."""
        super().connection_made(transport)
        transport.max_size = LARGEST_READ  # type: ignore[attr-defined]
        if len(self.connections) > self.most_connections:
            transport.abort()
        self.watch()

    def data_received(self, data: bytes) -> None:
        """Something came; a deadline that runs goes on, however much comes."""
        super().data_received(data)
        self.watch()

    def on_response_complete(self) -> None:
        """An answer is written."""
        super().on_response_complete()
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        super().connection_lost(exc)
        for timer in (self.deadline, self.unfetched):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """The caller does not fetch its answer as fast as it is written."""
        super().pause_writing()
        self.unfetched = self.loop.call_later(self.timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self.unfetched is not None:
            self.unfetched.cancel()

    def watch(self) -> None:
        """Start the deadline while the caller owes something, stop it while we do."""
        answering = self.cycle is not None and not self.cycle.response_complete
        resting = self.timeout_keep_alive_task is not None  # between requests uvicorn has a time of its own
        owes = not answering and not (resting and self.conn.their_state is h11.IDLE)
        if owes and self.deadline is None:
            self.deadline = self.loop.call_later(self.timeout_s, self.transport.abort)
        elif not owes and self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def patient(timeout_s: float) -> type[H11Protocol]:
    """The protocol with that much patience, as uvicorn wants it: a class."""
    return type("Patient", (PatientProtocol,), {"timeout_s": timeout_s})
