"""What a model takes of the memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from crackwise.backends.shown import drawn_photo
from crackwise.errors import ModelError, without_secrets
from crackwise.speed.subject import Subject, open_subject

__all__ = ["peak_growth_mib"]

PREDICTIONS = 3
PEAK, NOW = "VmHWM", "VmRSS"
RESET_PEAK = Path("/proc/self/clear_refs")


def peak_growth_mib(subject: Subject, *, side_px: int, threads: int) -> float | None:
    """How much a process grows at most by opening a model and predicting a picture a few times, MiB.

    The libraries of its runtime are part of it. None where the system does not tell: only Linux does.

    Raises:
        ModelError: the process failed.
    """
    if not Path("/proc/self/status").is_file():
        return None
    task = json.dumps({"subject": asdict(subject), "side_px": side_px, "threads": threads})
    done = subprocess.run(
        [sys.executable, "-m", "crackwise.speed.memory", task], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise ModelError(f"{without_secrets(subject.model)!r} failed in a process of its own: {last}")
    return round(float(done.stdout), 1)


def kib(name: str) -> int:
    """A line of what Linux says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(task: str) -> None:
    """Print the growth of this process, MiB."""
    asked = json.loads(task)
    pixels = drawn_photo(asked["side_px"], asked["side_px"], seed=0)
    RESET_PEAK.write_text("5", encoding="ascii")
    before = kib(NOW)
    predictor = open_subject(Subject(**asked["subject"]), threads=asked["threads"])
    for _ in range(PREDICTIONS):
        predictor(pixels)
    sys.stdout.write(f"{(kib(PEAK) - before) / 1024}\n")


if __name__ == "__main__":
    main(sys.argv[1])
