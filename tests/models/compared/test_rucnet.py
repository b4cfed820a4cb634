"""RUC-Net goes down by ResNet-18's blocks and weighs space and channels as the paper on that attention says."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import resnet18

from crackwise.models import count_parameters
from crackwise.models.compared.rucnet import RUCNet
from crackwise.models.cost import build_on_meta


def test_weights_are_counted() -> None:
    count = count_parameters(build_on_meta("rucnet"))
    assert (count.total, count.deployed) == (14_861_354, 14_861_354)


def test_the_way_down_is_that_of_resnet18() -> None:
    with torch.device("meta"):
        down, reference = RUCNet(64, 2).down, resnet18()
    layers = (reference.layer2, reference.layer3, reference.layer4)
    for stage, layer in zip(down[1:], layers, strict=True):
        assert [p.shape for p in stage[:2].parameters()] == [p.shape for p in layer.parameters()]
    before = count_parameters(reference.layer1).total
    assert count_parameters(down[0][:2]).total == before + 64 * 64 + 2 * 64  # its first block is at stride 2


def test_maps_have_the_channels_and_strides_of_the_paper() -> None:
    model = build_on_meta("rucnet").net.net
    seen: list[tuple[int, ...]] = []
    for stage in (model.stem, *model.down, *model.up):
        stage.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape[1:])))
    model(torch.empty(2, 3, 64, 96, device="meta"))
    down = [(64, 64, 96), (64, 32, 48), (128, 16, 24), (256, 8, 12), (512, 4, 6)]
    assert seen == [*down, *down[-2::-1]]


def test_attention_is_the_sum_of_what_space_and_channels_weigh() -> None:
    torch.manual_seed(0)
    stage = RUCNet(4, 2).up[0]
    attention = stage[2]
    x = torch.randn(2, 16, 3, 5)
    squeeze, excite = (m for m in attention.cSE if isinstance(m, nn.Conv2d))
    hidden = (x.mean((2, 3)) @ squeeze.weight[..., 0, 0].T + squeeze.bias).relu()
    channels = (hidden @ excite.weight[..., 0, 0].T + excite.bias).sigmoid()[..., None, None]
    space = torch.einsum("bchw,c->bhw", x, attention.sSE[0].weight[0, :, 0, 0])[:, None] + attention.sSE[0].bias
    torch.testing.assert_close(attention(x), x * channels + x * space.sigmoid())
    assert squeeze.out_channels == 16 // 2
