"""From a run folder to one file that holds everything: preprocessing, network, sigmoid, card."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.imaging.files import write_atomically
from crackwise.predictor import ModelCard
from crackwise.training.load import load_run

__all__ = ["EXPORTERS", "Exported", "Parity", "drawn_photo", "export", "measure_parity", "to_onnx"]

CARD_KEY = "crackwise.card"
LARGEST_DIFFERENCE = 1e-4
SMALLEST_AGREEMENT = 0.9999
LARGEST_ONNX_BYTES = 2**31 - 2**20
"""What protobuf allows, less room for the graph."""
PARITY_SIZES_PX = ((64, 64), (97, 161), (200, 133), (333, 517))

PictureToMaps = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Parity:
    """How an exported file compares with the network it came from, on drawn photographs."""

    largest_difference: float
    """Of any probability."""
    mask_agreement: float
    """Share of pixels on the same side of the card's threshold."""
    photo_sizes_px: tuple[tuple[int, int], ...]
    """Height and width of every photograph tried."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written, and its parity with torch."""

    path: Path
    parity: Parity


def export(run: str | Path, to: str = "onnx", out: str | Path | None = None) -> Exported:
    """Write the network of a run folder as one file; by default ``RUN/model.onnx``.

    The file appears only after it gave the same probabilities as torch on drawn photographs of several sizes.

    Raises:
        ModelError: unknown format, no finished run, or a result that differs from torch's.
    """
    if to not in EXPORTERS:
        raise ModelError(f"Cannot export to {to!r}; there is {', '.join(sorted(EXPORTERS))}.")
    write, suffix = EXPORTERS[to]
    folder = Path(run)
    net, card, recipe = load_run(folder)
    if recipe.tuning:
        from crackwise.models.tuning.lora import merge_lora  # peft takes seconds to import

        merge_lora(net)
    graph = PixelsToProbabilities(net.eval())
    data, runs = write(graph, card)
    parity = measure_parity(torch_runs(graph), runs, threshold=card.threshold)
    if parity.largest_difference > LARGEST_DIFFERENCE or parity.mask_agreement < SMALLEST_AGREEMENT:
        raise ModelError(
            f"The exported {to} of {str(run)!r} differs from torch: probabilities by {parity.largest_difference:.2g} "
            f"(allowed {LARGEST_DIFFERENCE:g}), masks agree on {parity.mask_agreement:.6f} of the pixels "
            f"(at least {SMALLEST_AGREEMENT:g}). Nothing was written; please report this with the recipe."
        )
    path = folder / f"model{suffix}" if out is None else Path(out)
    write_atomically(path, data)
    return Exported(path, parity)


def to_onnx(graph: PixelsToProbabilities, card: ModelCard) -> tuple[bytes, PictureToMaps]:
    """An ONNX model: uint8 ``image`` (height, width, 3) to float32 ``probabilities`` (k, height, width)."""
    example = torch.zeros(97, 161, 3, dtype=torch.uint8)
    refuse_too_large(graph)
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
    model = program.model_proto
    forget_origins(model)
    name_sides(model.graph)
    onnx.helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    return data, onnx_runs(data)


EXPORTERS: dict[str, tuple[Callable[[PixelsToProbabilities, ModelCard], tuple[bytes, PictureToMaps]], str]] = {
    "onnx": (to_onnx, ".onnx"),
}


def refuse_too_large(graph: nn.Module) -> None:
    """Say before the work that an ONNX file cannot hold so much.

    Raises:
        ModelError: the weights take more than a protobuf message may.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in graph.state_dict().values())
    if size > LARGEST_ONNX_BYTES:
        raise ModelError(
            f"The weights take {size / 1e9:.3g} GB and one ONNX file holds {LARGEST_ONNX_BYTES / 1e9:.3g} GB at most. "
            "Use the run folder itself, which torch reads (crackwise inspect --model RUN), or train a smaller size."
        )


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


def onnx_runs(data: bytes) -> PictureToMaps:
    """The function that an ONNX model computes."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run(None, {"image": pixels})[0], dtype=np.float32)


def torch_runs(graph: nn.Module) -> PictureToMaps:
    """The function that a torch graph computes."""

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(graph(torch.from_numpy(pixels)).numpy(), dtype=np.float32)

    return run


def measure_parity(reference: PictureToMaps, other: PictureToMaps, *, threshold: float) -> Parity:
    """Compare two functions on drawn photographs of ``PARITY_SIZES_PX``."""
    difference, agreeing, total = 0.0, 0, 0
    for seed, size in enumerate(PARITY_SIZES_PX):
        photo = drawn_photo(*size, seed=seed)
        expected, got = reference(photo), other(photo)
        if expected.shape != got.shape:
            raise ModelError(f"The exported model returns {got.shape} where torch returns {expected.shape}.")
        difference = max(difference, float(np.abs(expected - got).max()))
        agreeing += int(((expected >= threshold) == (got >= threshold)).sum())
        total += expected.size
    return Parity(difference, agreeing / total, PARITY_SIZES_PX)


def drawn_photo(height_px: int, width_px: int, *, seed: int) -> NDArray[np.uint8]:
    """A grainy wall with one dark wandering line, uint8 RGB (h, w, 3)."""
    rng = np.random.default_rng(seed)
    wall = rng.normal(165, 14, (height_px, width_px, 1)) + rng.normal(0, 4, (height_px, width_px, 3))
    rows = height_px / 2 + np.cumsum(rng.normal(0, 1.2, width_px))
    distance = np.abs(np.arange(height_px)[:, None] - rows[None, :])
    wall -= 110 * np.clip(2.5 - distance, 0, 1)[..., None]
    return np.clip(wall, 0, 255).astype(np.uint8)
