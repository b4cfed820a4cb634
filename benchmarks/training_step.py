"""A training step of the packaged network on the CPU, with and without freed memory kept for the next step.

    python benchmarks/training_step.py [--threads 1] [--steps 12]

Both ways run in processes of their own, in turns, so that neither profits from the other's memory. Prints the median
time of a step and the ratio. Batches of 16 pictures of 256 px, bf16, random pictures: data are not loaded.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch

from crackwise.allocator import keep_freed_memory
from crackwise.losses import LossConfig, build_loss
from crackwise.models import build_model

ROUNDS = 3
WAYS = ("plain", "kept")


def median_step_ms(way: str, steps: int, threads: int) -> float:
    """The median time of a step in this process, the first two left out."""
    if way == "kept" and not keep_freed_memory():
        raise SystemExit("This C library has no mallopt: nothing to compare.")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = build_model("mobilenet_fpn").to(memory_format=torch.channels_last)
    loss_of = build_loss(LossConfig())
    optimizer = torch.optim.AdamW(model.parameters())
    image = torch.rand(16, 3, 256, 256).contiguous(memory_format=torch.channels_last)
    target = (torch.rand(16, 1, 256, 256) > 0.97).to(torch.uint8)
    times_ms = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(image)
        loss_of(logits.float(), target).backward()
        optimizer.step()
        times_ms.append((time.perf_counter() - start) * 1000)
    return statistics.median(times_ms[2:])


def main() -> None:
    """Run both ways in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(median_step_ms(options.way, options.steps, options.threads))
        return
    times_ms: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, *sys.argv[1:]]
            times_ms[way].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    medians = {way: statistics.median(values) for way, values in times_ms.items()}
    for way, value in medians.items():
        print(f"{way:<6} {value:7.0f} ms a step")
    print(f"ratio  {medians['plain'] / medians['kept']:7.2f}")


if __name__ == "__main__":
    main()
