"""A plain vision transformer under UPerNet.

Dosovitskiy et al., "An Image Is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929 (timm's); Xiao et al., "Unified
Perceptual Parsing for Scene Understanding", ECCV 2018, arXiv:1807.10221 (transformers'). A transformer has one size of
map; `Neck` makes the four of a pyramid of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import timm
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import UperNetConfig
from transformers.models.upernet.modeling_upernet import UperNetHead

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, FixedSize, Normalize

__all__ = ["SIZES", "ViTUPerNet", "build"]

SCALES = (4.0, 2.0, 1.0, 0.5)  # from stride 16 to strides 4, 8, 16 and 32


class Size(NamedTuple):
    """One transformer of the family, and the width of its UPerNet."""

    width: int
    depth: int
    heads: int
    head_width: int


SIZES: Mapping[str, Size] = {"base": Size(768, 12, 12, 512), "nano": Size(32, 4, 2, 16)}
"""``nano`` is for trying things out: no weights are published for it."""


class Neck(nn.Module):
    """Four maps of one size to the four sizes of a pyramid: 1x1 convolution, resampling, 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in SCALES)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in SCALES)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """(B, C, h, w) each to (B, C, scale * h, scale * w)."""
        levels = zip(self.project, self.smooth, maps, SCALES, strict=True)
        return [
            smooth(F.interpolate(project(x), scale_factor=scale, mode="bilinear", align_corners=False))
            for project, smooth, x, scale in levels
        ]


class ViTUPerNet(nn.Module):
    """Normalised RGB (B, 3, S, S), S fixed at building, to logits (B, K, S, S)."""

    def __init__(self, encoder: nn.Module, neck: Neck, head: UperNetHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.neck = neck
        self.head = head

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        logits = self.head(self.neck(self.encoder(image_BCHW)))
        return F.interpolate(logits, image_BCHW.shape[-2:], mode="bilinear", align_corners=False)


def build(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["base", "nano"] = "base",
    input_px: Annotated[int, Field(ge=32, multiple_of=32)] = 448,
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """ViT with patches of 16 under UPerNet; pictures of other sizes than ``input_px`` are resampled to it.

    Raises:
        ModelError: there are no published weights of this size.
    """
    if size == "nano" and encoder_weights is not None:
        raise ModelError("vit_upernet: no weights are published for size='nano'; take base.")
    width, depth, heads, head_width = SIZES[size]
    encoder = timm.create_model(
        "vit_base_patch16_224",
        pretrained=encoder_weights is not None,
        features_only=True,
        out_indices=[depth * (level + 1) // len(SCALES) - 1 for level in range(len(SCALES))],
        img_size=input_px,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
    )
    config = UperNetConfig(hidden_size=head_width, num_labels=len(classes))  # type: ignore[call-arg]  # every config takes it
    head = UperNetHead(config, [width] * len(SCALES))  # type: ignore[no-untyped-call]
    net = ViTUPerNet(encoder, Neck(width), head)
    return FixedSize(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), input_px)
