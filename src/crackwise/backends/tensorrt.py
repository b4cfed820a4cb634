"""Predict with TensorRT on an NVIDIA GPU, through ONNX Runtime, from a ``.trt`` file.

That file is an ONNX graph of one size with the card inside. The engine that TensorRT builds from it fits one kind of
GPU and one version only, so it is kept in a folder beside the file, named by both, and built again anywhere else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crackwise.backends.graph import GraphPredictor, refuse_prompts
from crackwise.errors import ModelError
from crackwise.exported import REFUSALS, open_exported

__all__ = ["engines_of", "load", "refuse_elsewhere"]

PROVIDER = "TensorrtExecutionProvider"
HERE = "pip install onnxruntime-gpu tensorrt"


def load(source: str | Path, *, threads: int | None = None, prompts: Sequence[str] = ()) -> GraphPredictor:
    """The predictor of a ``.trt`` file that ``crackwise export --to tensorrt`` wrote; builds its engine if need be.

    Raises:
        ModelError: unreadable, damaged, without a card, asked for ``prompts``, or no TensorRT or no GPU is there.
    """
    path = Path(source)
    refuse_prompts(prompts, path)
    exported = open_exported(path, threads=threads)
    refuse_elsewhere(f"crackwise inspect PHOTOS --model {path}")
    engines = engines_of(path, gpu_name(), version("tensorrt"))
    settings = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engines),
        "trt_fp16_enable": str(int(exported.precision == "f16")),
    }
    try:
        engines.mkdir(parents=True, exist_ok=True)
        session = onnxruntime.InferenceSession(str(path), providers=[(PROVIDER, settings)])
    except (OSError, *REFUSALS) as error:
        raise ModelError(f"TensorRT cannot build an engine for {str(path)!r}: {error}") from error
    if PROVIDER not in session.get_providers():
        raise ModelError(f"TensorRT does not run {str(path)!r} here; see what ONNX Runtime wrote above.")

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps: NDArray[np.float32] = session.run(["probabilities"], {"image": pixels})[0]
        return maps

    return GraphPredictor(run, exported.card, exported.sha256, runtime="tensorrt", precision=exported.precision)


def engines_of(path: Path, gpu: str, release: str) -> Path:
    """Where the engines of a file for one kind of GPU and one version of TensorRT lie."""
    return path.parent / f"{path.stem}.engines" / f"{gpu.replace(' ', '-')}-{release}"


def refuse_elsewhere(command: str) -> None:
    """See that TensorRT, ONNX Runtime with it, and a GPU are there.

    Raises:
        ModelError: one is missing; the message says what to run where they are.
    """
    missing = []
    if PROVIDER not in onnxruntime.get_available_providers():
        missing.append("an ONNX Runtime with TensorRT")
    try:
        version("tensorrt")
    except PackageNotFoundError:
        missing.append("the package tensorrt")
    if not gpu_name():
        missing.append("an NVIDIA GPU")
    if missing:
        raise ModelError(
            f"TensorRT needs {', '.join(missing)}, not found here. Copy the model to the machine with the GPU and run "
            f"there: {HERE} && {command}"
        )


def gpu_name() -> str:
    """What the first GPU is called; nothing where there is none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return told.stdout.partition("\n")[0].strip() if told.returncode == 0 else ""
