"""DDRNet-23: a fine and a coarse branch that tell each other what they see, and a pyramid of poolings.

Hong, Pan, Sun and Jia, "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes",
arXiv:2101.06085, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import Conv2dNormActivation

from crackwise.models.blocks import (
    ConvBNReLU,
    MultipleOf,
    Normalize,
    Outputs,
    TrainingOnly,
    TwoWay,
    kaiming_start,
    resize_like,
)

__all__ = ["DDRNet", "build"]

Positive = Annotated[int, Field(ge=1)]

STRIDE = 64
"""Of the coarsest map."""


def build(classes: Sequence[str] = ("crack",), *, base: Positive = 64) -> nn.Module:
    """DDRNet-23 with ``base`` channels at stride 4; published: 64."""
    return TwoWay(MultipleOf(DDRNet(base, 2 * len(classes)), STRIDE))


class DDRNet(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 64, to ``channels`` maps; ``Outputs`` while training."""

    def __init__(self, base: int, channels: int) -> None:
        super().__init__()
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.stem = nn.Sequential(
            ConvBNReLU(3, base, stride=2, bias=True),
            ConvBNReLU(base, base, stride=2, bias=True),
            stage(base, base),
            nn.ReLU(inplace=True),
            stage(base, 2 * base, stride=2),
        )
        self.fine = nn.ModuleList([stage(2 * base, 2 * base), stage(2 * base, 2 * base)])
        self.coarse = nn.ModuleList([stage(2 * base, 4 * base, stride=2), stage(4 * base, 8 * base, stride=2)])
        self.exchanges = nn.ModuleList([Exchange(2 * base, (4 * base,)), Exchange(2 * base, (4 * base, 8 * base))])
        self.last_fine = bottleneck(2 * base, 4 * base)
        self.last_coarse = bottleneck(8 * base, 16 * base, stride=2)
        self.pyramid = DAPPM(16 * base, 2 * base, 4 * base)
        self.head = head(4 * base, 2 * base, channels)
        self.auxiliary = TrainingOnly([head(2 * base, 2 * base, channels)])
        kaiming_start(self)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        fine = coarse = self.stem(self.normalize(x_BCHW))
        seen = []
        for to_fine, to_coarse, exchange in zip(self.fine, self.coarse, self.exchanges, strict=True):
            fine, coarse = exchange(to_fine(F.relu(fine)), to_coarse(F.relu(coarse)))
            seen.append(fine)
        fine, coarse = self.last_fine(F.relu(fine)), self.last_coarse(F.relu(coarse))
        main = resize_like(self.head(fine + resize_like(self.pyramid(coarse), fine)), x_BCHW)
        if not self.training:
            return main
        return Outputs(main, tuple(resize_like(aux(seen[0]), x_BCHW) for aux in self.auxiliary))


class Exchange(nn.Module):
    """Each branch adds what the other one sees; both maps come and go without their last ReLU."""

    def __init__(self, fine: int, downwards: tuple[int, ...]) -> None:
        """``downwards``: channels after every halving on the way to the coarse branch."""
        super().__init__()
        self.up = Conv2dNormActivation(downwards[-1], fine, 1, activation_layer=None)
        *between, last = zip((fine, *downwards), downwards, strict=False)
        self.down = nn.Sequential(
            *(ConvBNReLU(inputs, outputs, stride=2) for inputs, outputs in between),
            Conv2dNormActivation(*last, 3, stride=2, activation_layer=None),
        )

    def forward(self, fine_BCHW: Tensor, coarse_BDhw: Tensor) -> tuple[Tensor, Tensor]:
        """Both maps to both maps of the same shapes."""
        up = resize_like(self.up(F.relu(coarse_BDhw)), fine_BCHW)
        return fine_BCHW + up, coarse_BDhw + self.down(F.relu(fine_BCHW))


class Residual(nn.Module):
    """A body and the way around it, added; no ReLU behind."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to what both ways give."""
        y: Tensor = self.body(x_BCHW) + self.shortcut(x_BCHW)
        return y


def stage(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Two residual blocks of two 3x3 convolutions, the first at this stride."""

    def block(inputs: int, stride: int) -> Residual:
        body = nn.Sequential(
            ConvBNReLU(inputs, outputs, stride=stride), Conv2dNormActivation(outputs, outputs, activation_layer=None)
        )
        return Residual(body, way_around(inputs, outputs, stride))

    return nn.Sequential(block(inputs, stride), nn.ReLU(inplace=True), block(outputs, 1))


def bottleneck(inputs: int, outputs: int, *, stride: int = 1) -> Residual:
    """1x1, 3x3 and 1x1 convolutions; the middle is half as wide as what comes out."""
    middle = outputs // 2
    body = nn.Sequential(
        Conv2dNormActivation(inputs, middle, 1),
        ConvBNReLU(middle, middle, stride=stride),
        Conv2dNormActivation(middle, outputs, 1, activation_layer=None),
    )
    return Residual(body, way_around(inputs, outputs, stride))


def way_around(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity, or a 1x1 convolution where the shape changes."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    projection: nn.Module = Conv2dNormActivation(inputs, outputs, 1, stride=stride, activation_layer=None)
    return projection


class DAPPM(nn.Module):
    """Deep aggregation pyramid pooling: every wider pooling is mixed with the narrower one before it."""

    def __init__(self, inputs: int, branch: int, outputs: int) -> None:
        super().__init__()
        pools = (nn.AvgPool2d(5, 2, 2), nn.AvgPool2d(9, 4, 4), nn.AvgPool2d(17, 8, 8), nn.AdaptiveAvgPool2d(1))
        self.narrowest = convolution_behind_norm(inputs, branch, 1)
        self.pooled = nn.ModuleList(nn.Sequential(p, convolution_behind_norm(inputs, branch, 1)) for p in pools)
        self.mixed = nn.ModuleList(convolution_behind_norm(branch, branch, 3) for _ in pools)
        self.join = convolution_behind_norm(branch * (1 + len(pools)), outputs, 1)
        self.shortcut = convolution_behind_norm(inputs, outputs, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        maps = [self.narrowest(x_BCHW)]
        for pooled, mixed in zip(self.pooled, self.mixed, strict=True):
            maps.append(mixed(resize_like(pooled(x_BCHW), x_BCHW) + maps[-1]))
        y: Tensor = self.join(torch.cat(maps, 1)) + self.shortcut(x_BCHW)
        return y


def convolution_behind_norm(inputs: int, outputs: int, kernel_px: int) -> nn.Sequential:
    """Batch normalisation, ReLU, convolution."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel_px, padding=kernel_px // 2, bias=False),
    )


def head(inputs: int, middle: int, channels: int) -> nn.Sequential:
    """From a map at stride 8 to logits there."""
    return nn.Sequential(
        convolution_behind_norm(inputs, middle, 3),
        nn.BatchNorm2d(middle),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, channels, 1),
    )
