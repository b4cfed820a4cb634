"""A U-Net for the CPU, trained from nothing in minutes.

Ronneberger et al., "U-Net", MICCAI 2015, made slim: it enters at stride 2 and leaves it through a pixel shuffle (Shi
et al., CVPR 2016), so that no convolution works at full size; plain 3x3 convolutions throughout, which CPUs compute
several times faster per multiplication than depthwise ones. Every resampling is ``align_corners=False``: tiles agree
with the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, ConvBNReLU, Merge, MultipleOf, Normalize

__all__ = ["SlimUNet", "build"]

WIDTHS = (1, 2, 4, 8, 12)
"""Channels at strides 2, 4, 8, 16 and 32, in multiples of the base."""


def build(classes: Sequence[str] = ("crack",), *, base: Annotated[int, Field(ge=2)] = 8) -> nn.Module:
    """The network with ``base`` channels at stride 2: 8 for 0.3 million parameters, 16 for 1.1 million."""
    return MultipleOf(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), SlimUNet(base, len(classes))), 32)


class Stage(nn.Module):
    """To half the size, and one more convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = ConvBNReLU(inputs, outputs, stride=2)
        self.mix = ConvBNReLU(outputs, outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        y: Tensor = self.mix(self.down(x_BCHW))
        return y


class SlimUNet(nn.Module):
    """Normalised RGB (B, 3, H, W), sides multiples of 32, to logits (B, K, H, W)."""

    def __init__(self, base: int, class_count: int) -> None:
        super().__init__()
        widths = [base * width for width in WIDTHS]
        self.encoder = nn.ModuleList(Stage(before, width) for before, width in zip([3, *widths], widths, strict=False))
        self.merges = nn.ModuleList(Merge(coarse, fine, fine) for fine, coarse in reversed(list(pairwise(widths))))
        self.head = nn.Conv2d(widths[0], 4 * class_count, 3, padding=1)
        nn.init.constant_(self.head.bias, -3.0)  # type: ignore[arg-type]  # cracks are rare: start from a low probability

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        maps = [x_BCHW]
        for stage in self.encoder:
            maps.append(stage(maps[-1]))
        y = maps.pop()
        for merge in self.merges:
            y = merge(y, maps.pop())
        return F.pixel_shuffle(self.head(y), 2)
