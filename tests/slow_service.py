"""A service whose model takes its time: ``python slow_service.py MODEL --seconds=0.3 --workers=2 ...``."""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from crackwise.backends import load_predictor
from crackwise.serve import Settings
from crackwise.serve.server import serve


class Slow:
    """A predictor that sleeps before it answers, unless the picture is tiny: that is the one it warms up with."""

    def __init__(self, source: str, seconds: float) -> None:
        self.inner = load_predictor(source, threads=1)
        self.seconds = seconds
        self.card, self.sha256 = self.inner.card, self.inner.sha256
        self.runtime, self.precision = self.inner.runtime, self.inner.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        if pixels.size > 64 * 64 * 3:
            time.sleep(self.seconds)
        return self.inner(pixels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=5.0)
    parser.add_argument("--body", type=float, default=1.0)
    given = parser.parse_args()
    settings = Settings(workers=given.workers, queue=given.queue, timeout_s=given.timeout, max_body_mib=given.body)
    serve(Slow(given.model, given.seconds), settings, host="127.0.0.1", port=0)
