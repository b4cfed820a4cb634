"""U2CrackNet: a U whose stages are themselves small Us.

Shi, Zhu, Xin and Shao, "U2CrackNet: a deeper architecture with two-level nested U-structure for pavement crack
detection", Structural Health Monitoring 22(4), 2023, after Qin et al., "U2-Net", Pattern Recognition 106, 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from timm.layers.eca import EcaModule
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import Conv2dNormActivation

from crackwise.models.blocks import MultipleOf, Normalize, Outputs, TwoWay, resize_like

__all__ = ["ResidualU", "U2CrackNet", "build"]

Positive = Annotated[int, Field(ge=1)]

DEPTHS = (7, 6, 5, 4)
"""Of the residual Us at the strides 1, 2, 4 and 8; that of stride 16 is dilated instead of pooled."""
RATES = (1, 6, 12, 18)
"""Of the atrous pyramid at stride 32."""
STRIDE = 32


def build(classes: Sequence[str] = ("crack",), *, base: Positive = 16) -> nn.Module:
    """U2CrackNet with ``base`` channels inside a stage and four times as many between stages; compared: 16."""
    return TwoWay(MultipleOf(U2CrackNet(base, 2 * len(classes)), STRIDE))


class U2CrackNet(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 32, to ``channels`` maps; ``Outputs`` while training.

    The auxiliary logits are those of the six levels, from which the main ones are mixed.
    """

    def __init__(self, base: int, channels: int) -> None:
        super().__init__()
        wide = 4 * base
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.down = nn.ModuleList(
            [
                *(ResidualU(wide if i else 3, base, wide, depth) for i, depth in enumerate(DEPTHS)),
                ResidualU(wide, base, wide, 4, dilated=True),
            ]
        )
        self.pyramid = AtrousPyramid(wide)
        self.attention = nn.ModuleList(EcaModule(wide) for _ in self.down)
        self.up = nn.ModuleList(
            [
                ResidualU(2 * wide, base, wide, 4, dilated=True),
                *(ResidualU(2 * wide, base, wide, depth) for depth in reversed(DEPTHS)),
            ]
        )
        self.sides = nn.ModuleList(nn.Conv2d(wide, channels, 3, padding=1) for _ in range(1 + len(self.up)))
        self.join = nn.Conv2d(channels * len(self.sides), channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        y, skips = self.normalize(x_BCHW), []
        for stage in self.down:
            skips.append(stage(y))
            y = F.max_pool2d(skips[-1], 2)
        levels = [self.pyramid(y)]
        for stage, attention, skip in zip(self.up, self.attention, reversed(skips), strict=True):
            levels.append(stage(torch.cat([attention(resize_like(levels[-1], skip)), skip], 1)))
        sides = tuple(resize_like(side(y), x_BCHW) for side, y in zip(self.sides, levels, strict=True))
        main: Tensor = self.join(torch.cat(sides, 1))
        return Outputs(main, sides) if self.training else main


class ResidualU(nn.Module):
    """A small U-Net added to what enters it: RSU-``depth`` of U2-Net; ``dilated``: RSU-4F, which pools nothing."""

    def __init__(self, inputs: int, middle: int, outputs: int, depth: int, *, dilated: bool = False) -> None:
        super().__init__()
        self.dilated = dilated
        rates = [2**level if dilated else 1 for level in range(depth - 1)]
        enter, leave = [outputs, *[middle] * (depth - 2)], [outputs, *[middle] * (depth - 2)]
        self.first = layer(inputs, outputs)
        self.down = nn.ModuleList(layer(channels, middle, rate) for channels, rate in zip(enter, rates, strict=True))
        self.bottom = layer(middle, middle, 2 ** (depth - 1) if dilated else 2)
        self.up = nn.ModuleList(
            layer(2 * middle, channels, rate) for channels, rate in zip(leave[::-1], rates[::-1], strict=True)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        skips: list[Tensor] = []
        y = first = self.first(x_BCHW)
        for down in self.down:
            pooled = y if self.dilated or not skips else F.max_pool2d(y, 2)
            y = down(pooled)
            skips.append(y)
        y = self.bottom(y)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            y = up(torch.cat([y if self.dilated else resize_like(y, skip), skip], 1))
        total: Tensor = first + y
        return total


def layer(inputs: int, outputs: int, rate: int = 1) -> nn.Module:
    """3x3 convolution at this dilation, batch normalisation, ReLU."""
    made: nn.Module = Conv2dNormActivation(inputs, outputs, dilation=rate, bias=True)
    return made


class AtrousPyramid(nn.Module):
    """Convolutions of one map at several dilations, mixed (Chen et al., IEEE TPAMI 40(4), 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            Conv2dNormActivation(channels, channels, 1 if rate == 1 else 3, dilation=rate) for rate in RATES
        )
        self.join = Conv2dNormActivation(channels * len(RATES), channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        y: Tensor = self.join(torch.cat([branch(x_BCHW) for branch in self.branches], 1))
        return y
