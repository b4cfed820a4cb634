"""A labelled picture, and a batch of them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["NOT_LABELLED", "Sample"]

NOT_LABELLED = 255


class Sample(NamedTuple):
    """A picture, its label planes and its name; stacked along a first axis it is a batch of the same type."""

    image: Tensor
    """float32 (*batch, 3, h, w), RGB in [0, 1]."""
    target: Tensor
    """uint8 (*batch, k, h, w), per class: 0 absent, 1 present, 255 not labelled."""
    name: str
    """``"deepcrack/test/11125-1"``; in a batch a list of them."""
