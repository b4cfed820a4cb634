"""What every family of scores costs, in CPU-seconds a picture: ``python benchmarks/protocols.py [SET --root DATA]``.

Without a set on drawn cracks of 448 x 448 px; with one on its labels, blurred and noisy for predictions. Prints each
family, its ratio to the plain masks, and what 500 pictures take.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from crackwise.data.folder import open_items
from crackwise.data.masks import read_mask
from crackwise.evaluation.answers.view import Viewed
from crackwise.evaluation.evaluate import CORES, count
from crackwise.evaluation.metrics import FAMILIES
from crackwise.evaluation.pictures import Verdict
from crackwise.evaluation.protocols.answer import Answer
from crackwise.imaging.image import read_image

SIDE_PX = 448
NO_PHOTOGRAPH = np.zeros((1, 1, 3), np.uint8)


def main() -> None:
    """Time every family on the same pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pictures", type=int, default=20)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    truths = labels(given.data, given.root, given.pictures) if given.data else drawn(given.pictures)
    answers = [answer(truth, seed) for seed, truth in enumerate(truths)]
    size = np.mean([each.target.size for each in answers]) / 1e6
    print(f"{len(answers)} pictures of {size:.2f} megapixel; CPU-milliseconds a picture:")
    costs = {name: cost(name, answers) for name in FAMILIES}
    for name, seconds in costs.items():
        print(f"{name:14} {1000 * seconds:7.1f}   {seconds / costs['mask']:5.1f} x mask")
    pictures = [Viewed(NO_PHOTOGRAPH, a.target, a.probability, a.predicted, Verdict(1, 1)) for a in answers]
    started, wall = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:  # as `evaluate_each` does
        list(pool.map(partial(count, families=tuple(FAMILIES)), pictures))
    together, wall = (time.process_time() - started) / len(answers), (time.perf_counter() - wall) / len(answers)
    print(f"{'all together':14} {1000 * together:7.1f}   {together / costs['mask']:5.1f} x mask")
    print(f"500 pictures: {500 * together:.0f} CPU-s; here and now {500 * wall:.0f} s on {CORES} cores")


def cost(name: str, answers: list[Answer]) -> float:
    """CPU-seconds a picture of one family alone."""
    FAMILIES[name](afresh(answers[0]))
    fresh = [afresh(each) for each in answers]
    started = time.process_time()
    for each in fresh:
        FAMILIES[name](each)
    return (time.process_time() - started) / len(answers)


def afresh(each: Answer) -> Answer:
    """The same, with nothing worked out yet."""
    return Answer(each.probability, each.predicted, each.target)


def answer(truth: np.ndarray, seed: int) -> Answer:
    """A label (h, w) with a prediction that has soft rims, gaps and false spots, as a network's."""
    rng = np.random.default_rng(seed)
    blur = rng.uniform(1, 2)
    noise = gaussian_filter(rng.normal(size=truth.shape), 6)
    logits = 12 * (gaussian_filter(truth.astype(np.float32), blur) - 0.45) + 1.2 * noise / noise.std()
    probability = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return Answer(probability, probability >= 0.5, truth.astype(np.uint8))


def drawn(count: int) -> Iterator[np.ndarray]:
    """Labels of one to three branching cracks, 1 to 15 px wide."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        canvas = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        for _ in range(rng.integers(1, 4)):
            start = np.array((0.0, rng.uniform(0, SIDE_PX)))
            steps = start + np.cumsum(rng.normal((6, 0), 4, (90, 2)), axis=0)
            path = steps if rng.random() < 0.5 else steps[:, ::-1]
            cv2.polylines(canvas, [path.astype(np.int32)], False, 1, thickness=int(rng.integers(1, 16)))
        yield canvas > 0


def labels(reference: str, root: Path | None, count: int) -> Iterator[np.ndarray]:
    """Labels of a set, evenly spread over it."""
    items = open_items(reference, root)
    for item in items[:: max(1, len(items) // count)][:count]:
        yield read_mask(item.mask, read_image(item.image).shape[:2], ("crack",))[0] == 1


if __name__ == "__main__":
    main()
