"""LoRA on CrackSAM against plain transformers in f32: time of a training step, memory kept for the way back.

    python benchmarks/tuning.py step [--size vit_b] [--device cpu|cuda] [--batch 2] [--steps 5] [--compile]
    python benchmarks/tuning.py memory [--size vit_h] [--device cpu|cuda] [--batch 1]

LoRA of rank 4 on query and value, and the head; random weights, random pictures of 448 px. ``plain`` is transformers'
eager attention in f32 without an option; ``f32`` has the attention of a training here, the others add options of a
recipe's ``trainer``. ``step`` takes a step of every way in turns, so that a busy machine slows all alike, and prints
medians and ratios to ``plain``. ``memory`` counts what a forward keeps for the way back: every storage once, parameters
excluded, per picture. ViT-H takes 6 GB of RAM.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn
from transformers.models.sam.modeling_sam import SamVisionAttention

from crackwise.losses import LossConfig, build_loss
from crackwise.models import build_model
from crackwise.models.cost import saved_for_backward
from crackwise.models.tuning import apply_tunings, parse_tunings
from crackwise.training.economy import economize
from crackwise.training.recipe import OptimConfig, TrainerConfig
from crackwise.training.task import adamw

INPUT_PX = 448
WARM_UP = 2

WAYS: dict[str, dict[str, object]] = {
    "plain": {},
    "f32": {},
    "bf16": {"precision": "bf16-mixed"},
    "bf16, frozen 16 bits": {"precision": "bf16-mixed", "frozen_bits": 16},
    "the same, checkpoints": {"precision": "bf16-mixed", "frozen_bits": 16, "checkpoint_gradients": True},
    "the same, compiled": {"precision": "bf16-mixed", "frozen_bits": 16, "compile": True},
}


def build(way: str, size: str, device: str) -> nn.Module:
    """The tuned network, in training mode, as a way has it."""
    torch.manual_seed(0)
    model = apply_tunings(build_model("cracksam", size=size, input_px=INPUT_PX), parse_tunings("lora:4+head"))
    settings = TrainerConfig.model_validate(WAYS[way])
    if way == "plain":
        for module in model.modules():
            if isinstance(module, SamVisionAttention):
                module.__class__ = SamVisionAttention
    else:
        model = model.to(memory_format=torch.channels_last)
        economize(model, settings, precision=settings.precision)
    return model.to(device).train()


def autocast(way: str, device: str) -> AbstractContextManager[None]:
    """The precision of a way."""
    return torch.autocast(device, torch.bfloat16, enabled="precision" in WAYS[way])


def stepper(way: str, size: str, device: str, batch: int) -> Callable[[], float]:
    """A function that takes one training step and returns its milliseconds."""
    model = build(way, size, device)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    config = OptimConfig()
    optimizer = (
        torch.optim.AdamW(learning) if way == "plain" else adamw([{"params": learning, "lr": config.lr}], config)
    )
    loss_of = build_loss(LossConfig())
    image = torch.rand(batch, 3, INPUT_PX, INPUT_PX, device=device)
    target = (torch.rand(batch, 1, INPUT_PX, INPUT_PX, device=device) > 0.97).to(torch.uint8)

    def step() -> float:
        wait(device)
        start = time.perf_counter()
        optimizer.zero_grad()
        with autocast(way, device):
            logits = model(image)
        loss_of(logits.float(), target).backward()
        optimizer.step()
        wait(device)
        return (time.perf_counter() - start) * 1000

    return step


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def print_steps(ways: list[str], options: argparse.Namespace) -> None:
    """Median time of a step of each way, and how many of it fit into a plain one."""
    steppers = {way: stepper(way, options.size, options.device, options.batch) for way in ways}
    times_ms: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.steps + WARM_UP):
        for way, step in steppers.items():
            times_ms[way].append(step())
    medians = {way: statistics.median(values[WARM_UP:]) for way, values in times_ms.items()}
    for way, value in medians.items():
        print(f"{way:<24} {value:9.1f} ms a step, {medians['plain'] / value:5.2f} times as fast as plain")


def print_memory(ways: list[str], options: argparse.Namespace) -> None:
    """Megabytes per picture that a forward of each way keeps for backward."""
    megabytes: dict[str, float] = {}
    for way in ways:
        model = build(way, options.size, options.device)
        image = torch.rand(options.batch, 3, INPUT_PX, INPUT_PX, device=options.device)
        with saved_for_backward(model) as kept, autocast(way, options.device):
            logits = model(image)
        megabytes[way] = sum(kept.values()) / 1e6 / options.batch
        del logits, model
        gc.collect()  # a network whose blocks know how they run is a ring: it goes when the collector comes
        share = megabytes[way] / megabytes["plain"]
        print(f"{way:<24} {megabytes[way]:9.1f} MB a picture, {share:6.3f} of plain", flush=True)


def main() -> None:
    """Measure one of the two and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("step", "memory"))
    parser.add_argument("--size", choices=("vit_b", "vit_l", "vit_h", "tiny"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true", help="also with compiled blocks: minutes to begin with")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    steps = options.what == "step"
    options.size = options.size or ("vit_b" if steps else "vit_h")
    options.batch = options.batch or (2 if steps else 1)
    ways = [way for way, settings in WAYS.items() if options.compile or "compile" not in settings]
    device = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"cracksam {options.size}, {INPUT_PX} px, batch {options.batch}, lora:4+head")
    print(f"{device}, torch {torch.__version__}")
    (print_steps if steps else print_memory)(ways, options)


if __name__ == "__main__":
    main()
