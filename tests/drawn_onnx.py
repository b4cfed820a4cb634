"""Model files that are a line of arithmetic or two convolutions, for tests that need a file and no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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


def write_smoothed(path: Path, card: ModelCard, *, level: float = 0.45, gain: float = 60.0, channels: int = 8) -> Path:
    """A network whose probability is how dark a picture is around a pixel: 5 x 5 px, edges weigh less."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])
    maps = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, "h", "w"])
    grey = np.linspace(0.9, 1.1, channels, dtype=np.float32)[:, None, None, None] / np.float32(27)
    dark = np.full((1, channels, 3, 3), -gain / 9 / channels, np.float32)
    dark[..., 1, 1] *= 9
    dark *= np.float32(9 / 17)
    values = {
        "whole": np.float32(255),
        "see": np.broadcast_to(grey, (channels, 3, 3, 3)).copy(),
        "mix": dark,
        "bias": np.array([gain * level], np.float32),
        "first": np.array([0], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["cast"], ["planes"], perm=[2, 0, 1]),
        helper.make_node("Div", ["planes", "whole"], ["share"]),
        helper.make_node("Unsqueeze", ["share", "first"], ["batch"]),
        helper.make_node("Conv", ["batch", "see"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["seen"], ["kept"]),
        helper.make_node("Conv", ["kept", "mix", "bias"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["logits"], ["answer"]),
        helper.make_node("Squeeze", ["answer", "first"], ["probabilities"]),
    ]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "smoothed", [image], [maps], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, str(path))
    return path
