"""STDC-Seg: an encoder of short-term dense concatenation under attention and fusion.

Fan et al., "Rethinking BiSeNet For Real-time Semantic Segmentation", CVPR 2021, arXiv:2104.13188. Its detail head,
which learns the edges of the labels, is not built: it wants a target of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

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

__all__ = ["STDCSeg", "build"]

MultipleOf8 = Annotated[int, Field(ge=8, multiple_of=8)]

REPEATS: Mapping[int, tuple[int, int, int]] = {1: (2, 2, 2), 2: (4, 5, 3)}
"""Modules at the strides 8, 16 and 32 of STDC1 and STDC2 (table 2 of the paper)."""
STRIDE = 32


def build(classes: Sequence[str] = ("crack",), *, size: Literal[1, 2] = 1, base: MultipleOf8 = 64) -> nn.Module:
    """STDC1-Seg or STDC2-Seg; ``base`` is the channels at stride 4, published: 64."""
    return TwoWay(MultipleOf(STDCSeg(REPEATS[size], base, 2 * len(classes)), STRIDE))


class STDCSeg(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 32, to ``channels`` maps; ``Outputs`` while training."""

    def __init__(self, repeats: tuple[int, int, int], base: int, channels: int) -> None:
        super().__init__()
        context = 2 * base
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.stem = nn.Sequential(ConvBNReLU(3, base // 2, stride=2), ConvBNReLU(base // 2, base, stride=2))
        self.stages = stages(repeats, base)
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), Conv2dNormActivation(16 * base, context, 1))
        self.refine_32, self.refine_16 = Refinement(16 * base, context), Refinement(8 * base, context)
        self.smooth_32, self.smooth_16 = ConvBNReLU(context, context), ConvBNReLU(context, context)
        self.fusion = Fusion(4 * base + context, 4 * base)
        self.head = head(4 * base, 4 * base, channels)
        self.auxiliary = TrainingOnly(head(context, base, channels) for _ in range(2))
        kaiming_start(self)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        maps = [self.stem(self.normalize(x_BCHW))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        _, at_8, at_16, at_32 = maps
        context_16 = self.smooth_32(double(self.refine_32(at_32) + self.whole(at_32)))
        context_8 = self.smooth_16(double(self.refine_16(at_16) + context_16))
        main = resize_like(self.head(self.fusion(torch.cat([at_8, context_8], 1))), x_BCHW)
        if not self.training:
            return main
        contexts = zip(self.auxiliary, (context_8, context_16), strict=True)
        return Outputs(main, tuple(resize_like(auxiliary(context), x_BCHW) for auxiliary, context in contexts))


def stages(repeats: tuple[int, int, int], base: int) -> nn.ModuleList:
    """From ``base`` channels at stride 4 to 4, 8 and 16 times as many at the strides 8, 16 and 32."""
    widths = (base, 4 * base, 8 * base, 16 * base)
    return nn.ModuleList(
        nn.Sequential(DenseModule(inputs, outputs, 2), *(DenseModule(outputs, outputs, 1) for _ in range(count - 1)))
        for inputs, outputs, count in zip(widths, widths[1:], repeats, strict=False)
    )


class DenseModule(nn.Module):
    """Short-term dense concatenation: four convolutions in series, each half as wide, and all of them come out."""

    def __init__(self, inputs: int, outputs: int, stride: Literal[1, 2]) -> None:
        super().__init__()
        half, quarter, eighth = outputs // 2, outputs // 4, outputs // 8
        self.first = Conv2dNormActivation(inputs, half, 1)
        self.reduce: nn.Module = nn.Identity()
        self.pool: nn.Module = nn.Identity()
        if stride == 2:
            self.reduce = Conv2dNormActivation(half, half, stride=2, groups=half, activation_layer=None)
            self.pool = nn.AvgPool2d(3, 2, 1)
        self.rest = nn.ModuleList([ConvBNReLU(half, quarter), ConvBNReLU(quarter, eighth), ConvBNReLU(eighth, eighth)])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        first = self.first(x_BCHW)
        maps, y = [self.pool(first)], self.reduce(first)
        for layer in self.rest:
            y = layer(y)
            maps.append(y)
        return torch.cat(maps, 1)


class Refinement(nn.Module):
    """Attention refinement: a 3x3 convolution whose channels are weighed by their means over the picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = ConvBNReLU(inputs, outputs)
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(outputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.Sigmoid()
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        y: Tensor = self.layers(x_BCHW)
        weights: Tensor = self.weights(y)
        return y * weights


class Fusion(nn.Module):
    """Feature fusion: mix detail and context, then add to each channel its share by the means over the picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = Conv2dNormActivation(inputs, outputs, 1)
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(outputs, outputs // 4, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs // 4, outputs, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        y: Tensor = self.mix(x_BCHW)
        weights: Tensor = self.weights(y)
        return y + y * weights


def double(x_BCHW: Tensor) -> Tensor:
    """Every pixel four times."""
    return F.interpolate(x_BCHW, scale_factor=2.0, mode="nearest")


def head(inputs: int, middle: int, channels: int) -> nn.Sequential:
    """From a map to logits of its size."""
    return nn.Sequential(ConvBNReLU(inputs, middle), nn.Conv2d(middle, channels, 1, bias=False))
