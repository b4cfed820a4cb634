"""OCRNet: every pixel looks at what the regions of the picture look like on the whole.

Yuan, Chen and Wang, "Object-Contextual Representations for Semantic Segmentation", ECCV 2020, arXiv:1909.11065; on
HRNet (Wang et al., IEEE TPAMI 43(10), 2021, from timm) or on the trunk of HrSegNet.

Letters: N regions, here the channels of the logits; P pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import timm
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import Conv2dNormActivation

from crackwise.models.blocks import ConvBNReLU, MultipleOf, Normalize, Outputs, TwoWay, kaiming_start, resize_like
from crackwise.models.hrsegnet import guided_blocks, stem

__all__ = ["OCRNet", "build"]

Even = Annotated[int, Field(ge=2, multiple_of=2)]

STRIDE = 32


def build(
    classes: Sequence[str] = ("crack",),
    *,
    backbone: Literal["hrnet_w18", "hrsegnet_b16", "hrsegnet_b64"] = "hrnet_w18",
    width: Even = 512,
) -> nn.Module:
    """OCRNet on a trunk of ``TRUNKS``; ``width`` is the channels of a pixel, twice those of keys, published: 512."""
    return TwoWay(MultipleOf(OCRNet(backbone, width, 2 * len(classes)), STRIDE))


class HRNet(nn.Module):
    """HRNet-W18 without its classifier: its maps of the strides 4 to 32 as one at stride 4."""

    channels = 18 + 36 + 72 + 144

    def __init__(self) -> None:
        super().__init__()
        self.net = timm.create_model(
            "hrnet_w18", pretrained=False, features_only=True, feature_location="", out_indices=(1, 2, 3, 4)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 270, H / 4, W / 4)."""
        finest, *coarser = self.net(x_BCHW)
        return torch.cat([finest, *(resize_like(y, finest) for y in coarser)], 1)


def hrsegnet_trunk(base: int) -> tuple[nn.Module, int]:
    """HrSegNet without its heads, and the channels it ends in at stride 4."""
    trunk = nn.Sequential(stem(base), *guided_blocks(base, 3, align_corners=True, project_first=True))
    kaiming_start(trunk)
    return trunk, base


TRUNKS: Mapping[str, Callable[[], tuple[nn.Module, int]]] = {
    "hrnet_w18": lambda: (HRNet(), HRNet.channels),
    "hrsegnet_b16": lambda: hrsegnet_trunk(16),
    "hrsegnet_b64": lambda: hrsegnet_trunk(64),
}


class OCRNet(nn.Module):
    """RGB in [0, 1] (B, 3, H, W), sides multiples of 32, to ``channels`` maps; ``Outputs`` while training.

    The auxiliary logits are the soft regions: the deployed network needs them as well.
    """

    def __init__(self, backbone: str, width: int, channels: int) -> None:
        super().__init__()
        self.normalize = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.trunk, seen = TRUNKS[backbone]()
        self.regions = nn.Sequential(Conv2dNormActivation(seen, seen, 1), nn.Conv2d(seen, channels, 1))
        self.pixels = ConvBNReLU(seen, width)
        self.attention = RegionAttention(width, width // 2)
        self.join = nn.Sequential(Conv2dNormActivation(2 * width, width, 1), nn.Dropout2d(0.1))
        self.head = nn.Conv2d(width, channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to maps of the same height and width."""
        seen = self.trunk(self.normalize(x_BCHW))
        regions, pixels = self.regions(seen), self.pixels(seen)
        context = self.attention(pixels, look_of_regions(pixels, regions))
        main = resize_like(self.head(self.join(torch.cat([context, pixels], 1))), x_BCHW)
        return Outputs(main, (resize_like(regions, x_BCHW),)) if self.training else main


def look_of_regions(pixels_BCHW: Tensor, regions_BNHW: Tensor) -> Tensor:
    """The mean look of each region (B, C, N, 1): every pixel counts by its share of the region. Eq. 8."""
    share_BNP = regions_BNHW.flatten(2).softmax(-1)
    looks_BNC = share_BNP @ pixels_BCHW.flatten(2).transpose(1, 2)
    return looks_BNC.transpose(1, 2)[..., None]


class RegionAttention(nn.Module):
    """Each pixel's mixture of the looks of all regions, by how alike pixel and region are. Eq. 9 and 10."""

    def __init__(self, width: int, keys: int) -> None:
        super().__init__()
        self.query = nn.Sequential(Conv2dNormActivation(width, keys, 1), Conv2dNormActivation(keys, keys, 1))
        self.key = nn.Sequential(Conv2dNormActivation(width, keys, 1), Conv2dNormActivation(keys, keys, 1))
        self.value = Conv2dNormActivation(width, keys, 1)
        self.last = Conv2dNormActivation(keys, width, 1)

    def forward(self, pixels_BCHW: Tensor, looks_BCN1: Tensor) -> Tensor:
        """Pixels (B, width, H, W) and looks (B, width, N, 1) to context (B, width, H, W)."""
        query, key, value = self.query(pixels_BCHW), self.key(looks_BCN1), self.value(looks_BCN1)
        one_head = (y.flatten(2).transpose(1, 2)[:, None] for y in (query, key, value))
        context_B1PD = F.scaled_dot_product_attention(*one_head)
        context: Tensor = self.last(context_B1PD[:, 0].transpose(1, 2).reshape(query.shape))
        return context
