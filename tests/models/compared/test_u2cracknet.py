"""U2CrackNet is made of the residual Us of U2-Net, which has its published count."""

from __future__ import annotations

import pytest
import torch

from crackwise.models import build_model, count_parameters
from crackwise.models.blocks import Outputs
from crackwise.models.compared.u2cracknet import ResidualU
from crackwise.models.cost import build_on_meta

Sizes = list[tuple[int, int, int]]

DEPTHS = (7, 6, 5, 4, 4, 4, 4, 4, 5, 6, 7)
DILATED = (4, 5, 6)
SMALL: Sizes = [(3, 16, 64), *[(64, 16, 64)] * 5, *[(128, 16, 64)] * 5]
LARGE: Sizes = [
    *((3, 32, 64), (64, 32, 128), (128, 64, 256), (256, 128, 512), (512, 256, 512), (512, 256, 512)),
    *((1024, 256, 512), (1024, 128, 256), (512, 64, 128), (256, 32, 64), (128, 16, 64)),
]


@pytest.mark.parametrize(("sizes", "published"), [(SMALL, 1_131_181), (LARGE, 44_009_869)])
def test_the_stages_make_u2_net_to_the_parameter(sizes: Sizes, published: int) -> None:
    """Qin et al., table 1: inputs, middle, outputs of every stage; 4.7 and 176.3 MB of 4 bytes."""
    with torch.device("meta"):
        stages = [
            ResidualU(*size, depth, dilated=place in DILATED)
            for place, (size, depth) in enumerate(zip(sizes, DEPTHS, strict=True))
        ]
    sides = sum(9 * sizes[place][2] + 1 for place in range(5, 11))
    assert sum(count_parameters(stage).total for stage in stages) + sides + 7 == published


def test_weights_are_counted() -> None:
    """The small U2-Net with two channels, its deepest stage replaced by a pyramid, and attention."""
    count = count_parameters(build_on_meta("u2cracknet"))
    assert (count.total, count.deployed) == (1_185_077, 1_185_077)
    with torch.device("meta"):
        replaced = count_parameters(ResidualU(64, 16, 64, 4, dilated=True)).total
    channels_of_norms, rates = 2 * 64, 4
    pyramid = 64 * 64 * (1 + 9 + 9 + 9) + rates * channels_of_norms + rates * 64 * 64 + channels_of_norms
    second_channel = 6 * (9 * 64 + 1) + (12 * 2 + 2 - 7)
    attention = 5 * 3
    assert count.total == 1_131_181 - replaced + pyramid + second_channel + attention


@pytest.mark.parametrize(("depth", "dilated"), [(4, False), (4, True), (7, False)])
def test_a_residual_u_keeps_the_size_and_adds_to_what_entered(depth: int, dilated: bool) -> None:
    torch.manual_seed(0)
    stage = ResidualU(3, 4, 8, depth, dilated=dilated).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert stage(x).shape == (1, 8, 64, 96)
        last = stage.up[-1][1]
        last.weight.zero_()
        last.bias.zero_()
        torch.testing.assert_close(stage(x), stage.first(x))


def test_the_answer_is_mixed_from_those_of_six_levels() -> None:
    torch.manual_seed(0)
    model = build_model("u2cracknet", base=4)
    with torch.no_grad():
        join = model.net.net.join
        join.weight.zero_()
        join.bias.zero_()
        join.weight[0, 4], join.weight[1, 5] = 1, 1  # the third level alone
        outputs = model(torch.rand(2, 3, 64, 96))
    assert isinstance(outputs, Outputs)
    assert len(outputs.auxiliary) == 6
    torch.testing.assert_close(outputs.main, outputs.auxiliary[2])
