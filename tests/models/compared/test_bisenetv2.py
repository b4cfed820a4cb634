"""BiSeNetV2 has the branches of its paper, and boosters that are left behind."""

from __future__ import annotations

import pytest
import torch

from crackwise.models import count_parameters
from crackwise.models.compared.bisenetv2 import Aggregation, Embedding
from crackwise.models.cost import build_on_meta


@pytest.mark.parametrize(("head", "total", "deployed"), [(128, 2_502_362, 2_305_554), (1024, 3_538_138, 3_341_330)])
def test_weights_are_counted(head: int, total: int, deployed: int) -> None:
    """The paper states no count; 2.3 M is what is quoted for a head of 128."""
    count = count_parameters(build_on_meta("bisenetv2", head=head))
    assert (count.total, count.deployed) == (total, deployed)


def test_branches_have_the_strides_and_channels_of_table_1() -> None:
    model = build_on_meta("bisenetv2").net.net
    seen: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y}))
    model(torch.empty(2, 3, 256, 512, device="meta"))
    shapes = {name: tuple(y.shape[1:]) for name, y in seen.items() if isinstance(y, torch.Tensor)}
    assert shapes["detail"] == shapes["aggregation"] == (128, 32, 64)
    assert [shapes[f"stages.{k}"] for k in range(4)] == [(16, 64, 128), (32, 32, 64), (64, 16, 32), (128, 8, 16)]
    assert [shapes[f"auxiliary.{k}"][0] for k in range(4)] == [2] * 4
    assert len(model.stages[3]) == 4


def test_a_closed_gate_lets_nothing_of_the_other_branch_through() -> None:
    torch.manual_seed(0)
    layer = Aggregation(4).eval()
    with torch.no_grad():
        for gate in (layer.meaning_8[1], layer.meaning_32[1]):
            gate.weight.zero_()
            gate.bias.fill_(-100)
        meaning = torch.randn(1, 4, 3, 5)
        maps = [layer(torch.randn(1, 4, 12, 20), meaning) for _ in range(2)]
        torch.testing.assert_close(*maps)
        layer.meaning_8[1].bias.fill_(0)
        assert not torch.allclose(layer(torch.randn(1, 4, 12, 20), meaning), maps[0])


def test_the_embedding_adds_one_value_per_channel_everywhere() -> None:
    torch.manual_seed(0)
    layer = Embedding(4).eval()
    x = torch.randn(1, 4, 6, 7)
    with torch.no_grad():
        torch.nn.init.dirac_(layer.last.weight)
        layer.last.bias.zero_()
        added = layer(x) - x
    torch.testing.assert_close(added, added[..., :1, :1].expand_as(x))
