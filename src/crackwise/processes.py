"""What the processes of one training know together; with one process every function here gives back its argument.

A step's batch is spread over the processes, and gradients are averaged over them afterwards. A loss of sums is that of
the whole batch, and so is its averaged gradient, if every process computes it from the sums over all of them.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = ["everyones", "joined_sum", "process_count"]

T = TypeVar("T")


def process_count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def joined_sum(values: Tensor) -> Tensor:
    """The sum over the processes, element by element.

    Its gradient is the sum of what each process does with the result: where all derive the same loss from it, that is
    the loss's own gradient times their number, which the mean over the processes takes out again.
    """
    result: Tensor = values if process_count() == 1 else JoinedSum.apply(values)
    return result


class JoinedSum(torch.autograd.Function):
    """All-reduce in both directions."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        """Sum of the values."""
        total = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """Sum of the gradients."""
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def everyones(value: T) -> list[T]:
    """The value of every process, in their order; tensors stay on their devices."""
    count = process_count()
    if count == 1:
        return [value]
    if isinstance(value, Tensor):
        tensors = [torch.empty_like(value) for _ in range(count)]
        dist.all_gather(tensors, value.contiguous())
        return tensors  # type: ignore[return-value]
    values: list[Any] = [None] * count
    dist.all_gather_object(values, value)
    return values
