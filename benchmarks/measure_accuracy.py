"""Errors of measured widths and lengths on drawn cracks, by width and blur: the tables of docs/measurement.md.

    python benchmarks/measure_accuracy.py [CRACKS PER CELL]

Lines and arcs of any angle, area coverage by 64 samples per pixel, crack grey 35-75 on ground of 150-210 (unknown to
the program), noise of 0, 3, 6 and 10 grey levels in turn; the mask is the antialiased drawing, or 2.5 times too wide.
"""

from __future__ import annotations

import sys
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.measure import Crack, measure

SIZE, SUPERSAMPLES = 220, 8
WIDTHS_PX = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 8.0, 12.0, 20.0)
BLURS_PX = (0.0, 0.5, 0.8, 1.2, 2.0)
NOISES = (0, 3, 6, 10)
TOO_WIDE = 2.5


class Outcome(NamedTuple):
    """Errors of one drawn crack."""

    width_px: float
    covered: bool
    points_covered: float
    length: float


def coverage(width: float, number: int, rng: np.random.Generator) -> tuple[list[NDArray[np.float32]], float]:
    """The drawn crack, and the same drawn too wide, with the length of its centreline."""
    steps = (np.arange(SUPERSAMPLES) + 0.5) / SUPERSAMPLES - 0.5
    rows, columns = np.arange(SIZE)[:, None], np.arange(SIZE)[None]
    middle, angle = SIZE / 2 + rng.uniform(-3, 3, 2), rng.uniform(0, np.pi)
    length, radius = rng.uniform(120, 170), rng.uniform(60, 80)
    hits = [np.zeros((SIZE, SIZE), np.float32) for _ in range(2)]
    for down, right in product(steps, steps):
        y, x = rows + down - middle[0], columns + right - middle[1]
        if number % 2:
            aside = np.hypot(x, y) - radius
            within = np.abs(np.angle(np.exp(1j * (np.arctan2(y, x) - angle)))) <= length / radius / 2
        else:
            aside = y * np.cos(angle) - x * np.sin(angle)
            within = np.abs(x * np.cos(angle) + y * np.sin(angle)) <= length / 2
        for hit, factor in zip(hits, (1.0, TOO_WIDE), strict=True):
            hit += (np.abs(aside) <= factor * width / 2) & within
    return [hit / SUPERSAMPLES**2 for hit in hits], length


def photograph(covered: NDArray[np.float32], blur: float, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photograph of the drawn crack."""
    dark, ground = rng.uniform(35, 75), rng.uniform(150, 210)
    soft = cv2.GaussianBlur(covered, (0, 0), blur) if blur else covered
    grey = ground - (ground - dark) * soft + rng.normal(0, noise, covered.shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)


def outcome(cracks: tuple[Crack, ...], width: float, length: float) -> Outcome | None:
    """What was measured against what was drawn; None where it is not one crack."""
    if len(cracks) != 1:
        return None
    (crack,) = cracks
    error = crack.mean_width_px - width
    inside = np.abs(crack.widths_px - width) <= 1.96 * crack.width_sigmas_px
    share = float(inside[crack.counted].mean())
    return Outcome(error, abs(error) <= crack.width_uncertainty_px, share, crack.length_px / length - 1)


def cell(width: float, blur: float, count: int) -> dict[str, list[Outcome | None]]:
    """Outcomes of every way to measure, for cracks of one width and blur."""
    found: dict[str, list[Outcome | None]] = {"photo": [], "photo, wide mask": [], "mask": [], "binary mask": []}
    for number in range(count):
        rng = np.random.default_rng([number, int(10 * width), int(10 * blur)])
        (drawn, wide), length = coverage(width, number, rng)
        photo = photograph(drawn, blur, NOISES[number // 2 % len(NOISES)], rng)
        threshold = 0.5 if width > 1.2 else 0.3
        found["photo"].append(outcome(measure(photo, drawn, threshold=threshold), width, length))
        found["photo, wide mask"].append(outcome(measure(photo, wide >= 0.5), width, length))
        found["mask"].append(outcome(measure(None, drawn, threshold=threshold), width, length))
        found["binary mask"].append(outcome(measure(None, drawn >= 0.5), width, length))
    return found


def main() -> None:
    """Print the tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    cells = {(width, blur): cell(width, blur, count) for width, blur in product(WIDTHS_PX, BLURS_PX)}
    for way in ("photo", "photo, wide mask"):
        print(f"\n{way}: mean |error of the mean width|, px (share of 95 % intervals that cover)\n")
        print("| width, px | " + " | ".join(f"blur {blur}" for blur in BLURS_PX) + " |")
        print("|---" * (len(BLURS_PX) + 1) + "|")
        for width in WIDTHS_PX:
            texts = []
            for blur in BLURS_PX:
                good = [row for row in cells[width, blur][way] if row is not None]
                error, covered = np.mean([abs(row.width_px) for row in good]), np.mean([row.covered for row in good])
                texts.append(f"{error:.3f} ({100 * covered:.0f} %)")
            print(f"| {width} | " + " | ".join(texts) + " |")
    print(
        "\n| way | mean width error, px | intervals cover | points cover | length error, mean / worst | not one crack |"
    )
    print("|---|---|---|---|---|---|")
    for way in ("photo", "photo, wide mask", "mask", "binary mask"):
        rows = [row for found in cells.values() for row in found[way]]
        good = [row for row in rows if row is not None]
        lengths = [abs(row.length) for row in good]
        print(
            f"| {way} | {np.mean([abs(row.width_px) for row in good]):.3f} "
            f"| {100 * np.mean([row.covered for row in good]):.1f} % "
            f"| {100 * np.mean([row.points_covered for row in good]):.1f} % "
            f"| {100 * np.mean(lengths):.2f} % / {100 * np.max(lengths):.1f} % "
            f"| {len(rows) - len(good)} of {len(rows)} |"
        )


if __name__ == "__main__":
    main()
