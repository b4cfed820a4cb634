"""What a network costs: told without allocating it, and counted in a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from crackwise.models import build_model

__all__ = ["build_on_meta", "multiply_adds", "saved_for_backward"]


def build_on_meta(name: str, /, classes: Sequence[str] = ("crack",), **options: object) -> nn.Module:
    """A network of ``MODELS`` whose weights have shapes and no values: any size in no time and no memory."""
    with torch.device("meta"), RangesOnCpu():
        return build_model(name, classes, **options)


def multiply_adds(model: nn.Module, side_px: int) -> int:
    """Multiply-adds of convolutions and matrix products for one square picture, as deployed."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, side_px, side_px, device=device))
    model.train(was_training)
    return int(counter.get_total_flops() // 2)


@contextmanager
def saved_for_backward(model: nn.Module) -> Iterator[dict[int, int]]:
    """Collects the bytes of every storage that the forward inside keeps for the way back; parameters do not count.

    The bytes stand by the storage's address; the result of the forward must live until they are read.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # itself it would hold the graph that holds it

    with saved_tensors_hooks(count, lambda tensor: tensor):
        yield kept


class RangesOnCpu(TorchFunctionMode):
    """Keeps ``torch.linspace`` off the meta device: encoders read their drop rates from it while they are built."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call ``func``, on the CPU where it is ``torch.linspace``."""
        options = dict(kwargs or {})
        if func is torch.linspace:
            options["device"] = "cpu"
        return func(*args, **options)
