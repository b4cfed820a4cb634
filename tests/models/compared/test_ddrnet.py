"""DDRNet-23 has the size, the cost and the shapes of its paper."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from crackwise.models import count_parameters
from crackwise.models.compared.ddrnet import DAPPM, DDRNet, Exchange
from crackwise.models.cost import build_on_meta


def test_weights_are_counted() -> None:
    count = count_parameters(build_on_meta("ddrnet23"))
    assert (count.total, count.deployed) == (20_294_980, 20_146_754)


def test_weights_and_cost_of_cityscapes_are_those_of_the_paper() -> None:
    """Hong et al., table 4: 20.1 M and 143.1 GFLOPs at 2048x1024, 19 classes."""
    with torch.device("meta"):
        model = DDRNet(64, 19).eval()
    assert count_parameters(model).deployed / 1e6 == pytest.approx(20.1, abs=0.05)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 1024, 2048, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(143.1, abs=0.05)


def test_branches_have_the_strides_and_channels_of_the_paper() -> None:
    model = build_on_meta("ddrnet23").eval()
    seen: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y}))
    model(torch.empty(1, 3, 512, 512, device="meta"))
    shapes = {name: tuple(y.shape[1:]) for name, y in seen.items() if isinstance(y, torch.Tensor)}
    net = "net.net."
    assert [shapes[f"{net}fine.{k}"] for k in (0, 1)] == [(128, 64, 64)] * 2
    assert [shapes[f"{net}coarse.{k}"] for k in (0, 1)] == [(256, 32, 32), (512, 16, 16)]
    assert shapes[f"{net}last_fine"] == (256, 64, 64)
    assert shapes[f"{net}last_coarse"] == (1024, 8, 8)
    assert shapes[f"{net}pyramid"] == (256, 8, 8)


@pytest.mark.parametrize(("fine", "downwards"), [(4, (8,)), (4, (8, 16))])
def test_an_exchange_adds_to_each_branch_what_the_other_sees(fine: int, downwards: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    exchange = Exchange(fine, downwards).eval()
    side = 16 // 2 ** len(downwards)
    a, b = torch.randn(1, fine, 16, 16), torch.randn(1, downwards[-1], side, side)
    with torch.no_grad():
        blind_fine, blind_coarse = exchange(-a.abs(), -b.abs())  # what is negative, the other branch does not see
        torch.testing.assert_close(blind_fine, -a.abs())
        torch.testing.assert_close(blind_coarse, -b.abs())
        fine_map, coarse_map = exchange(a, b)
    assert not torch.allclose(fine_map, a)
    assert not torch.allclose(coarse_map, b)


def test_every_pixel_of_the_pyramid_sees_the_whole_map() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 8, 20, 20, requires_grad=True)
    DAPPM(8, 4, 8).eval()(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()
