"""An epoch of training the head from pictures against one from kept features (``trainer.cache``).

    python benchmarks/cached_features.py [--model cracksam] [--set size=vit_b] [--crop-px 448] [--form f32]
        [--pictures 8] [--batch-size 4] [--rounds 3] [--threads 1]

Both ways train the same views of drawn photographs with the same network of random weights, in turns, in one process;
decoding, augmentation, loss and optimiser are in both. What is printed: the time it took to compute the features once,
the median time of an epoch of each way, and their ratio; on the wall clock, and of the processor, which is steady
where others work too. Nothing is validated.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import yaml
from torch.utils.data import Dataset

from crackwise.allocator import keep_freed_memory
from crackwise.data.feed import CrackDataModule
from crackwise.data.sample import Sample
from crackwise.losses import build_loss
from crackwise.training.card import tiling_of
from crackwise.training.frozen.features import plan_features
from crackwise.training.load import network_of
from crackwise.training.recipe import Recipe
from crackwise.training.task import SegmentationTask


def draw_photographs(folder: Path, count: int, side_px: int) -> None:
    """Noisy walls with one dark line each, as JPEG, and their masks."""
    rng = np.random.default_rng(0)
    for part, number in (("train", count), ("val", 1)):
        for kind in ("images", "masks"):
            (folder / kind / part).mkdir(parents=True)
        for i in range(number):
            mask = np.zeros((side_px, side_px), np.uint8)
            cv2.polylines(mask, [rng.integers(0, side_px, (4, 1, 2)).astype(np.int32)], False, 255, 3)
            wall = rng.normal(170, 20, (side_px, side_px, 1)).repeat(3, 2) - 90 * (mask[..., None] > 0)
            cv2.imwrite(str(folder / "images" / part / f"{part}_{i}.jpg"), wall.clip(0, 255).astype(np.uint8))
            cv2.imwrite(str(folder / "masks" / part / f"{part}_{i}.png"), mask)


def recipe_of(options: argparse.Namespace, photographs: Path) -> Recipe:
    """The head alone, one view of every picture."""
    settings = dict(setting.split("=", 1) for setting in options.set)
    return Recipe.parse(
        {
            "name": "cached-features",
            "model": {"name": options.model, "options": {name: yaml.safe_load(v) for name, v in settings.items()}},
            "tuning": "head",
            "data": {
                "train": [f"{photographs}:train"],
                "val": [f"{photographs}:val"],
                "batch_size": options.batch_size,
                "augment": {"crop_px": options.crop_px},
                "views_per_picture": 1,
            },
            "trainer": {"cache": options.form},
        },
        "benchmark",
    )


class Seconds(NamedTuple):
    """What something took on the wall clock and of the processor: the second is steady where others work too."""

    wall: float
    cpu: float


@contextmanager
def timed(times: list[Seconds]) -> Iterator[None]:
    """Append what the block takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    times.append(Seconds(time.perf_counter() - wall, time.process_time() - cpu))


def train_epoch(task: SegmentationTask, data: CrackDataModule, optimizer: torch.optim.Optimizer) -> None:
    """Train once through the draws of an epoch."""
    for batch in data.train_dataloader():
        optimizer.zero_grad()
        logits = task(batch.image) if isinstance(batch, Sample) else task.go_on(batch)
        task.loss(logits.float(), batch.target).backward()
        optimizer.step()


def main() -> None:
    """Run both ways in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cracksam")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of the model")
    parser.add_argument("--crop-px", type=int, default=448)
    parser.add_argument("--form", choices=("f32", "bf16", "f16"), default="f32")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        draw_photographs(Path(folder, "walls"), options.pictures, options.crop_px)
        recipe = recipe_of(options, Path(folder, "walls"))
        data = CrackDataModule(recipe.data)
        net = network_of(recipe).to(memory_format=torch.channels_last)
        task = SegmentationTask(
            net,
            build_loss(recipe.loss),
            recipe.optim,
            total_steps=1,
            tiling=tiling_of(data, net),
        )
        optimizer = task.configure_optimizers()["optimizer"]
        once: list[Seconds] = []
        with timed(once):
            cpu = torch.device("cpu")
            store, task.shortcut = plan_features(recipe, Path(folder, "run"), task.model, data, device=cpu)
            kept = store.fill()
        ways: dict[str, Dataset[object]] = {"pictures": data.views, "features": kept}
        times: dict[str, list[Seconds]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, views in ways.items():
                data.views = views
                with timed(times[way]):
                    train_epoch(task, data, optimizer)
    print(f"an epoch of {data.steps_per_epoch * options.batch_size} views, {store.bytes_per_view() / 1e6:.3g} MB each")
    print(f"{'once':<9} {once[0].wall:8.2f} s, {once[0].cpu:8.2f} s of the processor")
    medians = {way: Seconds(*map(statistics.median, zip(*seconds, strict=True))) for way, seconds in times.items()}
    for way, median in medians.items():
        print(f"{way:<9} {median.wall:8.2f} s, {median.cpu:8.2f} s of the processor")
    slow, fast = medians["pictures"], medians["features"]
    print(f"{'ratio':<9} {slow.wall / fast.wall:8.1f}    {slow.cpu / fast.cpu:8.1f}")


if __name__ == "__main__":
    main()
