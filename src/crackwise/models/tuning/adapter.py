"""Bottleneck adapters: a narrow way around a block, trained while the block stays.

Source: CrackSAM; after Houlsby et al., ICML 2019 (after attention) and Chen et al., AdaptFormer, NeurIPS 2022 (parallel
to the MLP, scaled). A block of convolutions alone gets its bottleneck, two 1x1 convolutions, beside it as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from crackwise.models.tuning.config import Adapter

__all__ = ["AfterAttention", "Parallel", "insert_adapters"]

ATTENTION = re.compile(r"attn|attention")


class Bottleneck(nn.Module):
    """Up(GELU(Down(z))), both layers with bias; channels last, or 1x1 convolutions."""

    def __init__(self, inputs: int, outputs: int, config: Adapter, *, convolution: bool = False) -> None:
        super().__init__()
        if convolution:
            self.down: nn.Module = nn.Conv2d(inputs, config.dim, 1)
            self.up: nn.Module = nn.Conv2d(config.dim, outputs, 1)
        else:
            self.down, self.up = nn.Linear(inputs, config.dim), nn.Linear(config.dim, outputs)
        self.activation = nn.GELU()
        if config.init == "zero":
            for parameter in self.up.parameters():
                nn.init.zeros_(parameter)

    def forward(self, z: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        result: Tensor = self.up(self.activation(self.down(z)))
        return result


class AfterAttention(nn.Module):
    """Attention, then z + bottleneck(z) on what it returns."""

    def __init__(self, attention: nn.Module, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.attention = attention
        self.adapter = bottleneck

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the attention; of a tuple the first is adapted."""
        result = self.attention(*args, **kwargs)
        if isinstance(result, tuple):
            return (result[0] + self.adapter(result[0]), *result[1:])
        return result + self.adapter(result)


class Parallel(nn.Module):
    """branch(x) + scale * bottleneck(x)."""

    def __init__(self, branch: nn.Module, bottleneck: Bottleneck, scale: float) -> None:
        super().__init__()
        self.branch = branch
        self.adapter = bottleneck
        self.scale = scale

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As the branch."""
        result: Tensor = self.branch(x, *args, **kwargs) + self.scale * self.adapter(x)
        return result


def width_of(layer: nn.Module) -> tuple[int, int]:
    """Channels in and out of a linear layer or convolution."""
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    assert isinstance(layer, nn.Linear)
    return layer.in_features, layer.out_features


def beside(branch: nn.Module, config: Adapter) -> Parallel | None:
    """A branch of the block, or the block, with an adapter parallel to it; None where the size of the map changes."""
    layers = [m for m in branch.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    steps = {m.stride for m in branch.modules() if isinstance(m, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d)}
    if not layers or not steps <= {1, (1, 1)}:
        return None
    inputs, outputs = width_of(layers[0])[0], width_of(layers[-1])[1]
    bottleneck = Bottleneck(inputs, outputs, config, convolution=isinstance(layers[0], nn.Conv2d))
    return Parallel(branch, bottleneck, config.scale)


def adapted(name: str, child: nn.Module, config: Adapter) -> AfterAttention | Parallel | None:
    """The child of a block with its adapter; None for a child that gets none."""
    linears = [m for m in child.modules() if isinstance(m, nn.Linear)]
    if ATTENTION.search(name) and linears:
        width = linears[-1].out_features
        return AfterAttention(child, Bottleneck(width, width, config))
    return beside(child, config) if name == "mlp" else None


def insert_adapters(net: nn.Module, blocks: Sequence[str], config: Adapter) -> list[nn.Module]:
    """Put adapters into every block of the network, or beside it; returns what was put in."""
    added: list[nn.Module] = []
    for block in blocks:
        module = net.get_submodule(block)
        parts = {f"{block}.{name}": adapted(name, child, config) for name, child in module.named_children()}
        wrapped = {name: part for name, part in parts.items() if part is not None}
        whole = None if wrapped else beside(module, config)
        for name, new in (wrapped if whole is None else {block: whole}).items():
            net.set_submodule(name, new)
            added.append(new.adapter)
    return added
