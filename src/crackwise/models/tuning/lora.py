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

FUSED = ("qkv", "kv")
PROJECTIONS = {
    "q": ("q", "q_proj", "query"),
    "k": ("k", "k_proj", "key"),
    "v": ("v", "v_proj", "value"),
    "o": ("proj", "out_proj", "o_proj"),
    "mlp": ("fc1", "fc2", "lin1", "lin2", "proj_in", "proj_out"),
}
"""What the libraries call the linear layers of attention and MLP."""
PROJECTED = {"q": "q", "v": "v", "qv": "qv", "qkvo": "qkvo"}
"""Targets that name single projections, and their letters."""


class SplitQKV(nn.Module):
    """A fused layer of query, key and value, or of the last two, as one layer for each letter; the same sums."""

    def __init__(self, fused: nn.Linear, letters: str) -> None:
        super().__init__()
        width = fused.out_features // len(letters)
        for i, name in enumerate(letters):
            part = nn.Linear(fused.in_features, width, bias=fused.bias is not None, device=fused.weight.device)
            rows = slice(i * width, (i + 1) * width)
            part.weight = nn.Parameter(fused.weight.detach()[rows], requires_grad=fused.weight.requires_grad)
            if fused.bias is not None:
                part.bias = nn.Parameter(fused.bias.detach()[rows], requires_grad=fused.bias.requires_grad)
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) to (..., letters * d), in their order."""
        return torch.cat([part(x) for part in self.children()], dim=-1)

    @property
    def weight(self) -> Tensor:
        """There is none, and whoever reads it would go around what learns."""
        raise ModelError("This network multiplies by the weights of its qkv itself: of lora only targets=mlp fits it.")

    def fused(self) -> nn.Linear:
        """One layer again."""
        parts: list[nn.Linear] = list(self.children())  # type: ignore[arg-type]  # set above
        bias = None if parts[0].bias is None else torch.cat([part.bias.detach() for part in parts])
        weight = torch.cat([part.weight.detach() for part in parts])
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=weight.device)
        layer.weight = nn.Parameter(weight)
        if bias is not None:
            layer.bias = nn.Parameter(bias)
        return layer


def insert_lora(net: nn.Module, prefixes: Sequence[str], config: Lora, *, blocks: Sequence[str]) -> list[str]:
    """Put LoRA beside the layers that ``config.targets`` means below the prefixes; returns the layers' names.

    ``blocks`` are the names of the encoder's: of convolutions, only theirs are meant.

    Raises:
        ModelError: there is no such layer.
    """
    if config.targets in PROJECTED:
        split_qkv(net, prefixes)
    layers = {name: layer for name, layer in net.named_modules() if under(name, prefixes)}
    found = {
        kind: [name for name, layer in layers.items() if is_target(name, layer, kind, blocks)]
        for kind in PROJECTED.get(config.targets, (config.targets,))
    }
    absent = [kind for kind, names in found.items() if not names]
    if absent:
        raise ModelError(
            f"This network has no layer {', '.join(absent)} for lora targets={config.targets}; targets=all takes "
            "every linear layer, and every convolution of a block that is neither grouped nor dilated."
        )
    names = [name for names in found.values() for name in names]
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
    layers = [(n, m) for n, m in net.named_modules() if under(n, prefixes) and last(n) in FUSED]
    for name, layer in layers:
        if type(layer) is nn.Linear:
            net.set_submodule(name, SplitQKV(layer, last(name)))


def merge_lora(net: nn.Module) -> nn.Module:
    """Add every update to the weights beside it and take LoRA out, in place; what was split is fused again."""
    for name, layer in [(n, m) for n, m in net.named_modules() if isinstance(m, LoraLayer)]:
        layer.merge(safe_merge=True)
        net.set_submodule(name, layer.get_base_layer())
    for name, split in [(n, m) for n, m in net.named_modules() if isinstance(m, SplitQKV)]:
        net.set_submodule(name, split.fused())
    return net


def is_target(name: str, layer: nn.Module, kind: str, blocks: Sequence[str]) -> bool:
    """Whether LoRA of this kind, a letter of attention, ``mlp`` or ``all``, goes beside this layer.

    Of convolutions peft knows neither groups nor dilation; what a subclass does with its weights nobody knows.
    """
    if type(layer) is nn.Conv2d:
        plain = layer.groups == 1 and layer.dilation == (1, 1) and under(name, blocks)
        return plain and (kind == "all" or (kind == "mlp" and last(name.rpartition(".")[0]) == "mlp"))
    if type(layer) is not nn.Linear:
        return False
    return kind == "all" or (last(name) in PROJECTIONS[kind] and (kind != "o" or in_attention(name)))


def under(name: str, prefixes: Sequence[str]) -> bool:
    """Whether a module is one of the named ones or inside one; the empty name is the whole network."""
    return any(not prefix or name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def last(name: str) -> str:
    """The last part of a module's name."""
    return name.rpartition(".")[2]


def in_attention(name: str) -> bool:
    """Whether a projection called ``proj`` is that of attention, not a shortcut's."""
    return bool(re.search(r"(attn|attention)[a-z_]*\.", name))
