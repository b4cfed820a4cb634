"""Segment Anything without prompts, as CrackSAM tunes it.

Sources: Kirillov et al., "Segment Anything", ICCV 2023; Ge et al., "Fine-tuning vision foundation model for crack
segmentation in civil infrastructures", Construction and Building Materials 431, 2024. The network is transformers'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

from crackwise.errors import ModelError
from crackwise.models.blocks import FixedSize, Normalize, TwoWay
from crackwise.models.checkpoints import Stretch, lay_over, pretrained
from crackwise.models.relative import fold_relative_positions
from crackwise.models.tuning import Anatomy

__all__ = ["SIZES", "CrackSAM", "build"]

SAM_MEAN = (123.675 / 255, 116.28 / 255, 103.53 / 255)
SAM_STD = (58.395 / 255, 57.12 / 255, 57.375 / 255)
PATCH_PX = 16

FRESH = ("mask_tokens", "output_hypernetworks_mlps", "iou_prediction_head")
"""What a base gives nothing to: SAM has four mask tokens, this network two per class."""


class Size(NamedTuple):
    """One image encoder of the family."""

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    """Blocks that attend over the whole picture; all others inside windows of 14x14 patches."""


SIZES = {
    "vit_b": Size(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": Size(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": Size(1280, 32, 16, (7, 15, 23, 31)),
    "tiny": Size(64, 3, 4, (2,)),
}
"""``tiny`` is for trying things out: no weights are published for it."""


ANATOMY = Anatomy(
    head=("prompt_encoder", "mask_decoder"),
    scopes={"encoder": ("vision_encoder.layers",)},
    encoder="vision_encoder",
)


class CrackSAM(nn.Module):
    """RGB in [0, 1] (B, 3, S, S) to two channels per class (B, 2K, S, S): background, crack; S fixed at building."""

    anatomy = ANATOMY

    def __init__(self, sam: SamModel) -> None:
        super().__init__()
        self.vision_encoder = sam.vision_encoder
        self.prompt_encoder = sam.prompt_encoder
        self.mask_decoder = sam.mask_decoder
        fix_fourier(self.prompt_encoder)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """The two channels of every class, at the size of the picture."""
        features = self.vision_encoder(image_BCHW).last_hidden_state
        masks = self.decode(features)
        return F.interpolate(masks, image_BCHW.shape[-2:], mode="bilinear", align_corners=False)

    def decode(self, features_BCHW: Tensor) -> Tensor:
        """All mask tokens' masks at stride 4: the dot product comes before the upsampling, which is linear."""
        decoder = self.mask_decoder
        batch, _, h, w = features_BCHW.shape
        no_mask = self.prompt_encoder.no_mask_embed.weight[..., None, None]
        tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])[None, None].expand(batch, 1, -1, -1)
        tokens, features = decoder.transformer(
            point_embeddings=tokens,
            image_embeddings=features_BCHW + no_mask,
            image_positional_embeddings=positions(self.prompt_encoder, h, w),
            attention_similarity=None,
        )[:2]
        features = features.transpose(2, 3).reshape(batch, -1, h, w)
        features = decoder.activation(decoder.upscale_layer_norm(decoder.upscale_conv1(features)))
        features = decoder.activation(decoder.upscale_conv2(features))
        vectors = [mlp(tokens[:, 0, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
        return torch.einsum("bnc,bchw->bnhw", torch.stack(vectors, 1), features)


def fix_fourier(prompt_encoder: nn.Module) -> None:
    """Make the Fourier matrix a buffer: it is drawn once and never learnt."""
    fourier: Any = prompt_encoder.shared_embedding
    matrix = fourier.positional_embedding.detach()
    del fourier.positional_embedding
    fourier.register_buffer("positional_embedding", matrix)


def positions(prompt_encoder: nn.Module, h: int, w: int) -> Tensor:
    """Fourier features (1, C, h, w) of the centres of the cells."""
    fourier: Any = prompt_encoder.shared_embedding
    matrix = fourier.positional_embedding
    y = (torch.arange(h, device=matrix.device, dtype=matrix.dtype) + 0.5) / h
    x = (torch.arange(w, device=matrix.device, dtype=matrix.dtype) + 0.5) / w
    encoded: Tensor = fourier(torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1))
    return encoded.permute(2, 0, 1)[None]


def build(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["vit_b", "vit_l", "vit_h", "tiny"] = "vit_b",
    input_px: int = 448,
    normalize: Literal["none", "sam"] = "none",
    base: str | None = None,
) -> nn.Module:
    """SAM at ``input_px`` with two mask tokens per class; pictures of other sizes are resampled to it.

    ``normalize``: ``none`` as CrackSAM was published, ``sam`` with the statistics SAM was trained with. ``base``: a
    folder or hub name of SAM's weights, for pictures of any side; all but the mask tokens and their MLPs start there.

    Raises:
        ModelError: ``input_px`` is not a multiple of 16, or there is no such base of this size.
    """
    sam = start(size, input_px, 2 * len(classes), base=base, fresh=FRESH)
    fold_relative_positions(sam.vision_encoder)
    net: nn.Module = TwoWay(CrackSAM(sam))
    if normalize == "sam":
        net = nn.Sequential(Normalize(SAM_MEAN, SAM_STD), net)
    return FixedSize(net, input_px)


def start(size: str, input_px: int, mask_tokens: int, *, base: str | None, fresh: Sequence[str] = ()) -> SamModel:
    """transformers' SAM, from a base but for what is called one of ``fresh``; without a base at random.

    Raises:
        ModelError: ``input_px`` is not a multiple of 16, or there is no such base of this size.
    """
    if input_px <= 0 or input_px % PATCH_PX:
        raise ModelError(f"SAM: input_px={input_px} does not fit; it must be a multiple of {PATCH_PX}.")
    sam = SamModel(configuration(SIZES[size], input_px, mask_tokens))
    if base is not None:
        published = {name: facts(configuration(each, input_px, mask_tokens)) for name, each in SIZES.items()}
        tensors = pretrained(base, {"sam": SamModel}, size=size, published=published, facts=facts)
        lay_over(sam, tensors, base, fresh=fresh, stretches=stretches(SIZES[size]))
    return sam


def configuration(size: Size, input_px: int, mask_tokens: int) -> SamConfig:
    """transformers' description of a size."""
    vision = SamVisionConfig(
        hidden_size=size.width,
        num_hidden_layers=size.depth,
        num_attention_heads=size.heads,
        global_attn_indexes=list(size.global_blocks),
        image_size=input_px,
        initializer_range=0.02,
    )
    return SamConfig(
        vision_config=vision.to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(image_size=input_px).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(num_multimask_outputs=mask_tokens - 1).to_dict(),
    )


def facts(config: SamConfig) -> dict[str, object]:
    """What tells one size of the family from another."""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "global_attn_indexes", "window_size")
    return {name: getattr(config.vision_config, name) for name in names}


def stretches(size: Size) -> Mapping[str, Stretch]:
    """The tensors that depend on the side of the picture: the position map and the tables of the global blocks."""
    tables = [f"vision_encoder.layers.{i}.attn.rel_pos_{axis}" for i in size.global_blocks for axis in "hw"]
    return {"vision_encoder.pos_embed": stretch_map, **dict.fromkeys(tables, stretch_table)}


def stretch_map(positions_1HWC: Tensor, shape: torch.Size) -> Tensor:
    """A position map (1, h, w, C) at another height and width."""
    resized = F.interpolate(positions_1HWC.permute(0, 3, 1, 2), shape[1:3], mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)


def stretch_table(table_DC: Tensor, shape: torch.Size) -> Tensor:
    """A table (distances, C) of relative positions for another number of distances."""
    return F.interpolate(table_DC.T[None], shape[0], mode="linear", align_corners=False)[0].T
