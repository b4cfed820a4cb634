"""A model file that is one line of arithmetic, for tests that need a file and no network."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from crackwise.exported import CARD_KEY
from crackwise.predictor import ModelCard


def write_brightness(path: Path, card: ModelCard, *, black: float = 0.0, white: float = 255.0) -> Path:
    """A model whose probability is the mean of the three channels on a scale from ``black``, 0, to ``white``, 1."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])
    maps = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, "h", "w"])
    constants = [
        *(helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("black", black), ("range", white - black))),
        *(helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("first", 0), ("last", 2))),
        *(helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("none", 0.0), ("all", 1.0))),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["cast", "black"], ["above"]),
        helper.make_node("Div", ["above", "range"], ["share"]),
        helper.make_node("ReduceMean", ["share", "last"], ["mean"], keepdims=0),
        helper.make_node("Clip", ["mean", "none", "all"], ["clipped"]),
        helper.make_node("Unsqueeze", ["clipped", "first"], ["probabilities"]),
    ]
    graph = helper.make_graph(nodes, "brightness", [image], [maps], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json(), "note": "kept"})
    onnx.save(model, str(path))
    return path


def write_darkness(path: Path, threshold: float = 0.55) -> Path:
    """A model that takes darkness for cracks: 1 - mean / 255."""
    card = ModelCard(name="dark is crack", version="1", threshold=threshold)
    return write_brightness(path, card, black=255.0, white=0.0)
