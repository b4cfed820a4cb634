"""A service whose model waits while a file is there: ``python slow_service.py MODEL --hold=FILE --workers=2 ...``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.backends import load_predictor
from crackwise.serve import Settings
from crackwise.serve.server import serve


class Held:
    """A predictor that does not answer as long as a file is there."""

    def __init__(self, source: str, hold: Path) -> None:
        self.inner = load_predictor(source, threads=1)
        self.hold = hold
        self.card, self.sha256 = self.inner.card, self.inner.sha256
        self.runtime, self.precision = self.inner.runtime, self.inner.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        while self.hold.exists():
            time.sleep(0.01)
        return self.inner(pixels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--hold", type=Path, default=Path("/nowhere"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--per-caller", type=int)
    parser.add_argument("--timeout", type=float, default=5.0)
    parser.add_argument("--body", type=float, default=1.0)
    given = parser.parse_args()
    settings = Settings(
        workers=given.workers, queue=given.queue, per_caller=given.per_caller, timeout_s=given.timeout,
        max_body_mib=given.body,
    )  # fmt: skip
    serve(Held(given.model, given.hold), settings, host="127.0.0.1", port=0)
