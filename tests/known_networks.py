"""Networks whose answer is known to come from one place, ready to be explained."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crackwise.backends.pytorch import TorchPredictor
from crackwise.explain.subject import Subject
from crackwise.predictor import ModelCard

SIDE_PX, CELL_PX, CORNER_CELLS = 64, 4, 4
CORNER_PX = CELL_PX * CORNER_CELLS


class CornerBlock(nn.Module):
    """Darkness in cells of 4 px (B, 2, h, w), by one channel; zero outside of the first corner if it is blind there."""

    def __init__(self, *, blind: bool) -> None:
        super().__init__()
        self.see, self.mix = nn.Conv2d(3, 2, CELL_PX, CELL_PX), nn.Conv2d(2, 2, 1)
        self.blind = blind
        with torch.no_grad():
            self.see.weight.fill_(-1 / (3 * CELL_PX**2))
            self.see.bias.fill_(1)
            self.mix.weight.copy_(torch.tensor([[1.0, 0], [0, 0.5]])[..., None, None])
            self.mix.bias.zero_()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y: Tensor = self.mix(self.see(x_BCHW).relu())
        if not self.blind:
            return y
        corner = torch.zeros(y.shape[-2:])
        corner[:CORNER_CELLS, :CORNER_CELLS] = 1
        return y * corner


class CornerNet(nn.Module):
    """One answer for the whole picture: how dark its first 16 x 16 px are."""

    def __init__(self, *, blind: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Sequential(CornerBlock(blind=blind))
        self.head = nn.Linear(2, 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[12.0, 0]]))
            self.head.bias.fill_(-4.0)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        seen = self.encoder(x_BCHW)[..., :CORNER_CELLS, :CORNER_CELLS].mean((2, 3))
        return self.head(seen)[..., None, None].expand(-1, -1, *x_BCHW.shape[-2:])


def as_subject(net: nn.Module, model: str = "", name: str = "known") -> Subject:
    card = ModelCard(name=name, version="1", model=model)
    return Subject(name, TorchPredictor(net, card, "0" * 64), net)


def dark_corner() -> NDArray[np.uint8]:
    """A light picture, dark in the corner that counts and in the one opposite, which does not."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), 230, np.uint8)
    picture[:CORNER_PX, :CORNER_PX] = 40
    picture[-CORNER_PX:, -CORNER_PX:] = 40
    return picture


def corner_mask() -> NDArray[np.bool_]:
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[:CORNER_PX, :CORNER_PX] = True
    return mask
