"""A training in less time and memory: how the blocks of an encoder run, and in how many bits frozen weights are held.

The network stays what it is: no module is put in, no weight gets another name, and validation runs it plainly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from crackwise.errors import ModelError, RecipeError
from crackwise.models.tuning.anatomy import anatomy_of, named_blocks
from crackwise.training.recipe import TrainerConfig

__all__ = ["compiler_explained", "economize"]

HALVES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
NORMALIZATIONS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)

Forward = Callable[..., Any]


def economize(model: nn.Module, settings: TrainerConfig, *, precision: str) -> None:
    """Train a network as ``settings`` say, in place; ``precision`` is what the machine makes of theirs.

    Raises:
        RecipeError: they ask for something that this network has nothing for.
    """
    if settings.frozen_bits == 16:
        hold_frozen_in(model, HALVES[precision])
    if settings.checkpoint_gradients or settings.compile:
        options = [name for name in ("checkpoint_gradients", "compile") if getattr(settings, name)]
        blocks = blocks_of(model, options)
        allow_variants(len(blocks))
        for block in blocks:
            plain = training = block.forward
            if settings.compile:
                training = torch.compile(training, dynamic=False)
            if settings.checkpoint_gradients:
                training = functools.partial(recomputed, block, training)
            block.forward = functools.partial(either, block, training, plain)


def hold_frozen_in(model: nn.Module, dtype: torch.dtype) -> None:
    """Hold the frozen weights outside normalisations in 16 bits; what lies between two blocks is then as narrow.

    A layer that autocast runs in 16 bits computes the same, and needs no copy of its weight.
    """
    kept = {id(p) for module in model.modules() if isinstance(module, NORMALIZATIONS) for p in module.parameters()}
    for parameter in model.parameters():
        if not parameter.requires_grad and id(parameter) not in kept:
            parameter.data = parameter.data.to(dtype)


def blocks_of(model: nn.Module, options: list[str]) -> list[nn.Module]:
    """The repeated blocks of the encoder; a RecipeError that names the options where there are none."""
    try:
        blocks = [block for _, block in named_blocks(model, anatomy_of(model))]
    except ModelError:
        blocks = []
    if not blocks:
        raise RecipeError(
            f"trainer.{' and trainer.'.join(options)}: this network has no encoder of repeated blocks. Leave that out "
            "for it."
        )
    return blocks


def allow_variants(count: int) -> None:
    """Have torch compile one function for so many shapes; beyond its own limit of 8 it would run it plainly.

    The blocks of Hiera share their code and are of a dozen kinds.
    """
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, count)


def either(block: nn.Module, training: Forward, plain: Forward, *args: Any, **kwargs: Any) -> Any:
    """The forward that belongs to the mode the block is in."""
    return (training if block.training else plain)(*args, **kwargs)


def recomputed(block: nn.Module, forward: Forward, *args: Any, **kwargs: Any) -> Any:
    """Run a block and keep its input alone: what lies inside is computed again when the gradient comes back."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), statistics_left_alone(block)

    # not reentrant: gradients reach what is trained inside even where the input of the first block has none
    return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


@contextmanager
def statistics_left_alone(block: nn.Module) -> Iterator[None]:
    """Let batch normalisations count a batch once, however often it is computed."""
    norms = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    counting = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms if norm.training]
    batches = [None if counter is None else counter.clone() for _, _, counter in counting]
    for norm, _, _ in counting:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for (norm, momentum, counter), before in zip(counting, batches, strict=True):
            norm.momentum = momentum
            if counter is not None and before is not None:
                counter.copy_(before)


@contextmanager
def compiler_explained() -> Iterator[None]:
    """Say in a sentence that torch could not compile.

    Raises:
        RecipeError: there is no compiler for this machine, or it failed.
    """
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException  # takes a second to import

        if not isinstance(error, TorchDynamoException):
            raise
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(
            f"trainer.compile: torch cannot compile this network here: {reason} It needs a C++ compiler on a CPU and "
            "triton on a GPU; leave it out to train without."
        ) from error
