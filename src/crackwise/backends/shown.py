"""Photographs that a model and its export are both shown: drawn ones, any folder's, or those of a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import fill_up

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item

__all__ = ["DRAWN_SIZES_PX", "FEWEST", "Picture", "Shown", "drawn", "drawn_photo", "labelled", "of_files"]

FEWEST = 20
"""Photographs that a parity is measured on, at least; missing ones are drawn."""
DRAWN_SIZES_PX = (
    (64, 64), (97, 161), (200, 133), (333, 517), (128, 128), (75, 150), (150, 75), (112, 112), (96, 127), (200, 60),
    (64, 192), (160, 120), (120, 160), (87, 87), (136, 151), (80, 50), (144, 144), (55, 111), (176, 100), (256, 256),
)  # fmt: skip
NOT_LABELLED = 255
WALLS = {
    "brick red": (203, 148, 138),
    "ochre": (198, 168, 123),
    "moss": (158, 188, 143),
    "bluish": (133, 163, 193),
}
"""Colours of drawn walls, RGB, all as bright: on grey ones a file that has taken red for blue says the same."""


class Picture(NamedTuple):
    """A photograph and, if it has one, its label."""

    pixels: NDArray[np.uint8]
    """RGB (h, w, 3)."""
    target: NDArray[np.uint8] | None
    """(k, h, w) of 0, 1 and 255 = not labelled."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Photographs, read when they are asked for."""

    name: str
    """Which they are, in words."""
    pictures: Sequence[Callable[[], Picture]]

    def __iter__(self) -> Iterator[Picture]:
        return (read() for read in self.pictures)

    def filled(self) -> Shown:
        """These, and so many drawn ones that there are enough."""
        missing = FEWEST - len(self.pictures)
        if missing <= 0:
            return self
        more = drawn(missing)
        name = f"{self.name}, {more.name}" if self.pictures else more.name
        return Shown(name, (*self.pictures, *more.pictures))


def drawn(count: int = FEWEST) -> Shown:
    """Walls with one crack each, of various sizes."""
    sizes = [DRAWN_SIZES_PX[number % len(DRAWN_SIZES_PX)] for number in range(count)]
    return Shown(f"{count} drawn", [drawing(size, seed) for seed, size in enumerate(sizes)])


def drawing(size_px: tuple[int, int], seed: int) -> Callable[[], Picture]:
    """Draws one of them."""
    return lambda: Picture(drawn_photo(*size_px, seed=seed), None)


def of_files(paths: Sequence[Path], name: str) -> Shown:
    """The photographs of these files, without labels."""

    def reading(path: Path) -> Callable[[], Picture]:
        return lambda: Picture(read_image(path), None)

    return Shown(f"{len(paths)} of {name}", [reading(path) for path in paths])


def labelled(items: Sequence[Item], name: str, classes: Sequence[str]) -> Shown:
    """The pictures of a set, with their labels for these classes."""
    from crackwise.data.folder import read_target

    def reading(item: Item) -> Callable[[], Picture]:
        def read() -> Picture:
            pixels = read_image(item.image)
            return Picture(pixels, read_target(item, pixels.shape[:2], classes))

        return read

    return Shown(f"{len(items)} of {name}", [reading(item) for item in items])


def cut_to(picture: Picture, size_px: tuple[int, int] | None) -> Picture:
    """The middle of a photograph at the size that a graph takes, a smaller one filled up; None: as it is."""
    if size_px is None:
        return picture
    height, width = picture.pixels.shape[:2]
    top, left = max(0, height - size_px[0]) // 2, max(0, width - size_px[1]) // 2
    window = slice(top, top + size_px[0]), slice(left, left + size_px[1])
    pixels = fill_up(picture.pixels[window], size_px)
    if picture.target is None:
        return Picture(pixels, None)
    target = np.full((len(picture.target), *size_px), NOT_LABELLED, np.uint8)
    part = picture.target[:, *window]
    target[:, : part.shape[1], : part.shape[2]] = part
    return Picture(pixels, target)


def drawn_photo(height_px: int, width_px: int, *, seed: int) -> NDArray[np.uint8]:
    """A grainy wall of one of the colours of `WALLS` with one dark wandering line, uint8 RGB (h, w, 3)."""
    rng = np.random.default_rng(seed)
    wall = rng.normal(0, 14, (height_px, width_px, 1)) + rng.normal(0, 4, (height_px, width_px, 3))
    wall += list(WALLS.values())[seed % len(WALLS)]
    rows = height_px / 2 + np.cumsum(rng.normal(0, 1.2, width_px))
    distance = np.abs(np.arange(height_px)[:, None] - rows[None, :])
    wall -= 110 * np.clip(2.5 - distance, 0, 1)[..., None]
    return np.clip(wall, 0, 255).astype(np.uint8)
