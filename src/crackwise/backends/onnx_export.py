"""A network as an ONNX file that holds everything: preprocessing, weights, sigmoid, card."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from crackwise.backends.onnx_file import write_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.exported import CARD_KEY
from crackwise.predictor import ModelCard
from crackwise.quiet import quietly

__all__ = ["to_onnx"]


def to_onnx(graph: PixelsToProbabilities, card: ModelCard, path: Path) -> None:
    """Write an ONNX model: uint8 ``image`` (height, width, 3) to float32 ``probabilities`` (k, height, width).

    Raises:
        ModelError: torch cannot write this network.
    """
    model = exported(graph, card)
    forget_origins(model)
    name_sides(model.graph)
    write_onnx(model, path, {CARD_KEY: card.model_dump_json()})


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
