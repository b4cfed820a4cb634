"""Corruptions that move what is on a photograph: the label moves with it, and is silent beyond its old frame."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from crackwise.evaluation.corruptions.row import Matrix, Noise, Pixels
from crackwise.tally import NOT_LABELLED

__all__ = ["GEOMETRY", "moved_label", "rotation", "tilt"]


def rotation(shape: tuple[int, int], degrees: float, rng: np.random.Generator) -> Matrix:
    """About the middle of the picture, to the left or to the right."""
    angle = np.deg2rad(degrees if rng.random() < 0.5 else -degrees)
    return about_the_middle(shape, turn(angle))


def tilt(shape: tuple[int, int], degrees: float, rng: np.random.Generator) -> Matrix:
    """A flat wall seen aslant, about an axis of any direction; the middle stays where it is and as large as it is.

    The camera is as far away as the picture's longer side is long, which is a field of view of 53 degrees along it.
    """
    direction, slant = turn(rng.uniform(0, 2 * np.pi)), np.deg2rad(degrees)
    far = np.diag([np.cos(slant), 1.0, 1.0])
    far[2, 0] = np.sin(slant) / max(shape)
    return about_the_middle(shape, direction @ far @ direction.T)


def turn(angle: float) -> Matrix:
    """The matrix (3, 3) that turns by an angle in radians."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def about_the_middle(shape: tuple[int, int], matrix: Matrix) -> Matrix:
    """The same with the origin in the middle of a picture (h, w) instead of in its first pixel."""
    there = np.array([[1, 0, (shape[1] - 1) / 2], [0, 1, (shape[0] - 1) / 2], [0, 0, 1]])
    return there @ matrix @ np.linalg.inv(there)


def moved_label(target: Pixels, matrix: Matrix) -> Pixels:
    """A label (h, w) moved, nearest neighbour; 255 = not labelled where nothing of it comes to lie."""
    size = target.shape[1], target.shape[0]
    moved = cv2.warpPerspective(target, matrix, size, flags=cv2.INTER_NEAREST, borderValue=NOT_LABELLED)
    return np.asarray(moved, np.uint8)


def moved_by(
    warp: Callable[[tuple[int, int], float, np.random.Generator], Matrix],
) -> Callable[[Pixels, float, np.random.Generator], Pixels]:
    """The photograph moved by a warp, linear between pixels; beyond its border it is mirrored."""

    def move(pixels: Pixels, level: float, rng: np.random.Generator) -> Pixels:
        h, w = pixels.shape[:2]
        matrix = warp((h, w), level, rng)
        moved = cv2.warpPerspective(pixels, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(moved, np.uint8)

    return move


GEOMETRY: dict[str, Noise] = {
    "rotation": Noise(
        moved_by(rotation),
        {1: 5, 2: 10, 3: 20, 4: 30, 5: 45},
        "degrees",
        "geometry",
        "turned about the middle, left or right; mirrored, and not scored, where no photograph was",
        rotation,
    ),
    "perspective": Noise(
        moved_by(tilt),
        {1: 10, 2: 20, 3: 30, 4: 40, 5: 50},
        "degrees",
        "geometry",
        "the wall seen aslant, about an axis of any direction, by a camera of 53 degrees; mirrored, and not scored, "
        "where no photograph was",
        tilt,
    ),
}
