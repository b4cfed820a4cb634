"""CPU time of measuring a 12-megapixel photograph of cracks, beside that of predicting it.

    python benchmarks/measure.py [MODEL.onnx]

Draws 4000 x 3000 px with about 1.5 % crack pixels. Prints CPU seconds, best of the rounds, one thread, both kinds of
work in turns so that a busy machine slows them alike; with a model, also their ratio (target: at most 0.25).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.measure import measure

SHAPE = (3000, 4000)
CRACKS, STEPS, STEP_PX, WIDTH_PX = 45, 20, 30.0, 5
ROUNDS = 3
THREADS = 1


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A photograph and the map of its wandering cracks."""
    mask = np.zeros(SHAPE, np.uint8)
    for _ in range(CRACKS):
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, STEPS))
        steps = STEP_PX * np.column_stack((np.cos(turns), np.sin(turns)))
        line = rng.uniform((0, 0), SHAPE[::-1]) + np.cumsum(steps, axis=0)
        cv2.polylines(
            mask, [line.astype(np.int32)], isClosed=False, color=255, thickness=WIDTH_PX, lineType=cv2.LINE_AA
        )
    plane = mask.astype(np.float32) / 255
    grey = 180 - 120 * cv2.GaussianBlur(plane, (0, 0), 0.8) + rng.normal(0, 4, SHAPE)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), plane


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(THREADS)
    photo, plane = draw(np.random.default_rng(0))
    print(
        f"12 megapixels, {100 * float((plane >= 0.5).mean()):.1f} % crack pixels, {len(measure(None, plane))} branches"
    )
    works: dict[str, Callable[[], object]] = {
        "measure, with photograph": lambda: measure(photo, plane),
        "measure, map alone": lambda: measure(None, plane),
        "measure, nothing there": lambda: measure(photo, np.zeros_like(plane)),
    }
    if len(sys.argv) > 1:
        from crackwise.backends.onnx import load
        from crackwise.imaging.tiles import predict_tiled

        predictor = load(Path(sys.argv[1]), threads=THREADS)
        works["predict"] = lambda: predict_tiled(predictor, photo)
    seconds = {name: min(times) for name, times in zip(works, zip(*rounds(works), strict=True), strict=True)}
    for name, best in seconds.items():
        share = f"  {best / seconds['predict']:.2f} of predicting" if "predict" in seconds else ""
        print(f"{name:26s} {best:6.3f} s{share}")


def rounds(works: dict[str, Callable[[], object]]) -> list[list[float]]:
    """CPU times of every work, in turns."""
    return [[cpu_seconds(work) for work in works.values()] for _ in range(ROUNDS)]


if __name__ == "__main__":
    main()
