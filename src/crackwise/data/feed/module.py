"""The data of a run as Lightning asks for it."""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from crackwise.data.feed.config import DataConfig, data_items
from crackwise.data.feed.drawing import Draws, Views
from crackwise.data.feed.share import WHOLE, Share, Shared
from crackwise.data.folder import CrackDataset
from crackwise.data.sample import Sample

__all__ = ["CrackDataModule"]

ENOUGH = 50
"""Pictures that show how large all are."""


class CrackDataModule(LightningDataModule):
    """Draws batches of augmented training views; validates on whole pictures."""

    def __init__(self, config: DataConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.parts, self.validation, self.leaks = data_items(config)
        self.views: Dataset[Any] = Views(self.parts, config)
        """What a step draws from; views that are stored as something else may stand in for it."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""
        pictures = sum(len(part.items) for part in self.parts)
        return self.config.steps_per_epoch or max(1, pictures // self.config.batch_size)

    @property
    def view_px(self) -> int:
        """Side of what a view shows, in pixels of the picture: at the middle of the zooms, or of the pictures."""
        augment = self.config.augment
        if not augment.is_whole:
            return round(augment.crop_px / math.sqrt(augment.scale[0] * augment.scale[1]))
        items = [item for part in self.parts for item in part.items]
        some = CrackDataset(items[:: math.ceil(len(items) / ENOUGH)], self.config.classes)
        return round(statistics.median(math.sqrt(some[i].image[0].numel()) for i in range(len(some))))

    @property
    def share(self) -> Share:
        """What of each batch this process takes."""
        return Share(self.trainer.global_rank, self.trainer.world_size) if self.trainer else WHOLE

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of views, pictures drawn with the weights of their sets."""
        config = self.config
        weights = [part.config.weight for part in self.parts for _ in part.items]
        return DataLoader(
            self.views,
            batch_size=config.batch_size // self.share.of,
            sampler=Draws(
                weights,
                self.steps_per_epoch * config.batch_size,
                self.seed,
                self.epoch,
                views_per_picture=config.views_per_picture,
                share=self.share,
            ),
            num_workers=config.workers,
            drop_last=True,
            generator=torch.Generator().manual_seed(self.seed),  # else the global one is drawn from, at another moment
        )

    def epoch(self) -> int:
        """The number of the epoch that is about to be drawn.

        Told by the steps: a resumed trainer makes its loaders before it puts its own number of the epoch right.
        """
        return self.trainer.global_step // self.steps_per_epoch if self.trainer else 0

    def val_dataloader(self) -> list[DataLoader[Sample]]:
        """One loader per validation set, whole pictures, one at a time."""
        sets = [CrackDataset(items, self.config.classes) for _, items in self.validation]
        return [DataLoader(Shared(pictures, self.share), batch_size=1) for pictures in sets]
