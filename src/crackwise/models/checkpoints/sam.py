"""The names of segment-anything's files (Kirillov et al., ICCV 2023), as published in ``sam_vit_*.pth``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from transformers import SamConfig

from crackwise.models.cracksam import PATCH_PX, SIZES, configuration

__all__ = ["NAMES", "configurations"]

MLP = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head)"

NAMES = (
    (r"^shared_image_embedding\.positional_embedding", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"shared_embedding\.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
    (r"^vision_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^vision_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^vision_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^vision_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
    (r"^vision_encoder\.", "image_encoder."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (MLP + r"\.layers\.0\.", r"\1.layers.1."),
    (MLP + r"\.proj_in\.", r"\1.layers.0."),
    (MLP + r"\.proj_out\.", r"\1.layers.2."),
    (r"\.layer_norm(_final_attn|\d)\.", r".norm\1."),
)
"""Pattern in a name of transformers' to what stands there in the file; applied in this order."""

POSITIONS = "image_encoder.pos_embed"
PUBLISHED_PX, LARGEST_PX = 1024, 4096
MASK_TOKENS = 4


def configurations(state: Mapping[str, Tensor]) -> dict[str, SamConfig]:
    """Every size of the family, for pictures of the side that the file's position map is for."""
    shape = state[POSITIONS].shape if POSITIONS in state else ()
    side_px = shape[1] * PATCH_PX if len(shape) == 4 else PUBLISHED_PX
    input_px = side_px if 0 < side_px <= LARGEST_PX else PUBLISHED_PX
    return {name: configuration(size, input_px, MASK_TOKENS) for name, size in SIZES.items()}
