"""A model and what runs it; the table `RUNTIMES`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crackwise.backends import load_predictor, source_path
from crackwise.errors import ModelError, needs_extra, without_secrets
from crackwise.predictor import Predictor

__all__ = ["RUNTIMES", "Runtime", "Subject", "open_subject", "subjects_of"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What can run a model."""

    kinds: tuple[str, ...]
    """Suffixes of the files it runs; ``""`` is a run folder."""
    summary: str


RUNTIMES: dict[str, Runtime] = {
    "onnxruntime": Runtime((".onnx",), "ONNX Runtime on the CPU, as `crackwise inspect` runs .onnx files"),
    "openvino": Runtime((".onnx", ".xml"), "OpenVINO on the CPU; .onnx files through its own reader, in f32"),
    "torch": Runtime(("",), "PyTorch, as `crackwise inspect` runs a run folder"),
}
"""Name to what it runs. A runtime that is not here takes part where a model file names it by its suffix."""


def read_by_openvino(path: Path, *, threads: int) -> Predictor:
    """An ``.onnx`` file in another runtime than its own."""
    with needs_extra("openvino"):
        from crackwise.backends.openvino import load_onnx
    return load_onnx(path, threads=threads)


FOREIGN: dict[tuple[str, str], Callable[..., Predictor]] = {(".onnx", "openvino"): read_by_openvino}
"""Kind of file and runtime, where that is not the runtime that `load_predictor` takes."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be timed, not opened yet."""

    model: str
    """As the user named it."""
    runtime: str | None = None
    """None: the one that `load_predictor` takes."""


def subjects_of(models: Sequence[str], runtimes: Sequence[str]) -> tuple[Subject, ...]:
    """Every model with every one of ``runtimes`` that can run it; without any, each with its own.

    Raises:
        ModelError: an unknown runtime, or a model that none of those asked for runs.
    """
    unknown = [name for name in runtimes if name not in RUNTIMES]
    if unknown:
        raise ModelError(f"No runtime {unknown[0]!r}; there is {', '.join(RUNTIMES)}.")
    if not runtimes:
        return tuple(map(Subject, models))
    found = []
    for model in models:
        able = [name for name in runtimes if kind_of(model) in RUNTIMES[name].kinds]
        if not able:
            shown = without_secrets(model)
            raise ModelError(f"{shown!r} is run by none of {', '.join(runtimes)}. Leave out --runtime, or export it.")
        found += [Subject(model, name) for name in able]
    return tuple(found)


def kind_of(model: str) -> str:
    """Suffix of the model file; that of a folder is empty."""
    path: Path = source_path(model)
    return "" if path.is_dir() else path.suffix.lower()


def open_subject(subject: Subject, *, threads: int) -> Predictor:
    """The model ready to predict, ``threads`` in one prediction.

    Raises:
        ModelError: it cannot be used.
        MissingExtraError: its runtime is not installed.
    """
    read = FOREIGN.get((kind_of(subject.model), subject.runtime or ""))
    if read is not None:
        return read(source_path(subject.model), threads=threads)
    return load_predictor(subject.model, threads=threads)
