"""How far a set's labels lie beside its cracks, and what an answer scores that is perfect but for that.

    python benchmarks/label_offset.py conglomerate_walls:train deepcrack:train --root ../shared/data

For every picture with at least 200 labelled pixels the step is found under which the middle line of the label lies on
the darkest pixels (`crackwise.evaluation.labels.alignment`, as in `crackwise data labels`). Prints mean, deviation and
median over the pictures of where the labels lie, right and down. Then what an answer scores that is perfect but for the
median step in whole pixels: pooled F1 within 2 and 5 px.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.data.folder import open_items, read_target
from crackwise.evaluation.labels.alignment import align, darkness_of
from crackwise.evaluation.labels.thickness import middle_lines
from crackwise.evaluation.metrics import SCORES
from crackwise.imaging.image import read_image
from crackwise.tally import Tally, tally

LEAST_PX = 200

Mask = NDArray[np.bool_]


def moved(label: Mask, right_px: int, down_px: int) -> Mask:
    """The label moved; what leaves on one side comes in on the other."""
    return np.roll(label, (down_px, right_px), axis=(0, 1))


def offset_of(pixels: NDArray[np.uint8], label: Mask) -> tuple[float, float]:
    """Where a label lies as seen from the crack, right and down, px."""
    lines = middle_lines(label)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    found = align([(darkness_of(grey, lines.width_px), lines.points)]).alignment
    return found.right_px, found.down_px


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
                offsets.append(offset_of(pixels, label))
        offset = np.array(offsets)
        right, down = (round(float(value)) for value in np.median(offset, axis=0))
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
