"""Requests to end, told from their echoes."""

from __future__ import annotations

import time

__all__ = ["Ending"]

ECHO_S = 0.5
"""``timeout``, ``uv run`` and terminals signal a command and its whole group: the same request comes twice at once."""


class Ending:
    """Whether a program has been asked to end, and whether that was said again."""

    def __init__(self) -> None:
        self.asked_s: float | None = None

    def insisted(self) -> bool:
        """Called at each signal: whether it is more than the echo of the first."""
        now_s = time.monotonic()
        if self.asked_s is None:
            self.asked_s = now_s
        return now_s - self.asked_s > ECHO_S

    def hear_out(self) -> None:
        """Wait until no echo can come any more, before the handlers of signals are those of before."""
        time.sleep(self.left_s)

    @property
    def left_s(self) -> float:
        """How long an echo may still come."""
        return 0.0 if self.asked_s is None else max(0.0, self.asked_s + ECHO_S - time.monotonic())
