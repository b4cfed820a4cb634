"""Models timed side by side, from their names to a record."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from crackwise.backends.shown import drawn_photo
from crackwise.errors import without_secrets
from crackwise.speed.clock import time_in_turns
from crackwise.speed.machine import describe_machine, load_average
from crackwise.speed.memory import peak_growth_mib
from crackwise.speed.record import Asked, record_of
from crackwise.speed.subject import open_subject, subjects_of

__all__ = ["benchmark"]


def benchmark(
    models: Sequence[str],
    *,
    runtimes: Sequence[str] = (),
    size_px: int = 448,
    threads: int = 1,
    rounds: int = 5,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time models on one drawn picture of ``size_px`` squared, in turns; ``say`` hears what is being done.

    Raises:
        ModelError: a model cannot be used, or is run by none of ``runtimes``.
        MissingExtraError: a runtime is not installed.
    """
    subjects = subjects_of(models, runtimes)
    cores = os.cpu_count() or 1
    asked = Asked(size_px, threads, max(cores // threads, 1), rounds)
    predictors = [open_subject(subject, threads=threads) for subject in subjects]
    grown_mib = []
    for subject in subjects:
        say(f"memory of {without_secrets(subject.model)}")
        grown_mib.append(peak_growth_mib(subject, side_px=size_px, threads=threads))
    say(f"{rounds} rounds of {len(predictors)} models")
    before = load_average()
    timings = time_in_turns(predictors, drawn_photo(size_px, size_px, seed=0), rounds=rounds, callers=asked.callers)
    load = {"load_before": before, "load_after": load_average(), "busy": before > BUSY * cores}
    return record_of(predictors, timings, grown_mib, asked, describe_machine() | load)


BUSY = 0.5
"""Processes that want each core before anything is timed, from which on a machine is called busy."""
