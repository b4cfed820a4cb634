"""A validation picture as inspection will see it: whole where it fits, in tiles where it is larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crackwise.imaging.tiles import predict_tiled
from crackwise.processes import everyones

__all__ = ["Tiling", "whole_probabilities"]


class Tiling(NamedTuple):
    """How a photograph is cut, as the card will say."""

    tile_px: int
    overlap_px: int
    fixed_px: None = None
    """A network in training takes any size."""


def whole_probabilities(net: Callable[[Tensor], Tensor], image: Tensor, tiling: Tiling) -> NDArray[np.float32]:
    """Probabilities (k, h, w) of an RGB picture (3, h, w) in [0, 1] whose values are whole 255ths.

    Where several processes share a network, each calls it as often as the one with most tiles: all take part in every
    call.
    """
    tiles = Tiles(net, image.device, tiling)
    maps = predict_tiled(tiles, (image * 255).round().byte().permute(1, 2, 0).cpu().numpy())
    for _ in range(tiles.calls, max(everyones(tiles.calls))):
        net(image[None, :, : tiling.tile_px, : tiling.tile_px])
    return maps


class Tiles:
    """A network as tiling wants it; counts how often it is called."""

    def __init__(self, net: Callable[[Tensor], Tensor], device: torch.device, card: Tiling) -> None:
        self.net = net
        self.device = device
        self.card = card
        self.calls = 0

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities (k, h, w) of one tile (h, w, 3)."""
        self.calls += 1
        image = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1).unsqueeze(0).float() / 255
        return np.asarray(self.net(image).float().sigmoid().squeeze(0).cpu().numpy(), dtype=np.float32)
