"""A model that is to be explained: always a predictor, and its network where gradients can be had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackwise.backends import load_predictor
from crackwise.backends.pytorch import TorchPredictor
from crackwise.errors import ModelError, without_secrets
from crackwise.models import MODELS
from crackwise.models.mobilenet import MobileNetFPN
from crackwise.predictor import Predictor
from crackwise.trust.temperature import Tempered

__all__ = ["Subject", "log_odds", "one_look", "open_subjects", "subject_of", "tensor_of"]

FINE_PX = 16.0
SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 before they become logits."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One model, named as its maps will be."""

    name: str
    predictor: Predictor
    net: nn.Module | None
    """None for a model file, which has no gradients."""

    @property
    def answers_pictures(self) -> bool:
        """Whether it answers once for a whole picture."""
        row = MODELS.get(self.predictor.card.model)
        return row is not None and row.answers == "pictures"

    @property
    def coarsest_px(self) -> float:
        """The largest stride of a layer that Grad-CAM reads by default: a segmenter's deepest may know no places."""
        return math.inf if self.answers_pictures else FINE_PX

    def network(self, method: str) -> nn.Module:
        """The network, for a method that needs its gradients or its layers.

        Raises:
            ModelError: there is only a model file.
        """
        if self.net is None:
            raise ModelError(
                f"{method} needs the gradients of a network, and {self.name!r} is a model file without them: pass its "
                "run folder, or use --method kernelshap."
            )
        return self.net

    def class_index(self, class_name: str | None) -> int:
        """Which map of the model is explained: by default that of crack, else its first.

        Raises:
            ModelError: the model knows no such class.
        """
        classes = self.predictor.card.classes
        if class_name is None:
            return classes.index("crack") if "crack" in classes else 0
        if class_name not in classes:
            raise ModelError(f"{self.name!r} knows no class {class_name!r}; it knows {', '.join(classes)}.")
        return classes.index(class_name)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """One logit per class and pixel (k, h, w); a model file's are the log-odds of its probabilities."""
        if self.net is None:
            return log_odds(self.predictor(pixels)).astype(np.float32)
        with torch.no_grad():
            logits: Tensor = self.net(tensor_of(pixels, self.net))
        return np.asarray(logits[0].cpu().numpy(), np.float32)


def log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """log(p / (1 - p)), p kept ``SMALLEST`` away from 0 and 1."""
    p = np.clip(np.asarray(probabilities, np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(p / (1 - p))


def tensor_of(pixels: NDArray[np.uint8], net: nn.Module) -> Tensor:
    """A picture (h, w, 3) as RGB in [0, 1] (1, 3, h, w), where the network's weights are."""
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).to(device)[None].float() / 255


@contextmanager
def one_look(net: nn.Module) -> Iterator[bool]:
    """Inside, a network that answers with the mean over several views of a picture looks once; whether it did more.

    Maps of turned and shrunk views cannot be laid on each other.
    """
    several = [m for m in net.modules() if isinstance(m, MobileNetFPN) and (m.looks > 1 or m.halved)]
    before = [(m.looks, m.halved) for m in several]
    try:
        for module in several:
            module.looks, module.halved = 1, False
        yield bool(several)
    finally:
        for module, (looks, halved) in zip(several, before, strict=True):
            module.looks, module.halved = looks, halved


def subject_of(source: str, name: str) -> Subject:
    """A model as `load_predictor` takes it, ready to be explained.

    Raises:
        ModelError: as `load_predictor`.
    """
    predictor = load_predictor(source)
    runs = predictor.raw if isinstance(predictor, Tempered) else predictor
    return Subject(name, predictor, runs.graph.net if isinstance(runs, TorchPredictor) else None)


def open_subjects(sources: Sequence[str]) -> list[Subject]:
    """Models named by their files or folders; what is called alike is numbered.

    Raises:
        ModelError: as `load_predictor`.
    """
    names = [Path(source).resolve().stem if Path(source).exists() else without_secrets(source) for source in sources]
    return [
        subject_of(source, name if names.count(name) == 1 else f"{name}-{1 + names[:i].count(name)}")
        for i, (source, name) in enumerate(zip(sources, names, strict=True))
    ]
