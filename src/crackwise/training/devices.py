"""One training on several devices: a process for each, which all work through the same recipe.

Every process takes its share of each batch. The first one alone writes files. Processes are told who they are by
torchrun's variables, so torchrun may start them as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, Strategy
from torch import nn
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from crackwise.allocator import keep_freed_memory
from crackwise.errors import CrackwiseError, ModelError, RecipeError
from crackwise.models.tuning.anatomy import anatomy_of, named_blocks
from crackwise.training.norms import JoinedNorms
from crackwise.training.recipe import Recipe, TrainerConfig

__all__ = ["is_spread", "run_on_devices", "strategy_and_plugins"]

Part = Callable[[Recipe, Path], None]


def is_spread(settings: TrainerConfig) -> bool:
    """Whether processes of their own train; else the calling one does."""
    return settings.devices > 1 or settings.strategy != "auto"


def run_on_devices(part: Part, recipe: Recipe, out: Path) -> None:
    """Call ``part(recipe, out)`` in one process per device of the recipe, until all are done.

    If one fails the others are ended.

    Raises:
        CrackwiseError: what one of them raised, or one was killed.
        RecipeError: these devices cannot do it, or torchrun started another number of processes.
    """
    settings = recipe.trainer
    refuse_impossible(settings)
    if not is_spread(settings) or TorchElasticEnvironment.detect():
        part(recipe, out)
        return
    context = get_context("spawn")
    errors = context.SimpleQueue()
    port = find_free_network_port()
    processes = start_processes(  # type: ignore[no-untyped-call]
        one_of_several, (part, recipe, out, port, errors), settings.devices, join=False, start_method="spawn"
    )
    try:
        while not processes.join():
            pass
    except ProcessRaisedException:
        if errors.empty():
            raise
        raise errors.get() from None
    except ProcessExitedException as error:
        raise CrackwiseError(
            f"One of {settings.devices} training processes was ended from outside ({error}); often memory runs short. "
            "The same command goes on where it stopped."
        ) from error
    finally:
        for process in processes.processes:  # none is left but after an interrupt
            process.kill()
            process.join()


def one_of_several(rank: int, part: Part, recipe: Recipe, out: Path, port: int, errors: Any) -> None:
    """The life of one process."""
    count = str(recipe.trainer.devices)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    rank_zero_only.rank = rank  # type: ignore[attr-defined]  # Lightning was imported before the variables were set
    torch.set_num_threads(max(1, torch.get_num_threads() // recipe.trainer.devices))
    keep_freed_memory()
    try:
        part(recipe, out)
    except CrackwiseError as error:
        errors.put(error)
        raise


def strategy_and_plugins(settings: TrainerConfig, model: nn.Module) -> tuple[Strategy | str, list[Any]]:
    """What Lightning's trainer needs to be one of several; a batch normalisation sees the whole batch."""
    if not is_spread(settings):
        return "auto", []
    plugins = [TorchElasticEnvironment(), JoinedNorms(on_gpu=uses_gpu(settings))]
    if settings.strategy == "fsdp":
        return sharding(model), plugins
    # static: some weights take no part in the answer, such as SAM's for clicks, but always the same ones
    return DDPStrategy(static_graph=True), plugins


def sharding(model: nn.Module) -> FSDPStrategy:
    """Weights, gradients and optimiser states spread over the devices, gathered block by block; checkpoints are one."""
    try:
        blocks = {type(block) for _, block in named_blocks(model, anatomy_of(model))}
    except ModelError:  # it names no encoder: sharded as one piece
        blocks = set()
    return FSDPStrategy(auto_wrap_policy=blocks, use_orig_params=True, state_dict_type="full")


def uses_gpu(settings: TrainerConfig) -> bool:
    """Whether the recipe runs on NVIDIA or AMD GPUs here."""
    return settings.accelerator != "cpu" and torch.cuda.is_available()


def refuse_impossible(settings: TrainerConfig) -> None:
    """Say what stands in the way before any process starts."""
    if settings.strategy == "fsdp" and not uses_gpu(settings):
        raise RecipeError("trainer.strategy=fsdp needs GPUs, and here are none it may use. Set trainer.strategy=ddp.")
    started = int(os.environ["WORLD_SIZE"]) if TorchElasticEnvironment.detect() else settings.devices
    if started != settings.devices:
        raise RecipeError(
            f"torchrun started {started} processes, the recipe wants trainer.devices={settings.devices}. "
            "Make the two numbers equal."
        )
