"""ONNX files written and rewritten: weights in half precision, one size of pictures, another card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import needs_extra
from crackwise.exported import CARD_KEY, PRECISION_KEY, WEIGHTS_KEY, open_exported
from crackwise.predictor import ModelCard

with needs_extra("lab"):
    import onnx
    from onnx import numpy_helper
    from onnx.external_data_helper import set_external_data

__all__ = ["beside", "read_card", "rewrite", "write_card", "write_onnx"]

LARGEST_ONNX_BYTES = 2**31 - 2**24
"""What one protobuf message may hold, less room for the graph."""
PAGE_BYTES = 4096
"""Weights in a file of their own begin on pages, so that it can be mapped into memory."""
WORTH_HALVING = 64
"""Weights; smaller tensors are means, scales and limits."""
HALF = ".f16"


def rewrite(
    source: Path,
    out: Path,
    card: ModelCard,
    *,
    precision: str,
    fixed_px: tuple[int, int] | None,
    calibration: Sequence[NDArray[np.uint8]] = (),
) -> None:
    """Write an ONNX model as another: ``f16`` halves what its weights take on disk, arithmetic stays f32."""
    assert not calibration  # of int8, which no row of the formats offers here
    model = onnx.load(str(source))
    if fixed_px is not None:
        fix_sides(model.graph, fixed_px)
    if precision == "f16":
        halve_weights(model.graph)
    write_onnx(model, out, {CARD_KEY: card.model_dump_json(), PRECISION_KEY: precision})


def write_onnx(model: onnx.ModelProto, path: Path, about: Mapping[str, str]) -> None:
    """Write a model with these notes.

    Weights beyond what one ONNX file can hold go to a second one beside it, named by their hash.
    """
    about = dict(about)
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGEST_ONNX_BYTES:
        about[WEIGHTS_KEY] = set_weights_aside(model, path)
    onnx.helper.set_model_props(model, about)
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path))


def notes_of(model: onnx.ModelProto) -> dict[str, str]:
    """What a model says of itself, by keys."""
    return {each.key: each.value for each in model.metadata_props}


def write_card(path: Path, card: ModelCard) -> None:
    """Put another card into a file; graph and weights stay."""
    model = onnx.load(str(path), load_external_data=False)
    onnx.helper.set_model_props(model, notes_of(model) | {CARD_KEY: card.model_dump_json()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def read_card(path: Path) -> ModelCard:
    """The card in a file."""
    return open_exported(path).card


def beside(path: Path) -> Path | None:
    """The file that holds the weights of a large model."""
    _, _, name = notes_of(onnx.load(str(path), load_external_data=False)).get(WEIGHTS_KEY, "").partition(" ")
    return path.parent / name if name else None


def fix_sides(graph: onnx.GraphProto, size_px: tuple[int, int]) -> None:
    """Let a graph take pictures of this height and width only."""
    for value, axes in ((graph.input[0], (0, 1)), (graph.output[0], (1, 2))):
        for axis, side in zip(axes, size_px, strict=True):
            value.type.tensor_type.shape.dim[axis].dim_value = side


def halve_weights(graph: onnx.GraphProto) -> None:
    """Store weights as f16; the graph begins by casting them back."""
    casts = []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < WORTH_HALVING or np.abs(weights).max() > np.finfo("f2").max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}{HALF}"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def set_weights_aside(model: onnx.ModelProto, path: Path) -> str:
    """Move the weights to ``NAME-HASH.weights`` beside ``path``; returns that file's name and SHA-256.

    A new export under an old name leaves the old pair of files whole until its own graph takes the old one's place.
    """
    weights = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) >= PAGE_BYTES]
    digest = hashlib.sha256()
    for padded in map(whole_pages, weights):
        digest.update(padded)
    name = f"{path.stem}-{digest.hexdigest()[:8]}.weights"
    with (path.parent / name).open("wb") as file:
        for tensor in weights:
            set_external_data(tensor, name, file.tell(), len(tensor.raw_data))
            file.write(whole_pages(tensor))
            tensor.ClearField("raw_data")
    return f"{digest.hexdigest()} {name}"


def whole_pages(tensor: onnx.TensorProto) -> bytes:
    """The bytes of a tensor, filled up to the next page."""
    data: bytes = tensor.raw_data
    return data + bytes(-len(data) % PAGE_BYTES)
