"""Other libraries kept from talking to our user, whichever thread they run in."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

__all__ = ["quietly", "without_warnings"]


class Silence:
    """How many are in it, and what it was like before the first came."""

    lock = threading.Lock()
    inside = 0
    before = warnings.catch_warnings()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Pass over warnings until all who asked for it are done.

    ``warnings.catch_warnings`` alone, entered by one thread and left by another, would leave them out for good.
    """
    with Silence.lock:
        if Silence.inside == 0:
            Silence.before = warnings.catch_warnings()
            Silence.before.__enter__()
            warnings.simplefilter("ignore")
        Silence.inside += 1
    try:
        yield
    finally:
        with Silence.lock:
            Silence.inside -= 1
            if Silence.inside == 0:
                Silence.before.__exit__(None, None, None)


@contextmanager
def quietly(*loggers: str) -> Iterator[None]:
    """Keep warnings of a library about its own insides from the user; its progress goes to the error stream."""
    before = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.ERROR)
        with without_warnings(), redirect_stdout(sys.stderr):
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
