"""PSPNet: a dilated encoder under pyramid pooling.

Zhao, Shi, Qi, Wang and Jia, "Pyramid Scene Parsing Network", CVPR 2017, arXiv:1612.01105. The encoders are those of
segmentation_models_pytorch; its own PSPNet cuts them off at stride 8, the published one dilates them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import segmentation_models_pytorch as smp
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.blocks import AdaptivePool, ConvBNReLU
from crackwise.models.comparators import any_size, encoder_fits

__all__ = ["POOLED_SIDES", "PSPHead", "PSPNet", "build"]

POOLED_SIDES = (1, 2, 3, 6)
STRIDE_PX = 8


class PSPHead(nn.Module):
    """Averages of the map in 1, 4, 9 and 36 cells beside the map itself, mixed by a 3x3 convolution (figure 3)."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            nn.Sequential(AdaptivePool(side), ConvBNReLU(inputs, width, kernel_px=1)) for side in POOLED_SIDES
        )
        self.mix = ConvBNReLU(inputs + len(POOLED_SIDES) * width, width)
        self.dropout = nn.Dropout2d(0.1)
        self.logits = nn.Conv2d(width, outputs, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to logits (B, outputs, H, W)."""
        size = x_BCHW.shape[-2:]
        pooled = [F.interpolate(pool(x_BCHW), size, mode="bilinear", align_corners=False) for pool in self.pools]
        logits: Tensor = self.logits(self.dropout(self.mix(torch.cat([x_BCHW, *pooled], 1))))
        return logits


class PSPNet(nn.Module):
    """Normalised RGB (B, 3, H, W), sides multiples of 32, to logits (B, K, H, W)."""

    def __init__(self, encoder: nn.Module, head: PSPHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        logits = self.head(self.encoder(image_BCHW)[-1])
        return F.interpolate(logits, image_BCHW.shape[-2:], mode="bilinear", align_corners=False)


def build(
    classes: Sequence[str] = ("crack",),
    *,
    encoder: str = "resnet50",
    encoder_weights: Literal["imagenet"] | None = None,
    width: Annotated[int, Field(ge=1)] = 512,
) -> nn.Module:
    """PSPNet on any encoder of segmentation_models_pytorch that can be dilated (``"resnet101"``, ``"tu-resnet101c"``).

    Raises:
        ModelError: the library has no such encoder, or it cannot be dilated.
    """
    with encoder_fits("pspnet", encoder):
        maps = smp.encoders.get_encoder(encoder, weights=encoder_weights, output_stride=STRIDE_PX)
    return any_size(PSPNet(maps, PSPHead(maps.out_channels[-1], width, len(classes))))
