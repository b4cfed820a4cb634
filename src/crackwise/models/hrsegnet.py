"""HrSegNet: a path that stays at stride 4, guided by coarser maps.

Li, Ma, Liu and Cheng, "Real-time high-resolution neural network with semantic guidance for crack segmentation",
Automation in Construction 156, 2023, arXiv:2307.00270. Sizes, counts and variants: docs/models/hrsegnet.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.blocks import ConvBNReLU, MultipleOf, Normalize, Outputs, TrainingOnly, TwoWay, kaiming_start

__all__ = ["HrSegNet", "build", "guided_blocks", "stem"]

Even = Annotated[int, Field(ge=2, multiple_of=2)]
Positive = Annotated[int, Field(ge=1)]


def build(
    classes: Sequence[str] = ("crack",),
    *,
    base: Even = 16,
    depth: Positive = 3,
    variant: Literal["published", "tiled"] = "published",
    project_first: bool = True,
) -> nn.Module:
    """HrSegNet-B``base`` with ``depth`` units per block; published are 16, 32, 48, 64 and 3, 4, 5.

    ``published`` resamples with ``align_corners=True`` and ends in two softmax channels. ``tiled`` does neither, so
    that tiles with a large enough border equal the whole picture. ``project_first`` changes the cost, not the result.
    """
    if variant == "published":
        return TwoWay(HrSegNet(base, depth, 2 * len(classes), align_corners=True, project_first=project_first))
    return MultipleOf(HrSegNet(base, depth, len(classes), align_corners=False, project_first=project_first), 32)


class HrSegNet(nn.Module):
    """RGB in [0, 1] (B, 3, H, W) to ``channels`` maps (B, channels, H, W); ``Outputs`` while training."""

    def __init__(self, base: int, depth: int, channels: int, *, align_corners: bool, project_first: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.stem = stem(base)
        self.blocks = guided_blocks(base, depth, align_corners=align_corners, project_first=project_first)
        self.head = nn.Sequential(
            nn.BatchNorm2d(base),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(base, base, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(base),
            nn.ReLU(inplace=True),
            nn.Conv2d(base, channels, 1),
        )
        self.auxiliary = TrainingOnly(auxiliary_head(base, channels) for _ in range(2))
        kaiming_start(self)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        h, w = x_BCHW.shape[-2:]
        x = self.stem(self.normalize(x_BCHW))
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        main = resize(self.head(x), h, w, align_corners=self.align_corners)
        if not self.training:
            return main
        guided = zip(self.auxiliary, maps[:2], strict=True)
        return Outputs(main, tuple(resize(head(m), h, w, align_corners=self.align_corners) for head, m in guided))


def stem(base: int) -> nn.Sequential:
    """From the picture to ``base`` channels at stride 4."""
    return nn.Sequential(
        ConvBNReLU(3, base // 2, stride=2, bias=True), ConvBNReLU(base // 2, base, stride=2, bias=True)
    )


def guided_blocks(base: int, depth: int, *, align_corners: bool, project_first: bool) -> nn.ModuleList:
    """The three blocks of the path at stride 4, each guided from further down."""
    return nn.ModuleList(
        GuidedBlock(base, wide, depth, first(base), align_corners=align_corners, project_first=project_first)
        for wide, first in ((2 * base, to_stride_8), (4 * base, to_stride_16), (8 * base, to_stride_32))
    )


class GuidedBlock(nn.Module):
    """``depth`` units at stride 4, each followed by the sum with a map of the guidance path."""

    def __init__(
        self, base: int, wide: int, depth: int, first: nn.Module, *, align_corners: bool, project_first: bool
    ) -> None:
        super().__init__()
        self.high = nn.ModuleList(ConvBNReLU(base, base, bias=True) for _ in range(depth))
        self.guidance = nn.ModuleList([first, *(ConvBNReLU(wide, wide, bias=True) for _ in range(depth - 1))])
        self.projections = nn.ModuleList(
            Projection(wide, base, align_corners=align_corners, project_first=project_first) for _ in range(depth)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, base, H, W) to the same shape."""
        h, low = x_BCHW, x_BCHW
        for high, guide, project in zip(self.high, self.guidance, self.projections, strict=True):
            h, low = high(h), guide(low)
            h = h + project(low, h)
        return h


class Projection(nn.Module):
    """1x1 convolution and bilinear upsampling to the size of another map.

    Both are linear and the weights of the upsampling sum to one, so they commute. The order of the paper, upsampling
    first, costs the whole network 22 % more multiplications for the same numbers.
    """

    def __init__(self, inputs: int, outputs: int, *, align_corners: bool, project_first: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 1)
        self.align_corners = align_corners
        self.project_first = project_first

    def forward(self, low_BCHW: Tensor, like_BCHW: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, H, W) of ``like``."""
        h, w = like_BCHW.shape[-2:]
        if self.project_first:
            return resize(self.convolution(low_BCHW), h, w, align_corners=self.align_corners)
        y: Tensor = self.convolution(resize(low_BCHW, h, w, align_corners=self.align_corners))
        return y


def to_stride_8(base: int) -> nn.Sequential:
    """The first guidance unit of block 1, to twice the channels."""
    return nn.Sequential(ConvBNReLU(base, 2 * base, stride=2, bias=True))


def to_stride_16(base: int) -> nn.Sequential:
    """The first guidance unit of block 2, to four times the channels."""
    return nn.Sequential(half_size(), ConvBNReLU(base, 4 * base, stride=2, bias=True))


def to_stride_32(base: int) -> nn.Sequential:
    """The first guidance unit of block 3, to eight times the channels."""
    wide = 8 * base
    return nn.Sequential(
        half_size(), ConvBNReLU(base, wide, stride=2, bias=True), ConvBNReLU(wide, wide, stride=2, bias=True)
    )


def half_size() -> nn.AvgPool2d:
    """Average of 3x3 at every second pixel; the border is not part of the average, as in the authors' framework."""
    return nn.AvgPool2d(3, 2, 1, count_include_pad=False)


def auxiliary_head(base: int, channels: int) -> nn.Sequential:
    """From the map of a block to logits at stride 4."""
    return nn.Sequential(
        nn.BatchNorm2d(base),
        nn.ReLU(inplace=True),
        nn.Conv2d(base, base, 3, padding=1),
        nn.BatchNorm2d(base),
        nn.ReLU(inplace=True),
        nn.Conv2d(base, channels, 1),
    )


def resize(x_BCHW: Tensor, h: int, w: int, *, align_corners: bool) -> Tensor:
    """Bilinear resampling to height ``h`` and width ``w``."""
    return F.interpolate(x_BCHW, size=(h, w), mode="bilinear", align_corners=align_corners)
