"""Predict with ONNX Runtime from one file that holds everything: preprocessing, network, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.exported import CARD_KEY, REFUSALS, open_exported
from crackwise.predictor import ModelCard

__all__ = ["CARD_KEY", "OnnxPredictor", "load"]


class OnnxPredictor:
    """An exported model behind the `Predictor` protocol, on the CPU."""

    runtime = "onnxruntime"
    precision = "f32"

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard, sha256: str) -> None:
        self.session = session
        self.card = card
        self.sha256 = sha256

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w).

        Raises:
            ModelError: the graph fails, or returns something other than finite maps of the picture's size.
        """
        try:
            (maps,) = self.session.run(["probabilities"], {"image": pixels})
        except REFUSALS as error:
            raise ModelError(f"The model {self.card.name} failed on a {shape_text(pixels)} picture: {error}") from error
        expected = (len(self.card.classes), *pixels.shape[:2])
        if maps.shape != expected or not np.isfinite(maps.sum(dtype=np.float64)):
            raise ModelError(
                f"The model {self.card.name} returned {maps.shape} where finite numbers of {expected} were expected. "
                "Export it again."
            )
        return np.asarray(maps, dtype=np.float32)


def load(source: str | Path, *, threads: int | None = None, prompts: Sequence[str] = ()) -> OnnxPredictor:
    """The predictor of an ``.onnx`` file that ``crackwise export`` wrote.

    Raises:
        ModelError: unreadable, damaged, without a card, or asked for ``prompts``.
    """
    path = Path(source)
    if prompts:
        raise ModelError(
            f"{str(path)!r} takes no prompts: an exported file knows its own classes. Pass the run folder of a network "
            "that reads (clipseg)."
        )
    return OnnxPredictor(*open_exported(path, threads=threads))


def shape_text(pixels: NDArray[np.uint8]) -> str:
    """``"640x480"``, width first."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
