"""Predict with ONNX Runtime from one file that holds everything: preprocessing, network, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.backends.graph import GraphPredictor, refuse_prompts
from crackwise.exported import CARD_KEY, open_exported

__all__ = ["CARD_KEY", "load"]

PRECISIONS = {"f32": "f32", "f16": "f32, weights f16"}
"""What was asked for in export to what the arithmetic is."""


def load(source: str | Path, *, threads: int | None = None, prompts: Sequence[str] = ()) -> GraphPredictor:
    """The predictor of an ``.onnx`` file that ``crackwise export`` wrote.

    Raises:
        ModelError: unreadable, damaged, without a card, or asked for ``prompts``.
    """
    path = Path(source)
    refuse_prompts(prompts, path)
    exported = open_exported(path, threads=threads)

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps: NDArray[np.float32] = exported.session.run(["probabilities"], {"image": pixels})[0]
        return maps

    precision = PRECISIONS.get(exported.precision, exported.precision)
    return GraphPredictor(run, exported.card, exported.sha256, runtime="onnxruntime", precision=precision)
