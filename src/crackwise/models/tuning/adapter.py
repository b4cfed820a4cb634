"""Bottleneck adapters: a narrow way around a block, trained while the block stays.

Source: CrackSAM; after Houlsby et al., ICML 2019 (after attention) and Chen et al., AdaptFormer, NeurIPS 2022 (parallel
to the MLP, scaled). On convolutional blocks the parallel branch is a pair of 1x1 convolutions.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from crackwise.models.tuning.config import Adapter

__all__ = ["AfterAttention", "Parallel", "insert_adapters"]


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

    def forward(self, x: Tensor) -> Tensor:
        """As the branch."""
        result: Tensor = self.branch(x) + self.scale * self.adapter(x)
        return result


def adapted(name: str, child: nn.Module, config: Adapter) -> AfterAttention | Parallel | None:
    """The child of a block with its adapter; None for a child that gets none."""
    linears = [m for m in child.modules() if isinstance(m, nn.Linear)]
    convolutions = [m for m in child.modules() if isinstance(m, nn.Conv2d)]
    if name in ("attn", "self_attn") and linears:
        width = linears[-1].out_features
        return AfterAttention(child, Bottleneck(width, width, config))
    if name == "mlp" and linears:
        return Parallel(child, Bottleneck(linears[0].in_features, linears[-1].out_features, config), config.scale)
    if name == "layers" and convolutions and all(c.stride == (1, 1) for c in convolutions):
        inputs, outputs = convolutions[0].in_channels, convolutions[-1].out_channels
        return Parallel(child, Bottleneck(inputs, outputs, config, convolution=True), config.scale)
    return None


def insert_adapters(blocks: list[nn.Module], config: Adapter) -> list[nn.Module]:
    """Put adapters into every block; returns what was put in."""
    added: list[nn.Module] = []
    for block in blocks:
        for name, child in list(block.named_children()):
            wrapped = adapted(name, child, config)
            if wrapped is not None:
                setattr(block, name, wrapped)
                added.append(wrapped.adapter)
    return added
