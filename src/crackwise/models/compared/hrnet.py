"""HRNet under a fully convolutional head: four resolutions side by side, joined at stride 4.

Wang, Sun et al., "Deep High-Resolution Representation Learning for Visual Recognition", IEEE TPAMI 43(10), 2021,
arXiv:1908.07919, section 3.3 (HRNetV2). The encoder is timm's, without the layers that classification puts on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.blocks import ConvBNReLU
from crackwise.models.comparators import any_size

__all__ = ["HRNetFCN", "build"]

LEVELS = (1, 2, 3, 4)  # strides 4, 8, 16 and 32; the first of timm's maps is the stem's


class HRNetFCN(nn.Module):
    """Normalised RGB (B, 3, H, W), sides multiples of 32, to logits (B, K, H, W)."""

    def __init__(self, encoder: nn.Module, channels: int, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(ConvBNReLU(channels, channels, kernel_px=1), nn.Conv2d(channels, outputs, 1))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        maps = self.encoder(image_BCHW)
        size = maps[0].shape[-2:]
        finest = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps]
        return F.interpolate(
            self.head(torch.cat(finest, 1)), image_BCHW.shape[-2:], mode="bilinear", align_corners=False
        )


def build(
    classes: Sequence[str] = ("crack",),
    *,
    width: Literal["w18", "w18_small"] = "w18",
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """HRNet-W18, or its small version with a tenth of the weights."""
    encoder: Any = timm.create_model(
        f"hrnet_{width}",
        pretrained=encoder_weights is not None,
        features_only=True,
        feature_location="",  # as the stages leave them
        out_indices=LEVELS,
    )
    return any_size(HRNetFCN(encoder, sum(encoder.feature_info.channels()), len(classes)))
