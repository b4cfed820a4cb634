"""From a run folder to one file that holds everything: preprocessing, network, sigmoid, card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crackwise.backends.onnx_export import to_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.imaging.files import appearing
from crackwise.predictor import ModelCard
from crackwise.training.load import load_run
from crackwise.trust.temperature import tempered_threshold

__all__ = ["EXPORTERS", "Exported", "Parity", "drawn_photo", "export", "measure_parity"]

LARGEST_DIFFERENCE = 1e-4
SMALLEST_AGREEMENT = 0.9999
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
    weights: Path | None
    """The file beside it that holds the weights of a large network."""
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
    path = folder / f"model{suffix}" if out is None else Path(out)
    with appearing(path) as unproven:
        level = tempered_threshold(card.threshold, 1 / card.temperature)  # no graph knows of the temperature
        parity = measure_parity(torch_runs(graph), write(graph, card, unproven), threshold=level)
        refuse_difference(parity, f"exported {to} of {str(run)!r}")
        weights = next((path.parent / file.name for file in unproven.parent.glob("*.weights")), None)
    return Exported(path, weights, parity)


def refuse_difference(parity: Parity, what: str) -> None:
    """Do not let a file appear that does not compute what torch does.

    Raises:
        ModelError: it differs by more than rounding.
    """
    if parity.largest_difference > LARGEST_DIFFERENCE or parity.mask_agreement < SMALLEST_AGREEMENT:
        raise ModelError(
            f"The {what} differs from torch: probabilities by {parity.largest_difference:.2g} "
            f"(allowed {LARGEST_DIFFERENCE:g}), masks agree on {parity.mask_agreement:.6f} of the pixels "
            f"(at least {SMALLEST_AGREEMENT:g}). Nothing was written; please report this with the recipe."
        )


EXPORTERS: dict[str, tuple[Callable[[PixelsToProbabilities, ModelCard, Path], PictureToMaps], str]] = {
    "onnx": (to_onnx, ".onnx"),
}
"""Format to what writes it to a path and returns the function that the written file computes, and the file's suffix."""


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
