"""The table of runtimes: what a model file ends with, and who predicts with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from crackwise.errors import ModelError, needs_extra
from crackwise.predictor import Predictor
from crackwise.trust.temperature import Tempered

__all__ = ["BACKENDS", "Backend", "load_predictor", "source_path"]

PACKAGED = "packaged"
SERVERS = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Backend:
    """One runtime."""

    module: str
    """Imported when such a model is loaded; has ``load(source, *, threads, prompts) -> Predictor``."""
    summary: str
    extra: str | None = None
    """What to install for it; None: nothing beyond the base."""


BACKENDS: dict[str, Backend] = {
    ".onnx": Backend("crackwise.backends.onnx", "an exported model file, by ONNX Runtime on the CPU"),
    ".xml": Backend(
        "crackwise.backends.openvino", "one with its .bin beside it, by OpenVINO on the CPU", extra="openvino"
    ),
    ".trt": Backend("crackwise.backends.tensorrt", "one of a fixed size, by TensorRT on an NVIDIA GPU"),
    "run": Backend("crackwise.backends.pytorch", "a run folder as training leaves it, by PyTorch", extra="lab"),
    "http": Backend("crackwise.backends.remote", "the address of a `crackwise serve`, whatever runs there"),
}
"""Suffix of a model file to its runtime; ``"run"`` is a run folder, ``"http"`` a server."""


def load_predictor(
    source: str | Path | None = None, *, threads: int | None = None, prompts: Sequence[str] = ()
) -> Predictor:
    """A model ready to predict: a model file, a run folder, ``http://host:port``, or None and ``"packaged"``.

    ``threads`` is for one prediction; None lets the runtime take every core. With more of them the last
    bit of a probability may differ.
    ``prompts`` are phrases that become the classes of a run whose network takes them. Where the card names a
    temperature, probabilities are tempered by it, whatever the runtime.

    Raises:
        ModelError: no such file, a kind that no runtime reads, damaged, not made by crackwise, or without prompts.
        MissingExtraError: its runtime is not installed.
    """
    if str(source).startswith(SERVERS):
        remote: Predictor = import_module(BACKENDS["http"].module).load(str(source), threads=threads, prompts=prompts)
        return remote  # its server tempers
    path = source_path(source)
    kind = "run" if path.is_dir() else path.suffix.lower()
    if not path.exists():
        raise ModelError(f"No model at {str(path)!r}. Pass an exported file, a run folder, a server or {PACKAGED!r}.")
    if kind not in BACKENDS or (kind == "run" and not (path / "weights.safetensors").is_file()):
        raise ModelError(
            f"{str(path)!r} is no model: expected a file that ends in {', '.join(k for k in BACKENDS if k[0] == '.')}, "
            "or the folder of a finished run with its recipe.yaml and weights.safetensors."
        )
    if not all(prompt.strip() for prompt in prompts) or len(set(prompts)) < len(prompts):
        raise ModelError(f"Prompts must be different phrases, none of them empty; got {list(prompts)}.")
    if threads is not None and threads < 1:
        raise ModelError(f"threads must be at least 1, not {threads}; leave it out to use every core.")
    backend = BACKENDS[kind]
    if backend.extra is None:
        module = import_module(backend.module)
    else:
        with needs_extra(backend.extra):
            module = import_module(backend.module)
    predictor: Predictor = module.load(path, threads=threads, prompts=prompts)
    return predictor if predictor.card.temperature == 1 else Tempered(predictor)


def source_path(source: str | Path | None) -> Path:
    """Where the model lies that a user names."""
    return packaged_model() if source is None or source == PACKAGED else Path(source)


def packaged_model() -> Path:
    """The model file that came with the package."""
    found = sorted(Path(str(files("crackwise.packaged"))).glob("*.onnx"))
    if not found:
        raise ModelError("This copy of crackwise holds no packaged model. Install it from a wheel, or pass a model.")
    return found[0]
