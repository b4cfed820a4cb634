"""The names of CLIPSeg's decoder files (Lüddecke and Ecker, CVPR 2022), as published in ``rd64-uni*.pth``.

They hold the decoder alone; CLIP comes from its own publisher.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from transformers import CLIPSegConfig

from crackwise.models.clipseg import SIZES, configuration

__all__ = ["NAMES", "UNUSED", "configurations"]

NAMES = (
    (r"^decoder\.", ""),
    (r"^transposed_convolution\.", "trans_conv."),
    (r"^layers\.", "blocks."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
    (r"\.mlp\.fc(\d)\.", r".linear\1."),
    (r"\.self_attn\.[qkv]_proj\.", ".self_attn.in_proj_"),
)
"""Pattern in a name of transformers' to what stands there in the file; applied in this order."""

UNUSED = r"reduce\.(weight|bias)$"
"""A layer that the published code makes and never calls."""


def configurations(_: Mapping[str, Tensor]) -> dict[str, CLIPSegConfig]:
    """Every size of the family."""
    return {name: configuration(name) for name in SIZES}
