"""Relative positions inside the dot product give what transformers' own attention gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import SamVisionConfig
from transformers.models.sam.modeling_sam import SamVisionAttention

from crackwise.models.relative import attend


def attention_of(window: int) -> SamVisionAttention:
    """Random weights and tables."""
    torch.manual_seed(0)
    config = SamVisionConfig(hidden_size=32, num_attention_heads=2, image_size=96)
    attention = SamVisionAttention(config, window)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_(std=0.3)
    return attention


@pytest.mark.parametrize(("window", "height", "width"), [(0, 6, 6), (4, 4, 4), (0, 5, 7)])
def test_outputs_and_gradients_equal_those_of_plain_attention(window: int, height: int, width: int) -> None:
    attention = attention_of(window)
    x = torch.randn(3, height, width, 32, requires_grad=True)
    leaves = [x, *attention.parameters()]
    expected, got = attention(x)[0], attend(attention, x)[0]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    for theirs, ours in zip(
        torch.autograd.grad(expected.square().sum(), leaves),
        torch.autograd.grad(got.square().sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


def test_a_fast_kernel_takes_it_with_gradients() -> None:
    attention = attention_of(0)
    x = torch.randn(1, 6, 6, 32, requires_grad=True)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # no other is left to fall back to
        attend(attention, x)[0].sum().backward()
    assert x.grad is not None
