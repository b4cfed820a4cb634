"""The U-Net of five stages joins what went down with what comes up, at every size."""

import pytest
import torch
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import build_model
from crackwise.models.compared.unet_s5 import STAGES, UNetS5, build


def test_the_deepest_map_is_sixteen_times_smaller_and_wider() -> None:
    net, shapes = UNetS5(4, nn.Identity()).eval(), []
    for stage in [*net.down, *net.up]:
        stage.register_forward_hook(lambda _, __, y: shapes.append(tuple(y.shape[1:])))
    net(torch.rand(1, 3, 48, 32))
    down = [(4 * 2**i, 48 // 2**i, 32 // 2**i) for i in range(STAGES)]
    assert shapes == [*down, *reversed(down[:-1])]


def test_every_level_of_the_way_down_is_read() -> None:
    torch.manual_seed(0)
    net = UNetS5(4, nn.Identity()).eval()
    kept: list[torch.Tensor] = []
    for stage in net.down:
        stage.register_forward_hook(lambda _, __, y: kept.append(y))
    for stage in net.down[1:]:  # what goes on downwards is cut off
        stage.register_forward_pre_hook(lambda _, x: (x[0].detach(),))
    gradients = torch.autograd.grad(net(torch.rand(1, 3, 32, 32)).square().sum(), kept)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("head", ["fcn", "psp"])
def test_a_base_that_is_no_multiple_of_four_is_refused(head: str) -> None:
    with pytest.raises(ModelError, match="multiple of 4"):
        build_model({"fcn": "unet_fcn", "psp": "unet_pspnet"}[head], base=6)


def test_the_heads_are_not_the_same() -> None:
    fcn, psp = (build(base=4, head=head).state_dict().keys() for head in ("fcn", "psp"))
    assert {key for key in fcn if ".head." not in key} == {key for key in psp if ".head." not in key}
    assert fcn != psp
