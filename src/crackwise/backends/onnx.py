"""Predict with ONNX Runtime from one file that holds everything: preprocessing, network, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crackwise.backends.graph import GraphPredictor, PictureToMaps, one_for_each_caller, refuse_prompts
from crackwise.exported import CARD_KEY, Exported, open_exported

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
    precision = PRECISIONS.get(exported.precision, exported.precision)
    return GraphPredictor(runs(exported), exported.card, exported.sha256, runtime="onnxruntime", precision=precision)


def runs(exported: Exported) -> PictureToMaps:
    """The function that a graph is; a small one has a copy for each caller.

    Callers of one session share its memory: what one core has just freed, and still has at hand, another gets next,
    and steps of tenths of a millisecond take a tenth longer. Large networks have longer steps, and copies cost more.
    """
    copy = exported.copy
    only = run_of(exported.session)
    return one_for_each_caller(only, lambda: run_of(copy())) if copy else only


def run_of(session: onnxruntime.InferenceSession) -> PictureToMaps:
    """The function that a session is."""

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps: NDArray[np.float32] = session.run(["probabilities"], {"image": pixels})[0]
        return maps

    return run
