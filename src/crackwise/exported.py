"""A model file that crackwise exported: opened, checked, and its card read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort
from pydantic import ValidationError

from crackwise.errors import ModelError
from crackwise.imaging.files import sha256_of
from crackwise.predictor import ModelCard

__all__ = [
    "CARD_KEY",
    "FOREIGN",
    "PRECISION_KEY",
    "REFUSALS",
    "WEIGHTS_KEY",
    "Exported",
    "open_exported",
    "parse_card",
    "refuse_other_weights",
]

CARD_KEY = "crackwise.card"
"""Where in the file's metadata the card is, as JSON."""
WEIGHTS_KEY = "crackwise.weights"
"""Where the SHA-256 and the name of a second file are, which holds the weights of a large model."""
PRECISION_KEY = "crackwise.precision"
"""Where the precision is that was asked for in export; without it f32."""
FOREIGN = "{} was not made by crackwise. Train a model, then: crackwise export RUN --to onnx"
"""What is said of a file that holds no card, or another graph than ours."""

COPIED_UP_TO_MB = 64
FATAL_ONLY = 4
REFUSALS = (
    ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.ModelRequiresCompilation, ort.NoModel,
    ort.NoSuchFile, ort.NotFound, ort.NotImplemented, ort.RuntimeException, RuntimeError, ValueError,
)  # fmt: skip
"""What ONNX Runtime raises over a model or an input it cannot use."""


class Exported(NamedTuple):
    """An ONNX graph, uint8 ``image`` (h, w, 3) to float32 ``probabilities`` (k, h, w), and what it is worth."""

    session: onnxruntime.InferenceSession
    card: ModelCard
    sha256: str
    """Of the file."""
    precision: str
    """As it was asked for in export."""
    copy: Callable[[], onnxruntime.InferenceSession] | None
    """Opens another session; None where that would cost more memory than `COPIED_UP_TO_MB`."""


def open_exported(path: Path, *, threads: int | None = None) -> Exported:
    """The model in an ``.onnx`` file that ``crackwise export`` wrote, on the CPU.

    Raises:
        ModelError: unreadable, damaged, or without a card.
    """
    try:
        content = path.read_bytes()
        onnxruntime.disable_telemetry_events()  # nothing leaves the machine
        session = session_of(str(path), threads)
        notes: dict[str, str] = session.get_modelmeta().custom_metadata_map
        refuse_other_weights(path, notes.get(WEIGHTS_KEY, ""))
    except OSError as error:
        raise ModelError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from error
    except REFUSALS as error:
        raise ModelError(
            f"{str(path)!r} is not a readable ONNX model; it may be damaged, or its .weights file, if it was exported "
            "with one, is not beside it. Export it again, or copy both."
        ) from error
    small = WEIGHTS_KEY not in notes and len(content) <= COPIED_UP_TO_MB * 1e6
    return Exported(
        session,
        card_of(session, path),
        hashlib.sha256(content).hexdigest(),
        notes.get(PRECISION_KEY, "f32"),
        partial(session_of, content, threads) if small else None,
    )


def refuse_other_weights(path: Path, note: str) -> None:
    """See that the second file that a note names, if there is one, is what was exported.

    Raises:
        ModelError: it is damaged, or of another model.
    """
    expected, _, name = note.partition(" ")
    if not name:
        return
    if sha256_of(path.parent / name) != expected:
        raise ModelError(f"{str(path.parent / name)!r} is damaged, or of another model. Export it again.")


def session_of(model: str | bytes, threads: int | None) -> onnxruntime.InferenceSession:
    """One prediction at a time, with ``threads`` threads inside it, by a file or what is in it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_mem_pattern = False  # one plan for each size of photograph would double the memory
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def card_of(session: onnxruntime.InferenceSession, path: Path) -> ModelCard:
    """The card inside the file, after a look at the graph's input and output."""
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    inputs = [(port.name, port.type, len(port.shape)) for port in session.get_inputs()]
    outputs = [(port.name, port.type, len(port.shape)) for port in session.get_outputs()]
    fits = inputs == [("image", "tensor(uint8)", 3)] and outputs == [("probabilities", "tensor(float)", 3)]
    if CARD_KEY not in metadata or not fits:
        raise ModelError(FOREIGN.format(repr(str(path))))
    return parse_card(metadata[CARD_KEY], path)


def parse_card(text: str, path: Path) -> ModelCard:
    """The card of a file, from JSON.

    Raises:
        ModelError: it is of another version.
    """
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelError(f"The card in {str(path)!r} is of another version: {where}: {first['msg']}.") from error
