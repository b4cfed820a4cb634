"""Predict with torch from a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.imaging.files import sha256_of
from crackwise.models.blocks import reader_in
from crackwise.predictor import ModelCard
from crackwise.training.load import load_run, spelled_by

__all__ = ["PixelsToProbabilities", "TorchPredictor", "load"]


class PixelsToProbabilities(nn.Module):
    """A network in eval mode with everything around it: uint8 RGB (h, w, 3) to float32 probabilities (k, h, w).

    Its phrases, if it reads, are settled.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        reader = reader_in(net)
        if reader is not None:
            reader.settle()

    def forward(self, image: Tensor) -> Tensor:
        """One picture."""
        logits: Tensor = self.net(image.permute(2, 0, 1).unsqueeze(0).float() / 255)
        return logits.squeeze(0).sigmoid()


class TorchPredictor:
    """A trained network behind the `Predictor` protocol, on the GPU where there is one."""

    runtime = "torch"
    precision = "f32"

    def __init__(self, net: nn.Module, card: ModelCard, sha256: str) -> None:
        self.card = card
        self.sha256 = sha256
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.graph = PixelsToProbabilities(net.eval()).to(self.device)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w)."""
        image = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        # TensorFloat-32 would not be the f32 that `precision` promises
        with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
            return np.asarray(self.graph(image).cpu().numpy(), dtype=np.float32)


def load(source: str | Path, *, threads: int | None = None, prompts: Sequence[str] = ()) -> TorchPredictor:
    """The predictor of a run folder; ``threads`` sets torch's for the whole process.

    With ``prompts`` its classes are these phrases. The card tells the phrases of a network that reads.

    Raises:
        ModelError: the folder holds no finished run, or its network takes no prompts.
    """
    folder = Path(source)
    net, card, recipe = load_run(folder)
    reader = reader_in(net)
    if prompts:
        if reader is None:
            raise ModelError(f"{card.name} takes no prompts: {recipe.model.name} knows only {', '.join(card.classes)}.")
        reader.ask(prompts, spelled_by(recipe, folder))
        card = card.model_copy(update={"classes": tuple(prompts)})
    if reader is not None:
        card = card.model_copy(update={"prompts": dict(zip(card.classes, reader.phrases, strict=True))})
    if threads is not None:
        torch.set_num_threads(threads)
    return TorchPredictor(net, card, sha256_of(folder / "weights.safetensors"))
