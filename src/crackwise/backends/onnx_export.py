"""A network as an ONNX file that holds everything: preprocessing, weights, sigmoid, card."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx.external_data_helper import set_external_data
from torch.nn.attention import SDPBackend, sdpa_kernel

from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.exported import CARD_KEY, WEIGHTS_KEY
from crackwise.predictor import ModelCard

__all__ = ["to_onnx"]

LARGEST_ONNX_BYTES = 2**31 - 2**24
"""What one protobuf message may hold, less room for the graph."""
PAGE_BYTES = 4096
"""Weights in a file of their own begin on pages, so that it can be mapped into memory."""


def to_onnx(
    graph: PixelsToProbabilities, card: ModelCard, path: Path
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Write an ONNX model: uint8 ``image`` (height, width, 3) to float32 ``probabilities`` (k, height, width).

    Weights beyond what one ONNX file can hold go to a second one beside it, named by their hash.

    Returns:
        The function that the written model computes.

    Raises:
        ModelError: torch cannot write this network.
    """
    model = exported(graph, card)
    forget_origins(model)
    name_sides(model.graph)
    about = {CARD_KEY: card.model_dump_json()}
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGEST_ONNX_BYTES:
        about[WEIGHTS_KEY] = set_weights_aside(model, path)
    onnx.helper.set_model_props(model, about)
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run(None, {"image": pixels})[0], dtype=np.float32)


def exported(graph: PixelsToProbabilities, card: ModelCard) -> onnx.ModelProto:
    """The network as torch's exporter writes it, weights inside."""
    example = torch.zeros(97, 161, 3, dtype=torch.uint8)
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        # plain attention: the layout that the fast kernels leave in memory is not what the exported operators expect
        with quietly("torch.onnx", "onnxscript", "onnx_ir"), sdpa_kernel(SDPBackend.MATH):
            program = torch.onnx.export(
                graph,
                (example,),
                input_names=["image"],
                output_names=["probabilities"],
                dynamo=True,
                dynamic_shapes=(any_size,),
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ModelError(f"torch cannot write {card.model or card.name} as onnx: {reason}") from error
    if program is None:
        raise ModelError("torch.onnx.export returned nothing. Check the installed torch.")
    return program.model_proto


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
    return tensor.raw_data + bytes(-len(tensor.raw_data) % PAGE_BYTES)


def forget_origins(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes about source lines, and the shapes in between, which name its own symbols."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *model.functions):
        part.doc_string = ""
        del part.metadata_props[:]


def name_sides(graph: onnx.GraphProto) -> None:
    """Call the free dimensions of input and output by their names."""
    for value, axes in ((graph.input[0], (0, 1)), (graph.output[0], (1, 2))):
        for axis, name in zip(axes, ("height", "width"), strict=True):
            value.type.tensor_type.shape.dim[axis].dim_param = name


@contextmanager
def quietly(*loggers: str) -> Iterator[None]:
    """Keep an exporter's warnings about its own insides from the user."""
    before = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
