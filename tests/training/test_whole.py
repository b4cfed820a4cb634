"""Validation sees a picture as inspection will: in the same tiles, with the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crackwise.imaging.tiles import predict_tiled, split_axis
from crackwise.models import build_model
from crackwise.predictor import ModelCard
from crackwise.training import whole
from crackwise.training.whole import Tiling, whole_probabilities


class Squeezer:
    """A network of one size as the field sees it."""

    def __init__(self, net: torch.nn.Module, tiling: Tiling) -> None:
        self.net = net
        self.card = ModelCard(name="squeezer", version="1", **tiling._asdict())

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            return self.net(image).sigmoid()[0].numpy()


def test_a_large_picture_is_validated_in_the_tiles_of_its_card() -> None:
    torch.manual_seed(0)
    net, tiling = build_model("cracksam", size="tiny", input_px=64).eval(), Tiling(64, 16)
    pixels = np.random.default_rng(0).integers(0, 256, (150, 90, 3), np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    with torch.inference_mode():
        got = whole_probabilities(net, image, tiling)
        squeezed = net(image[None]).sigmoid()[0].numpy()
    np.testing.assert_array_equal(got, predict_tiled(Squeezer(net, tiling), pixels))
    assert np.abs(got - squeezed).max() > 1e-3


def test_processes_that_share_a_network_call_it_equally_often(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def net(image: Tensor) -> Tensor:
        calls.append(tuple(image.shape))
        return image[:, :1]

    monkeypatch.setattr(whole, "everyones", lambda own: [own, 7])  # another process has seven tiles
    whole_probabilities(net, torch.rand(3, 150, 40), Tiling(64, 16))
    assert len(split_axis(150, 64, 16)) < 7
    assert len(calls) == 7
