"""An exported graph behind the `Predictor` protocol, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.exported import REFUSALS
from crackwise.imaging.tiles import fill_up, predict_tiled
from crackwise.predictor import ModelCard

__all__ = ["GraphPredictor", "PictureToMaps", "one_for_each_caller", "refuse_prompts"]

PictureToMaps = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class GraphPredictor:
    """A model file that was opened, and what is known of it."""

    def __init__(self, run: PictureToMaps, card: ModelCard, sha256: str, *, runtime: str, precision: str) -> None:
        self.run = run
        """The graph itself: uint8 (h, w, 3) of a size it takes to float32 (k, h, w); safe to call from many threads."""
        self.card = card
        self.sha256 = sha256
        self.runtime = runtime
        self.precision = precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w).

        Where the graph takes one size only, a smaller picture is filled up and a larger one cut into tiles.

        Raises:
            ModelError: the graph fails, or returns something other than finite maps of the picture's size.
        """
        height, width = pixels.shape[:2]
        fixed = self.card.fixed_px
        if fixed is None or fixed == (height, width):
            return self.checked(pixels)
        if height > fixed[0] or width > fixed[1]:
            return predict_tiled(self, pixels)
        return np.ascontiguousarray(self.checked(fill_up(pixels, fixed))[:, :height, :width])

    def checked(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the graph says of a picture of a size that it takes."""
        try:
            maps = self.run(pixels)
        except REFUSALS as error:
            raise ModelError(f"The model {self.card.name} failed on a {shape_text(pixels)} picture: {error}") from error
        expected = (len(self.card.classes), *pixels.shape[:2])
        if maps.shape != expected or not np.isfinite(maps.sum(dtype=np.float64)):
            raise ModelError(
                f"The model {self.card.name} returned {maps.shape} where finite numbers of {expected} were expected. "
                "Export it again."
            )
        return np.asarray(maps, dtype=np.float32)


def one_for_each_caller(first: PictureToMaps, copy: Callable[[], PictureToMaps]) -> PictureToMaps:
    """The function that a graph is; as many copies of it are made as were ever asked at the same time."""
    idle = [first]

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            own = idle.pop()
        except IndexError:
            own = copy()
        try:
            return own(pixels)
        finally:
            idle.append(own)

    return run


def refuse_prompts(prompts: Sequence[str], path: Path) -> None:
    """An exported file cannot be asked for other classes.

    Raises:
        ModelError: it was.
    """
    if prompts:
        raise ModelError(
            f"{str(path)!r} takes no prompts: an exported file knows its own classes. Pass the run folder of a network "
            "that reads (clipseg)."
        )


def shape_text(pixels: NDArray[np.uint8]) -> str:
    """``"640x480"``, width first."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
