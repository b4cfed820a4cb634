"""What a screen in front of a segmenter saves and what it costs, against segmenting everything.

    python benchmarks/cascade.py SCREEN SEGMENTER conglomerate_walls:test noncrack_walls:test --root ../shared/data \
        [--screen-threshold 0.1 --screen-threshold 0.5] [--part-px 128] [--large 6 --cracked 3] [--json]

SCREEN and SEGMENTER are run folders, .onnx files or ``packaged``. Every picture is predicted in turns by the segmenter
alone (``everything``) and by the cascade at every threshold (default: the card's), so that a busy machine slows all
alike. Printed per set and way:

    area        share of it that was segmented
    seconds     of prediction, as a multiple of ``everything``
    px lost     share of the crack pixels of ``everything`` that this way does not find
    length lost share of their centreline that lies more than 2 px from anything this way finds
    IoU, F1@2   pooled, against the labels
    alarms      share of the crack-free pictures with a component of 50 px or more

``--large N``: instead of the sets, N walls of 4000 x 3000 px, laid out of 448 px of their pictures side by side, of
which ``--cracked`` show a crack (drawn with seed 0). Choose the threshold on validation pictures, never on these.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

WALL_PX, STONE_PX = (3000, 4000), 448

Mask = NDArray[np.bool_]
Labelled = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Pixels (h, w, 3) and target (h, w)."""


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


def read(items: Sequence[Item], class_name: str) -> Iterator[Labelled]:
    """Pictures one by one."""
    for item in items:
        pixels = read_image(item.image)
        yield pixels, read_mask(item.mask, pixels.shape[:2], (class_name,))[0]


def walls(items: Sequence[Item], class_name: str, count: int, cracked: int) -> Iterator[Labelled]:
    """Large pictures of many small ones, so many of which show a crack."""
    rng = np.random.default_rng(0)
    stones = [
        (pixels[:STONE_PX, :STONE_PX], target[:STONE_PX, :STONE_PX]) for pixels, target in read(items, class_name)
    ]
    with_crack = [n for n, (_, target) in enumerate(stones) if (target == 1).any()]
    without = [n for n in range(len(stones)) if n not in with_crack]
    down, across = (-(-side // STONE_PX) for side in WALL_PX)
    for _ in range(count):
        chosen = np.append(rng.choice(with_crack, cracked), rng.choice(without, down * across - cracked))
        rows = rng.permutation(chosen).reshape(down, across)
        pixels, target = (
            np.vstack([np.hstack([stones[n][part] for n in row]) for row in rows])[: WALL_PX[0], : WALL_PX[1]]
            for part in (0, 1)
        )
        yield np.ascontiguousarray(pixels), target


def run(
    pictures: Iterable[Labelled], ways: Mapping[str, Predictor], class_name: str
) -> dict[str, dict[str, float | None]]:
    """Every way on every picture, in turns; the first picture once before, unmeasured."""
    sums = {name: Sums() for name in ways}
    first, *_ = pictures = list(pictures)
    for way in ways.values():
        predict_tiled(way, first[0])
    ways = {name: way.afresh() if isinstance(way, Cascade) else way for name, way in ways.items()}
    for pixels, target in pictures:
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
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--cracked", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    screen, segmenter = (load_predictor(name, threads=options.threads) for name in (options.screen, options.segmenter))
    screen = InParts(screen, options.part_px or screen.card.tile_px)
    ways: dict[str, Predictor] = {EVERYTHING: segmenter}
    for level in options.screen_threshold or [screen.card.threshold]:
        ways[f"cascade at {level:g}"] = Cascade(screen, segmenter, level)
    sets = {reference: open_items(reference, options.root) for reference in options.sets}
    shown = {reference: read(items, options.class_name) for reference, items in sets.items()}
    if options.large:
        together = [item for items in sets.values() for item in items]
        shown = {f"{options.large} walls": walls(together, options.class_name, options.large, options.cracked)}
    rows = [
        {"set": name, "way": way} | numbers
        for name, pictures in shown.items()
        for way, numbers in run(pictures, ways, options.class_name).items()
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
