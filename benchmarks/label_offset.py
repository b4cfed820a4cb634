"""How far a set's labels lie beside its cracks: the step under which they cover the darkest pixels.

    python benchmarks/label_offset.py conglomerate_walls:train deepcrack:train --root ../shared/data

For every picture with at least 200 labelled pixels the label is moved by whole pixels, up to 6 each way, and the step
is kept at which the ground's light minus the picture's is largest on average (ground: Gaussian of 15 px, picture: of
0.8 px). Prints mean, deviation and median over the pictures of minus that step, right and down: where the labels lie.
Then what an answer scores that is perfect but for the median step: pooled F1 within 2 and 5 px.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.data.folder import open_items, read_target
from crackwise.evaluation.metrics import SCORES
from crackwise.imaging.image import read_image
from crackwise.tally import Tally, tally

REACH_PX = 6
LEAST_PX = 200
STEPS = list(product(range(-REACH_PX, REACH_PX + 1), repeat=2))

Mask = NDArray[np.bool_]


def moved(label: Mask, right_px: int, down_px: int) -> Mask:
    """The label moved; what leaves on one side comes in on the other."""
    return np.roll(label, (down_px, right_px), axis=(0, 1))


def best_step(pixels: NDArray[np.uint8], label: Mask) -> tuple[int, int]:
    """Right and down, px."""
    grey = pixels.mean(axis=2, dtype=np.float32)
    darkness = cv2.GaussianBlur(grey, (0, 0), 15) - cv2.GaussianBlur(grey, (0, 0), 0.8)
    return max(STEPS, key=lambda step: float(darkness[moved(label, *step)].mean()))


def main() -> None:
    """One line per set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET")
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    for reference in options.sets:
        labels, offsets = [], []
        for item in open_items(reference, options.root):
            pixels = read_image(item.image)
            label = read_target(item, pixels.shape[:2])[0] == 1
            if label.sum() >= LEAST_PX:
                labels.append(label)
                offsets.append(best_step(pixels, label))
        offset = -np.array(offsets)
        right, down = (int(value) for value in np.median(offset, axis=0))
        tallies = [tally(moved(label, -right, -down), label.astype(np.uint8)) for label in labels]
        total = Tally(*np.sum(tallies, axis=0))
        scores = ", ".join(f"{name} {float(SCORES[name].formula(total)):.3f}" for name in ("f1@2", "f1@5"))
        print(
            f"{reference}: {len(offset)} pictures, right and down {offset.mean(0).round(2)} px, "
            f"deviation {offset.std(0).round(2)}, median {right}, {down}; "
            f"a perfect answer beside it by the median: {scores}"
        )


if __name__ == "__main__":
    main()
