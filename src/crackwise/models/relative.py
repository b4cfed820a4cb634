"""SAM's attention with relative positions, for kernels that know none; in training only.

SAM adds to every logit of attention one term of the rows and one of the columns of query and key (Li et al., "MViTv2",
CVPR 2022, Eq. 4). As a bias that takes a gradient, (N, N) per head, they rule the fast kernels out and are kept for the
way back. Both are dot products, of the query's terms with the key's place as ones and zeros: appended to queries and
keys they are added by the product itself, and nothing of N x N is ever made. Without gradients the kernels take a bias.

Letters: B windows, H height, W width, N = H W, D width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.sam.modeling_sam import SamVisionAttention, SamVisionSdpaAttention

__all__ = ["attend", "fold_relative_positions"]


class FoldedAttention(SamVisionSdpaAttention):
    """transformers' attention, which runs as ``attend`` while it trains."""

    def forward(self, hidden_states: Tensor, output_attentions: bool = False) -> Any:
        """(B, H, W, C) to the same shape, and the weights or None; transformers names one type and returns another."""
        if self.training:
            return attend(self, hidden_states)
        return super().forward(hidden_states, output_attentions)


def fold_relative_positions(encoder: nn.Module) -> None:
    """Let every attention of SAM's encoder be a ``FoldedAttention``, in place; weights and their names stay."""
    for module in encoder.modules():
        if isinstance(module, SamVisionAttention):
            module.__class__ = FoldedAttention  # transformers builds its own by a closed table; nothing else differs


def attend(attention: SamVisionAttention, hidden_states: Tensor) -> tuple[Tensor, None]:
    """What transformers' attention gives for (B, H, W, C), to rounding."""
    batch, h, w, _ = hidden_states.shape
    qkv = attention.qkv(hidden_states).reshape(batch, h * w, 3, attention.num_attention_heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    query = torch.cat([query * attention.scale, *relative_terms(attention, query, h, w)], -1)
    key = torch.cat([key, places(h, w, key).expand(*key.shape[:3], -1)], -1)
    padded = F.pad(value, (0, h + w))  # the fast kernels want all three of one width
    result = F.scaled_dot_product_attention(query, key, padded, scale=1.0)[..., : value.shape[-1]]
    return attention.proj(result.transpose(1, 2).reshape(batch, h, w, -1)), None


def relative_terms(attention: SamVisionAttention, query: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """For every query (B, heads, N, D) its term for each row (B, heads, N, H) and each column (B, heads, N, W)."""
    rows_HHD = attention.get_rel_pos(h, h, attention.rel_pos_h)
    columns_WWD = attention.get_rel_pos(w, w, attention.rel_pos_w)
    grid = query.reshape(*query.shape[:2], h, w, -1)
    of_rows = torch.einsum("bnhwd,hkd->bnhwk", grid, rows_HHD).flatten(2, 3)
    of_columns = torch.einsum("bnhwd,wkd->bnhwk", grid, columns_WWD).flatten(2, 3)
    return of_rows, of_columns


def places(h: int, w: int, like: Tensor) -> Tensor:
    """For every key (N) a one at its row and a one at its column (N, H + W)."""
    rows = torch.eye(h, dtype=like.dtype, device=like.device).repeat_interleave(w, 0)
    columns = torch.eye(w, dtype=like.dtype, device=like.device).repeat(h, 1)
    return torch.cat([rows, columns], -1)
