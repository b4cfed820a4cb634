"""RUC-Net: a U-Net that goes down by the residual blocks of ResNet-18, with attention over space and channels.

Yu, Dong, Wang and Zhou, "RUC-Net: A Residual-Unet-Based Convolutional Neural Network for Pixel-Level Pavement Crack
Segmentation", Sensors 23(1), 2023; the attention: Roy, Navab and Wachinger, MICCAI 2018, arXiv:1803.02579.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from segmentation_models_pytorch.base.modules import SCSEModule
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

from crackwise.models.blocks import ConvBNReLU, MultipleOf, Normalize, TwoWay, resize_like

__all__ = ["RUCNet", "build"]

Even = Annotated[int, Field(ge=2, multiple_of=2)]

REDUCTION = 2
"""Of the attention over channels, inside; that of Roy et al."""
STRIDE = 16


def build(classes: Sequence[str] = ("crack",), *, base: Even = 64) -> nn.Module:
    """RUC-Net with ``base`` channels at the size of the picture; published: 64."""
    return TwoWay(MultipleOf(RUCNet(base, 2 * len(classes)), STRIDE))


class RUCNet(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 16, to ``channels`` maps (B, channels, H, W)."""

    def __init__(self, base: int, channels: int) -> None:
        super().__init__()
        widths = (base, base, 2 * base, 4 * base, 8 * base)
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.stem = nn.Sequential(ConvBNReLU(3, base), ConvBNReLU(base, base))
        self.down = nn.ModuleList(
            nn.Sequential(*halving(inputs, outputs), SCSEModule(outputs, REDUCTION))
            for inputs, outputs in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(ConvBNReLU(coarse + fine, fine), ConvBNReLU(fine, fine), SCSEModule(fine, REDUCTION))
            for coarse, fine in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(base, channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """RGB in [0, 1] to maps of the same height and width."""
        maps = [self.stem(self.normalize(x_BCHW))]
        for down in self.down:
            maps.append(down(maps[-1]))
        y = maps.pop()
        for up in self.up:
            fine = maps.pop()
            y = up(torch.cat([resize_like(y, fine), fine], 1))
        logits: Tensor = self.head(y)
        return logits


def halving(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Two residual blocks, the first at stride 2."""
    shortcut = Conv2dNormActivation(inputs, outputs, 1, stride=2, activation_layer=None)
    return BasicBlock(inputs, outputs, 2, shortcut), BasicBlock(outputs, outputs)
