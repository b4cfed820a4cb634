"""BiSeNetV2: a wide, shallow branch for detail and a narrow, deep one for meaning, each of which weighs the other.

Yu et al., "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time Semantic Segmentation", International
Journal of Computer Vision 129, 2021, arXiv:2004.02147.
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

__all__ = ["BiSeNetV2", "build"]

Even = Annotated[int, Field(ge=2, multiple_of=2)]
Positive = Annotated[int, Field(ge=1)]

EXPANSION = 6
"""Of a gather-and-expansion layer, inside."""
STRIDE = 32


def build(classes: Sequence[str] = ("crack",), *, base: Even = 16, head: Positive = 1024) -> nn.Module:
    """BiSeNetV2 with ``base`` channels at stride 4 of its deep branch, a quarter of those of its shallow one.

    ``head``: channels before the logits; published: 1024. HrSegNet's authors compare with 128.
    """
    return TwoWay(MultipleOf(BiSeNetV2(base, head, 2 * len(classes)), STRIDE))


class BiSeNetV2(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 32, to ``channels`` maps; ``Outputs`` while training."""

    def __init__(self, base: int, head: int, channels: int) -> None:
        super().__init__()
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.detail = detail_branch(4 * base, 8 * base)
        self.stages = nn.ModuleList(
            [
                Stem(base),
                nn.Sequential(Reduce(base, 2 * base), Keep(2 * base)),
                nn.Sequential(Reduce(2 * base, 4 * base), Keep(4 * base)),
                nn.Sequential(Reduce(4 * base, 8 * base), *(Keep(8 * base) for _ in range(3))),
            ]
        )
        self.embedding = Embedding(8 * base)
        self.aggregation = Aggregation(8 * base)
        self.head = segmentation_head(8 * base, head, channels)
        self.auxiliary = TrainingOnly(segmentation_head(c, c, channels) for c in (base, 2 * base, 4 * base, 8 * base))
        kaiming_start(self)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        x = self.normalize(x_BCHW)
        maps = [x]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        fused = self.aggregation(self.detail(x), self.embedding(maps[-1]))
        main = resize_like(self.head(fused), x_BCHW)
        if not self.training:
            return main
        boosters = zip(self.auxiliary, maps[1:], strict=True)
        return Outputs(main, tuple(resize_like(booster(y), x_BCHW) for booster, y in boosters))


def detail_branch(wide: int, wider: int) -> nn.Sequential:
    """Eight 3x3 convolutions to stride 8."""
    return nn.Sequential(
        ConvBNReLU(3, wide, stride=2),
        ConvBNReLU(wide, wide),
        ConvBNReLU(wide, wide, stride=2),
        ConvBNReLU(wide, wide),
        ConvBNReLU(wide, wide),
        ConvBNReLU(wide, wider, stride=2),
        ConvBNReLU(wider, wider),
        ConvBNReLU(wider, wider),
    )


class Stem(nn.Module):
    """From the picture to stride 4, by convolution and by maximum at once."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first = ConvBNReLU(3, outputs, stride=2)
        self.convolved = nn.Sequential(
            Conv2dNormActivation(outputs, outputs // 2, 1), ConvBNReLU(outputs // 2, outputs, stride=2)
        )
        self.largest = nn.MaxPool2d(3, 2, 1)
        self.join = ConvBNReLU(2 * outputs, outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, outputs, H / 4, W / 4)."""
        x = self.first(x_BCHW)
        y: Tensor = self.join(torch.cat([self.convolved(x), self.largest(x)], 1))
        return y


class Keep(nn.Module):
    """Gather-and-expansion layer that keeps the size of the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.body = nn.Sequential(ConvBNReLU(channels, channels), depthwise(channels, wide), pointwise(wide, channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return F.relu(x_BCHW + self.body(x_BCHW))


class Reduce(nn.Module):
    """Gather-and-expansion layer that halves the sides of the map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = EXPANSION * inputs
        self.body = nn.Sequential(
            ConvBNReLU(inputs, inputs),
            depthwise(inputs, wide, stride=2),
            depthwise(wide, wide),
            pointwise(wide, outputs),
        )
        self.shortcut = nn.Sequential(depthwise(inputs, inputs, stride=2), pointwise(inputs, outputs))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        return F.relu(self.body(x_BCHW) + self.shortcut(x_BCHW))


class Embedding(nn.Module):
    """Context embedding: the mean of the whole picture, added everywhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.whole = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(channels), Conv2dNormActivation(channels, channels, 1)
        )
        self.last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        y: Tensor = self.last(x_BCHW + self.whole(x_BCHW))
        return y


class Aggregation(nn.Module):
    """Bilateral guided aggregation: at stride 8 and at stride 32, one branch gates the other; their sum at stride 8."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.detail_8 = nn.Sequential(depthwise(channels, channels), nn.Conv2d(channels, channels, 1))
        self.detail_32 = nn.Sequential(
            Conv2dNormActivation(channels, channels, stride=2, activation_layer=None), nn.AvgPool2d(3, 2, 1)
        )
        self.meaning_8 = Conv2dNormActivation(channels, channels, activation_layer=None)
        self.meaning_32 = nn.Sequential(depthwise(channels, channels), nn.Conv2d(channels, channels, 1))
        self.join = Conv2dNormActivation(channels, channels, activation_layer=None)

    def forward(self, detail_BCHW: Tensor, meaning_BChw: Tensor) -> Tensor:
        """Maps of the strides 8 and 32 to one of stride 8."""
        at_8 = self.detail_8(detail_BCHW) * resize_like(self.meaning_8(meaning_BChw), detail_BCHW).sigmoid()
        at_32 = self.detail_32(detail_BCHW) * self.meaning_32(meaning_BChw).sigmoid()
        y: Tensor = self.join(at_8 + resize_like(at_32, detail_BCHW))
        return y


def depthwise(inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    """3x3 convolution of every channel for itself, into a multiple of their number; no ReLU."""
    layer: nn.Module = Conv2dNormActivation(inputs, outputs, stride=stride, groups=inputs, activation_layer=None)
    return layer


def pointwise(inputs: int, outputs: int) -> nn.Module:
    """1x1 convolution without ReLU."""
    layer: nn.Module = Conv2dNormActivation(inputs, outputs, 1, activation_layer=None)
    return layer


def segmentation_head(inputs: int, middle: int, channels: int) -> nn.Sequential:
    """From a map to logits of its size."""
    return nn.Sequential(ConvBNReLU(inputs, middle), nn.Conv2d(middle, channels, 1))
