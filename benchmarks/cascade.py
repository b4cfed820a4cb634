"""What a screen in front of a segmenter saves and what it costs, against segmenting everything.

    python benchmarks/cascade.py SCREEN SEGMENTER conglomerate_walls:test noncrack_walls:test --root ../shared/data \
        [--screen-threshold 0.1 --screen-threshold 0.5] [--part-px 128] [--json]

SCREEN and SEGMENTER are run folders, .onnx files or ``packaged``. Every picture is predicted in turns by the segmenter
alone (``everything``) and by the cascade at every threshold (default: the card's), so that a busy machine slows all
alike. Printed per set and way:

    area        share of it that was segmented
    seconds     of prediction, as a multiple of ``everything``
    px lost     share of the crack pixels of ``everything`` that this way does not find
    length lost share of their centreline that lies more than 2 px from anything this way finds
    IoU, F1@2   pooled, against the labels
    alarms      share of the crack-free pictures with a component of 50 px or more

Choose the threshold on validation pictures, never on these.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from crackwise.backends import load_predictor
from crackwise.cascade import Cascade
from crackwise.data.folder import Item, open_items
from crackwise.data.masks import read_mask
from crackwise.evaluation.metrics import SCORES
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard, Predictor
from crackwise.tally import Tally, tally, within

EVERYTHING = "everything"
NEAR_PX = 2
COLUMNS = ("set", "way", "area", "seconds", "px lost", "length lost", "IoU", "F1@2", "alarms")

Mask = NDArray[np.bool_]


class InParts:
    """A screen that is shown parts of another size than its tiles."""

    def __init__(self, predictor: Predictor, tile_px: int) -> None:
        self.predictor = predictor
        self.card: ModelCard = predictor.card.model_copy(update={"tile_px": tile_px})
        self.sha256, self.runtime, self.precision = predictor.sha256, predictor.runtime, predictor.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """The predictor's answer."""
        return self.predictor(pixels)


@dataclass
class Sums:
    """What one way did on the pictures of a set."""

    seconds: float = 0.0
    tallies: list[Tally] = field(default_factory=list)
    px: int = 0
    px_lost: int = 0
    line_px: int = 0
    line_px_lost: int = 0

    def add(self, mask: Mask, everything: Mask, target: NDArray[np.uint8]) -> None:
        """Count one picture."""
        line = skeletonize(everything)
        self.tallies.append(tally(mask, target))
        self.px += int(everything.sum())
        self.px_lost += int((everything & ~mask).sum())
        self.line_px += int(line.sum())
        self.line_px_lost += int((line & ~within(mask, NEAR_PX)).sum())

    def row(self, everything: Sums, area: float) -> dict[str, float | None]:
        """The printed numbers; None where undefined."""
        total = Tally(*np.sum(self.tallies, axis=0))
        scores = [float(SCORES[name].formula(total)) for name in ("pooled_crack_iou", "f1@2", "false_alarm_share_50px")]
        lost = [part / whole if whole else np.nan for part, whole in ((self.px_lost, self.px), self.lines())]
        numbers = (area, self.seconds / everything.seconds, *lost, *scores)
        return {name: None if np.isnan(n) else round(n, 4) for name, n in zip(COLUMNS[2:], numbers, strict=True)}

    def lines(self) -> tuple[int, int]:
        """Lost pixels of the centreline, and all."""
        return self.line_px_lost, self.line_px


def run(items: Sequence[Item], ways: Mapping[str, Predictor], class_name: str) -> dict[str, dict[str, float | None]]:
    """Every way on every picture, in turns; the first picture once before, unmeasured."""
    sums = {name: Sums() for name in ways}
    for way in ways.values():
        predict_tiled(way, read_image(items[0].image))
    ways = {name: way.afresh() if isinstance(way, Cascade) else way for name, way in ways.items()}
    for item in items:
        pixels = read_image(item.image)
        target = read_mask(item.mask, pixels.shape[:2], (class_name,))[0]
        masks = {}
        for name, way in ways.items():
            start = time.perf_counter()
            maps = predict_tiled(way, pixels)
            sums[name].seconds += time.perf_counter() - start
            masks[name] = maps[way.card.classes.index(class_name)] >= way.card.threshold
        for name, mask in masks.items():
            sums[name].add(mask, masks[EVERYTHING], target)
    return {name: sums[name].row(sums[EVERYTHING], share_of_area(way)) for name, way in ways.items()}


def share_of_area(way: Predictor) -> float:
    """How much of it was segmented."""
    return way.triage.share if isinstance(way, Cascade) else 1.0


def main() -> None:
    """A row per set and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screen")
    parser.add_argument("segmenter")
    parser.add_argument("sets", nargs="+", metavar="SET")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--screen-threshold", type=float, action="append", help="repeatable; default: the card's")
    parser.add_argument("--part-px", type=int, help="instead of the side of the screen's tiles")
    parser.add_argument("--class", dest="class_name", default="crack")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    screen, segmenter = (load_predictor(name, threads=options.threads) for name in (options.screen, options.segmenter))
    screen = InParts(screen, options.part_px or screen.card.tile_px)
    ways: dict[str, Predictor] = {EVERYTHING: segmenter}
    for level in options.screen_threshold or [screen.card.threshold]:
        ways[f"cascade at {level:g}"] = Cascade(screen, segmenter, level)
    rows = [
        {"set": reference, "way": way} | numbers
        for reference in options.sets
        for way, numbers in run(open_items(reference, options.root), ways, options.class_name).items()
    ]
    print(json.dumps(rows, indent=2) if options.json else table(rows))


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Markdown."""
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    for row in rows:
        lines.append(" | ".join("-" if (cell := row[name]) is None else f"{cell}" for name in COLUMNS))
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    main()
