"""LoRA through peft, on single projections also where a network fuses query, key and value.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models.tuning.config import Lora

__all__ = ["SplitQKV", "insert_lora", "merge_lora", "split_qkv"]

FUSED = "qkv"
PROJECTIONS = {
    "q": ("q", "q_proj", "query"),
    "k": ("k", "k_proj", "key"),
    "v": ("v", "v_proj", "value"),
    "o": ("proj", "out_proj", "o_proj"),
    "mlp": ("fc1", "fc2", "lin1", "lin2", "proj_in", "proj_out"),
}
"""What the libraries call the linear layers of attention and MLP."""


class SplitQKV(nn.Module):
    """A fused query-key-value layer as three; the same sums."""

    q: nn.Module
    k: nn.Module
    v: nn.Module

    def __init__(self, fused: nn.Linear) -> None:
        super().__init__()
        width = fused.out_features // 3
        for i, name in enumerate("qkv"):
            part = nn.Linear(fused.in_features, width, bias=fused.bias is not None, device=fused.weight.device)
            rows = slice(i * width, (i + 1) * width)
            part.weight = nn.Parameter(fused.weight.detach()[rows], requires_grad=fused.weight.requires_grad)
            if fused.bias is not None:
                part.bias = nn.Parameter(fused.bias.detach()[rows], requires_grad=fused.bias.requires_grad)
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) to (..., 3 d): query, key, value."""
        return torch.cat([self.q(x), self.k(x), self.v(x)], dim=-1)

    def fused(self) -> nn.Linear:
        """One layer again."""
        parts: list[nn.Linear] = [self.q, self.k, self.v]  # type: ignore[list-item]  # set by name above
        bias = None if parts[0].bias is None else torch.cat([part.bias.detach() for part in parts])
        weight = torch.cat([part.weight.detach() for part in parts])
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=weight.device)
        layer.weight = nn.Parameter(weight)
        if bias is not None:
            layer.bias = nn.Parameter(bias)
        return layer


def insert_lora(net: nn.Module, prefixes: Sequence[str], config: Lora) -> list[str]:
    """Put LoRA beside the layers that ``config.targets`` means below the prefixes; returns the layers' names.

    Raises:
        ModelError: there is no such layer.
    """
    if config.targets in ("q", "v", "qv", "qkvo"):
        split_qkv(net, prefixes)
    names = [name for name, layer in net.named_modules() if under(name, prefixes) and is_target(name, layer, config)]
    if not names:
        raise ModelError(
            f"This network has no layer for lora targets={config.targets}; targets=all takes every linear layer, "
            "or every 1x1 convolution of a convolutional network."
        )
    scale = config.rank if config.alpha is None else config.alpha
    inject_adapter_in_model(
        LoraConfig(
            r=config.rank,
            lora_alpha=scale,  # type: ignore[arg-type]  # peft divides it: any number will do
            lora_dropout=config.dropout,
            target_modules=names,
            bias="none",
        ),
        net,
    )
    return names


def split_qkv(net: nn.Module, prefixes: Sequence[str]) -> None:
    """Split every fused query-key-value layer below the prefixes."""
    fused = [n for n, m in net.named_modules() if under(n, prefixes) and last(n) == FUSED and isinstance(m, nn.Linear)]
    for name in fused:
        net.set_submodule(name, SplitQKV(net.get_submodule(name)))  # type: ignore[arg-type]  # a Linear by the line above


def merge_lora(net: nn.Module) -> nn.Module:
    """Add every update to the weights beside it and take LoRA out, in place; what was split is fused again."""
    for name, layer in [(n, m) for n, m in net.named_modules() if isinstance(m, LoraLayer)]:
        layer.merge(safe_merge=True)
        net.set_submodule(name, layer.get_base_layer())
    for name, split in [(n, m) for n, m in net.named_modules() if isinstance(m, SplitQKV)]:
        net.set_submodule(name, split.fused())
    return net


def is_target(name: str, layer: nn.Module, config: Lora) -> bool:
    """Whether LoRA goes beside this layer."""
    if config.targets == "all":
        return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
    kinds = ["mlp"] if config.targets == "mlp" else list(config.targets)
    wanted = {word for kind in kinds for word in PROJECTIONS[kind]}
    return isinstance(layer, nn.Linear) and last(name) in wanted and ("o" not in kinds or in_attention(name))


def under(name: str, prefixes: Sequence[str]) -> bool:
    """Whether a module is one of the named ones or inside one; the empty name is the whole network."""
    return any(not prefix or name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def last(name: str) -> str:
    """The last part of a module's name."""
    return name.rpartition(".")[2]


def in_attention(name: str) -> bool:
    """Whether a projection called ``proj`` is that of attention, not a shortcut's."""
    return bool(re.search(r"(^|\.)[a-z_]*attn[a-z_]*\.", name))
