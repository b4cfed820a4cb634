"""MobileNetV2 encoder with a light top-down decoder: the network that ships in the package.

Encoder: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018. Its batch norms are folded
into the convolutions, so that weights published for inference can start it. Decoder: Lin et al., "Feature Pyramid
Networks for Object Detection", CVPR 2017, with concatenation. The logits leave stride 2 through a pixel shuffle
(Shi et al., CVPR 2016): each of the four pixels of a cell gets its own weights, which one-pixel cracks need.

Every resampling is ``align_corners=False`` and every size may be odd: tiles agree with the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.errors import ModelError
from crackwise.models.blocks import Merge, mean_over_looks, with_half_size

__all__ = ["MobileNetFPN", "build", "load_encoder_weights"]

# expansion, output channels, repeats, stride (table 2 of the paper)
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
LATERAL_CHANNELS = (16, 24, 32, 96, 320)  # the last block at strides 2, 4, 8, 16, 32
DECODER_CHANNELS = (24, 48, 64, 96, 96)
LATERAL_STAGES = (0, 1, 2, 4, 6)


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME does at even sizes: at stride 2 one more on the right and bottom."""

    def __init__(self, inputs: int, outputs: int, kernel_px: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel_px, stride, groups=groups)
        before = (kernel_px - stride) // 2 if stride > 1 else (kernel_px - 1) // 2
        self.border = (before, kernel_px - 1 - before, before, kernel_px - 1 - before)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, ceil(H / stride), ceil(W / stride))."""
        if self.stride == (1, 1):
            return F.conv2d(x_BCHW, self.weight, self.bias, 1, self.border[0], 1, self.groups)
        return super().forward(F.pad(x_BCHW, self.border))


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1, with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [nn.Conv2d(inputs, hidden, 1), nn.ReLU6()] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expand, SameConv(hidden, hidden, 3, stride, groups=hidden), nn.ReLU6(), nn.Conv2d(hidden, outputs, 1)
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x_BCHW)
        return x_BCHW + y if self.shortcut else y


class Encoder(nn.Module):
    """MobileNetV2 1.0 without its classifier; returns the maps of strides 2, 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 32, 3, 2), nn.ReLU6())
        stages, inputs = [], 32
        for expansion, outputs, repeats, stride in STAGES:
            blocks = []
            for i in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """RGB in [-1, 1] to five maps, finest first."""
        maps, x = [], self.stem(x_BCHW)
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in LATERAL_STAGES:
                maps.append(x)
        return maps


class MobileNetFPN(nn.Module):
    """RGB in [0, 1] (B, 3, H, W) to logits (B, K, H, W); any height and width."""

    def __init__(self, class_count: int, *, looks: int = 1, half: bool = False) -> None:
        super().__init__()
        self.looks, self.halved = looks, half
        self.encoder = Encoder()
        self.top = nn.Sequential(
            nn.Conv2d(LATERAL_CHANNELS[-1], DECODER_CHANNELS[-1], 1, bias=False),
            nn.BatchNorm2d(DECODER_CHANNELS[-1]),
            nn.ReLU(),
        )
        self.merges = nn.ModuleList(
            Merge(DECODER_CHANNELS[i + 1], LATERAL_CHANNELS[i], DECODER_CHANNELS[i])
            for i in reversed(range(len(LATERAL_CHANNELS) - 1))
        )
        self.head = nn.Conv2d(DECODER_CHANNELS[0], 4 * class_count, 3, padding=1)
        nn.init.constant_(self.head.bias, -3.0)  # type: ignore[arg-type]  # cracks are rare: start from a low probability

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """RGB in [0, 1] to one logit per class and pixel."""
        if self.halved and not self.training:
            return with_half_size(self.look_around, x_BCHW)
        return self.look_around(x_BCHW)

    def look_around(self, x_BCHW: Tensor) -> Tensor:
        """The same, at one size."""
        return mean_over_looks(self.look, x_BCHW, 1 if self.training else self.looks)

    def look(self, x_BCHW: Tensor) -> Tensor:
        """The same, at the picture alone."""
        *maps, coarsest = self.encoder(x_BCHW * (255 / 128) - 1)
        y = self.top(coarsest)
        for merge, lateral in zip(self.merges, reversed(maps), strict=True):
            y = merge(y, lateral)
        return F.pixel_shuffle(self.head(y), 2)[..., : x_BCHW.shape[-2], : x_BCHW.shape[-1]]


def load_encoder_weights(encoder: Encoder, path: Path) -> None:
    """Copy folded MobileNetV2 1.0 weights from an npz of arrays ``NN.weight`` and ``NN.bias`` in network order.

    Raises:
        ModelError: the file is missing or does not hold these 51 convolutions.
    """
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for i, convolution in enumerate(convolutions):
                convolution.load_state_dict(
                    {part: torch.from_numpy(arrays[f"{i:02d}.{part}"]) for part in ("weight", "bias")}
                )
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"No MobileNetV2 encoder weights in {path}: {error}. Pass an npz of folded weights."
        ) from error


def draw_encoder_weights(encoder: Encoder) -> None:
    """Random weights that a picture gets through (He et al., ICCV 2015), in place.

    There is no normalisation in the encoder: with PyTorch's own start the deep maps hardly depend on the picture.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every convolution here has one
    for module in encoder.modules():
        if isinstance(module, InvertedResidual):  # its last convolution is followed by no ReLU
            nn.init.kaiming_normal_(module.layers[-1].weight, nonlinearity="linear")  # type: ignore[arg-type]


def build(
    classes: Sequence[str] = ("crack",),
    *,
    encoder_weights: str | None = None,
    looks: Literal[1, 2, 8] = 1,
    half: bool = False,
) -> MobileNetFPN:
    """The network, its encoder started from ``encoder_weights`` (a path to an npz) where given.

    ``looks``: once trained, it answers with the mean over the picture alone (1), with its mirror image (2), or with
    both turned by every right angle (8); the time grows with them.
    ``half``: it looks at the picture at half size too and answers with the soft maximum, in 1.25 times the time.
    """
    net = MobileNetFPN(len(classes), looks=looks, half=half)
    if encoder_weights is None:
        draw_encoder_weights(net.encoder)
    else:
        load_encoder_weights(net.encoder, Path(encoder_weights))
    return net
