"""The image encoder of SAM 2 under a convolutional head.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", ICLR 2025 (encoder: Ryali et al., "Hiera", ICML
2023). The encoder is transformers'; the heads are ours: ``published`` is a single level at stride 16, ``fpn`` joins
the strides 4, 8 and 16, which one-pixel cracks need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VisionConfig, Sam2VisionModel

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, FixedSize, Normalize
from crackwise.models.checkpoints import lay_over, pretrained
from crackwise.models.tuning import Anatomy

__all__ = ["SIZES", "Sam2FPN", "build"]

NECK_CHANNELS = 256
HEAD_CHANNELS = 128
FPN_CHANNELS = 64
STRIDE_PX = 32

KINDS = {"sam2": Sam2Model, "sam2_video": Sam2Model, "sam2_vision_model": Sam2VisionModel}
"""The whole of SAM 2 with or without its memory, as on the hub, or the image encoder alone."""
ENCODER = "vision_encoder."


class Size(NamedTuple):
    """One Hiera of the family."""

    width: int
    heads: int
    depths: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7
    """Side of the learnt position map."""


SIZES = {
    "tiny": Size(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "small": Size(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "base_plus": Size(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "large": Size(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
    "nano": Size(16, 1, (1, 1, 2, 1), (3,)),
}
"""``nano`` is for trying things out: no weights are published for it."""


class PublishedHead(nn.Module):
    """3x3 and 1x1 convolution on the stride-16 level."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(NECK_CHANNELS, HEAD_CHANNELS, 3, padding=1), nn.ReLU(), nn.Conv2d(HEAD_CHANNELS, outputs, 1)
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels of strides 4, 8 and 16 to logits at stride 16."""
        logits: Tensor = self.layers(levels[-1])
        return logits


class FpnHead(nn.Module):
    """The three levels brought to stride 4, joined and mixed."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(NECK_CHANNELS, FPN_CHANNELS, 1) for _ in range(3))
        self.mix = nn.Sequential(
            nn.Conv2d(3 * FPN_CHANNELS, FPN_CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(FPN_CHANNELS),
            nn.ReLU(),
            nn.Conv2d(FPN_CHANNELS, outputs, 3, padding=1),
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels of strides 4, 8 and 16 to logits at stride 4."""
        size = levels[0].shape[-2:]
        maps = [
            F.interpolate(lateral(level), size, mode="bilinear", align_corners=False)
            for lateral, level in zip(self.laterals, levels, strict=True)
        ]
        logits: Tensor = self.mix(torch.cat(maps, 1))
        return logits


HEADS = {"published": PublishedHead, "fpn": FpnHead}


class Sam2FPN(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 32, to logits (B, K, H, W)."""

    anatomy = Anatomy(head=("head",), scopes={"trunk": ("encoder.backbone",)}, encoder="encoder.backbone")

    def __init__(self, encoder: Sam2VisionModel, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        levels = self.encoder(image_BCHW).fpn_hidden_states
        return F.interpolate(self.head(levels), image_BCHW.shape[-2:], mode="bilinear", align_corners=False)


def build(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["tiny", "small", "base_plus", "large", "nano"] = "base_plus",
    head: Literal["published", "fpn"] = "fpn",
    input_px: int = 512,
    normalize: Literal["none", "imagenet"] = "imagenet",
    base: str | None = None,
) -> nn.Module:
    """SAM 2's encoder with one of ``HEADS``; pictures of other sizes than ``input_px`` are resampled to it.

    ``normalize``: ``imagenet`` as SAM 2 was trained, ``none`` as its crack tuning was published. ``base``: a folder or
    hub name of SAM 2's weights; the encoder starts there, the head from random weights.

    Raises:
        ModelError: ``input_px`` is not a multiple of 32, or there is no such base of this size.
    """
    if input_px <= 0 or input_px % STRIDE_PX:
        raise ModelError(f"sam2: input_px={input_px} does not fit; it must be a multiple of {STRIDE_PX}.")
    encoder = Sam2VisionModel(configuration(SIZES[size], input_px))
    if base is not None:
        published = {name: facts(configuration(each, input_px)) for name, each in SIZES.items()}
        tensors = pretrained(base, KINDS, size=size, published=published, facts=facts)
        whole = {name.removeprefix(ENCODER): tensor for name, tensor in tensors.items() if name.startswith(ENCODER)}
        lay_over(encoder, whole or tensors, base)
    net: nn.Module = Sam2FPN(encoder, HEADS[head](len(classes)))
    if normalize == "imagenet":
        net = nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net)
    return FixedSize(net, input_px)


def configuration(size: Size, input_px: int) -> Sam2VisionConfig:
    """transformers' description of a size."""
    widths = [size.width * 2**stage for stage in range(4)]
    trunk = Sam2HieraDetConfig(
        hidden_size=size.width,
        num_attention_heads=size.heads,
        image_size=[input_px, input_px],
        blocks_per_stage=list(size.depths),
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[size.heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(size.windows),
        global_attention_blocks=list(size.global_blocks),
        window_positional_embedding_background_size=[size.background, size.background],
    )
    levels = [[input_px // stride] * 2 for stride in (4, 8, 16)]
    return Sam2VisionConfig(
        backbone_config=trunk.to_dict(), backbone_channel_list=widths[::-1], backbone_feature_sizes=levels
    )


def facts(config: Sam2Config | Sam2VisionConfig) -> dict[str, object]:
    """What tells one size of the family from another."""
    vision = config.vision_config if isinstance(config, Sam2Config) else config
    names = (
        "embed_dim_per_stage",
        "blocks_per_stage",
        "num_attention_heads_per_stage",
        "global_attention_blocks",
        "window_size_per_stage",
        "window_positional_embedding_background_size",
    )
    trunk = vision.backbone_config  # type: ignore[union-attr]  # transformers allows a dict until it is built
    return {name: list(getattr(trunk, name)) for name in names}
