"""U-Net of five stages with batch normalisation and bilinear upsampling, under an FCN or a PSP head.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
arXiv:1505.04597; heads after Long et al., CVPR 2015, and Zhao et al., CVPR 2017. The sizes are those of the networks
called UNet-S5-D16: convolutions are padded, so that the map keeps its size, and 1x1 convolutions follow the upsampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, ConvBNReLU, MultipleOf, Normalize
from crackwise.models.compared.pspnet import PSPHead

__all__ = ["UNetS5", "build"]

STAGES = 5
STRIDE_PX = 2 ** (STAGES - 1)


class Up(nn.Module):
    """Twice the size and half the channels, joined with the map of the way down (figure 1)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.narrow = ConvBNReLU(inputs, outputs, kernel_px=1)
        self.join = two_convolutions(2 * outputs, outputs)

    def forward(self, coarse_BCHW: Tensor, fine_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) and (B, outputs, 2H, 2W) to the shape of the second."""
        up = self.narrow(F.interpolate(coarse_BCHW, scale_factor=2, mode="bilinear", align_corners=False))
        joined: Tensor = self.join(torch.cat([fine_BCHW, up], 1))
        return joined


class UNetS5(nn.Module):
    """Normalised RGB (B, 3, H, W), sides multiples of 16, to what ``head`` makes of ``base`` channels."""

    def __init__(self, base: int, head: nn.Module) -> None:
        super().__init__()
        widths = [base * 2**stage for stage in range(STAGES)]
        self.down = nn.ModuleList(two_convolutions(i, o) for i, o in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(Up(2 * width, width) for width in reversed(widths[:-1]))
        self.head = head

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        x, skipped = image_BCHW, []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            skipped.append(x)
        for up, fine in zip(self.up, reversed(skipped[:-1]), strict=True):
            x = up(x, fine)
        logits: Tensor = self.head(x)
        return logits


def two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """One stage, at one size."""
    return nn.Sequential(ConvBNReLU(inputs, outputs), ConvBNReLU(outputs, outputs))


def build(
    classes: Sequence[str] = ("crack",),
    *,
    head: Literal["fcn", "psp"],
    base: Annotated[int, Field(ge=4, multiple_of=4)] = 64,
) -> nn.Module:
    """The network with ``base`` channels at full size; published is 64."""
    outputs = len(classes)
    layers: nn.Module
    if head == "fcn":
        layers = nn.Sequential(ConvBNReLU(base, base), nn.Dropout2d(0.1), nn.Conv2d(base, outputs, 1))
    else:
        layers = PSPHead(base, base // 4, outputs)
    return MultipleOf(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), UNetS5(base, layers)), STRIDE_PX)
