"""The names of SAM 2's files (Ravi et al., ICLR 2025), as published in ``sam2*_hiera_*.pt``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from transformers import Sam2VisionConfig

from crackwise.models.sam2 import SIZES, configuration

__all__ = ["NAMES", "UNUSED", "configurations"]

NAMES = (
    (r"^backbone\.", "image_encoder.trunk."),
    (r"^neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
)
"""Pattern in a name of transformers' to what stands there in the file; applied in this order."""

UNUSED = (
    r"sam_(prompt_encoder|mask_decoder)\.|memory_(attention|encoder)\.|obj_ptr_(proj|tpos_proj)\.|mask_downsample\."
    r"|(maskmem_tpos_enc|no_mem_embed|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)$"
)
"""Prompts, masks and the memory of videos: in the file, and not in our network."""

PUBLISHED_PX = 1024


def configurations(_: Mapping[str, Tensor]) -> dict[str, Sam2VisionConfig]:
    """Every size of the family; the tensors are the same for pictures of any side."""
    return {name: configuration(size, PUBLISHED_PX) for name, size in SIZES.items()}
