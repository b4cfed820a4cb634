"""STDC-Seg has the encoder of its paper to the parameter, and heads for training alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.ops import Conv2dNormActivation

from crackwise.models import build_model, count_parameters
from crackwise.models.compared.stdc import REPEATS, DenseModule, stages
from crackwise.models.cost import build_on_meta


@pytest.mark.parametrize(("size", "total", "deployed"), [(1, 8_418_720, 8_270_752), (2, 12_449_184, 12_301_216)])
def test_weights_are_counted(size: int, total: int, deployed: int) -> None:
    count = count_parameters(build_on_meta("stdc", size=size))
    assert (count.total, count.deployed) == (total, deployed)


@pytest.mark.parametrize(("size", "millions"), [(1, 8.44), (2, 12.47)])
def test_the_encoder_with_the_classifier_of_the_paper_has_its_count(size: int, millions: float) -> None:
    """Fan et al., table 5; the classifier: 1x1 convolution, mean, two linear layers of 1,024 and 1,000, no biases."""
    with torch.device("meta"):
        stem = nn.Sequential(Conv2dNormActivation(3, 32, stride=2), Conv2dNormActivation(32, 64, stride=2))
        linear = [nn.Linear(1024, 1024, bias=False), nn.BatchNorm1d(1024), nn.Linear(1024, 1000, bias=False)]
        net = nn.Sequential(stem, stages(REPEATS[size], 64), Conv2dNormActivation(1024, 1024, 1), *linear)
    assert round(count_parameters(net).total / 1e6, 2) == millions


@pytest.mark.parametrize("stride", [1, 2])
def test_a_module_gives_out_all_its_convolutions_each_half_as_wide(stride: int) -> None:
    torch.manual_seed(0)
    module = DenseModule(8, 32, stride).eval()
    x = torch.randn(1, 8, 12, 16)
    with torch.no_grad():
        y = module(x)
        first = module.first(x)
        second = module.rest[0](module.reduce(first))
    assert y.shape == (1, 32, 12 // stride, 16 // stride)
    torch.testing.assert_close(y[:, :16], module.pool(first))
    torch.testing.assert_close(y[:, 16:24], second)
    assert [layer[0].out_channels for layer in module.rest] == [8, 4, 4]


def test_the_last_part_of_a_module_sees_seven_pixels_and_the_first_one() -> None:
    torch.manual_seed(0)
    module = DenseModule(8, 32, 1).eval()
    x = torch.randn(1, 8, 15, 15, requires_grad=True)
    for part, width_px in ((slice(0, 16), 1), (slice(28, 32), 7)):
        x.grad = None
        module(x)[0, part, 7, 7].sum().backward()
        assert x.grad is not None
        rows = (x.grad.abs().sum((0, 1, 3)) > 0).nonzero().flatten()
        assert rows.tolist() == list(range(7 - width_px // 2, 8 + width_px // 2))


def test_heads_for_training_read_the_context_of_the_strides_8_and_16() -> None:
    model = build_model("stdc", base=16)
    seen = []
    for auxiliary in model.net.net.auxiliary:
        auxiliary.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape[2:])))
    with torch.no_grad():
        model(torch.rand(2, 3, 64, 96))
        model.eval()(torch.rand(2, 3, 64, 96))
    assert seen == [(8, 12), (4, 6)]
