"""What adapters add, number by number."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.models.tuning.adapter import AfterAttention, Bottleneck, Parallel, insert_adapters
from crackwise.models.tuning.config import Adapter

SCALES = [0.0, 0.2, 1.0, 3.0]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


def settings(**changes: object) -> Adapter:
    return Adapter.model_validate({"dim": 3, "init": "published"} | changes)


def way_around(bottleneck: Bottleneck, z: Tensor) -> Tensor:
    """Up(GELU(Down(z))) by its weights, channels last."""
    down, up = bottleneck.down, bottleneck.up
    narrow = F.gelu(z @ down.weight.flatten(1).T + down.bias)
    return narrow @ up.weight.flatten(1).T + up.bias


def adapted(block: nn.Module, scale: float) -> nn.Module:
    """The block of a network of one, with its adapters."""
    net = nn.Sequential(deepcopy(block))
    insert_adapters(net, ["0"], settings(scale=scale))
    return net[0]


@pytest.mark.parametrize("scale", SCALES)
def test_after_attention_comes_z_plus_its_bottleneck_whatever_the_scale(scale: float) -> None:
    torch.manual_seed(0)
    block, x = nn.ModuleDict({"attn": nn.Linear(6, 6), "mlp": nn.Linear(6, 6)}), noise(2, 5, 6)
    attention = adapted(block, scale)["attn"]
    assert isinstance(attention, AfterAttention)
    z = block["attn"](x)
    torch.testing.assert_close(attention(x), z + way_around(attention.adapter, z))


def test_of_a_tuple_the_first_is_adapted() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor, *, shift: float) -> tuple[Tensor, str]:
            return x + shift, "weights"

    torch.manual_seed(0)
    attention = AfterAttention(Attention(), Bottleneck(6, 6, settings()))
    x = noise(2, 5, 6)
    result, rest = attention(x, shift=2.0)
    torch.testing.assert_close(result, x + 2 + way_around(attention.adapter, x + 2))
    assert rest == "weights"


@pytest.mark.parametrize("scale", SCALES)
def test_beside_the_mlp_runs_scale_times_the_bottleneck(scale: float) -> None:
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 4))
    block, x = nn.ModuleDict({"attn": nn.Linear(6, 6), "mlp": mlp}), noise(2, 5, 6)
    parallel = adapted(block, scale)["mlp"]
    assert isinstance(parallel, Parallel)
    torch.testing.assert_close(parallel(x), mlp(x) + scale * way_around(parallel.adapter, x))


@pytest.mark.parametrize("scale", SCALES)
def test_beside_a_block_of_convolutions_runs_scale_times_the_bottleneck_in_every_pixel(scale: float) -> None:
    torch.manual_seed(0)
    block, x = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 6, 1)), noise(2, 6, 4, 3)
    parallel = adapted(block, scale)
    assert isinstance(parallel, Parallel)
    beside = way_around(parallel.adapter, x.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(parallel(x), block(x) + scale * beside)
