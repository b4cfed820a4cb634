"""The parts that several networks are made of."""

import pytest
import torch
from torch import nn

from crackwise.models.blocks import AdaptivePool, ConvBNReLU


@pytest.mark.parametrize("size", [(12, 12), (14, 14), (7, 11), (3, 5), (1, 2)])
@pytest.mark.parametrize("side", [1, 2, 3, 6])
def test_an_adaptive_pool_takes_the_averages_of_torch(size: tuple[int, int], side: int) -> None:
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AdaptivePool(side)(maps), nn.AdaptiveAvgPool2d(side)(maps))


@pytest.mark.parametrize("kernel_px", [1, 3, 5])
def test_a_convolution_of_any_kernel_keeps_the_size_of_the_map(kernel_px: int) -> None:
    assert ConvBNReLU(2, 4, kernel_px=kernel_px)(torch.rand(2, 2, 9, 6)).shape == (2, 4, 9, 6)
