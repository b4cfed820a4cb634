"""An exported ``.onnx`` file run by OpenVINO, to be timed beside ONNX Runtime."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from crackwise.errors import ModelError, needs_extra
from crackwise.imaging.files import sha256_of
from crackwise.predictor import ModelCard

__all__ = ["OpenvinoReader", "read_onnx"]

FRAMEWORK, CARD_KEY = "framework", "crackwise.card"
"""Where OpenVINO keeps what an ONNX file says about itself, and what of it is the card."""


class OpenvinoReader:
    """The same graph behind the `Predictor` protocol; every thread has a request of its own."""

    runtime = "openvino"
    precision = "f32"

    def __init__(self, path: Path, *, threads: int) -> None:
        with needs_extra("openvino"):
            import openvino
        streams = max((os.cpu_count() or 1) // threads, 1)
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # by itself it would choose bf16 where the processor has it
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(streams * threads),
            "ENABLE_CPU_PINNING": "NO",  # models that take turns would all be bound to the same core
        }
        try:
            core = openvino.Core()
            model = core.read_model(str(path))
            self.card = ModelCard.model_validate_json(str(model.get_rt_info([FRAMEWORK, CARD_KEY]).value))
            self.compiled = core.compile_model(model, "CPU", settings)
        except (RuntimeError, ValidationError) as error:
            raise ModelError(f"OpenVINO cannot run {str(path)!r}: {' '.join(str(error).split())}") from error
        self.sha256 = sha256_of(path)
        self.own = threading.local()

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w)."""
        if "request" not in self.own.__dict__:
            self.own.request = self.compiled.create_infer_request()
        found = self.own.request.infer({"image": np.ascontiguousarray(pixels)}, share_inputs=True)
        return np.array(found["probabilities"], dtype=np.float32)


def read_onnx(path: Path, *, threads: int) -> OpenvinoReader:
    """The predictor of an ``.onnx`` file that ``crackwise export`` wrote.

    Raises:
        ModelError: unreadable, or without a card.
        MissingExtraError: OpenVINO is not installed.
    """
    if not path.is_file():
        raise ModelError(f"No model at {str(path)!r}. Pass an .onnx file, a run folder or 'packaged'.")
    return OpenvinoReader(path, threads=threads)
