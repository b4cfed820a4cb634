"""The data of a run as Lightning asks for it."""

from __future__ import annotations

from pathlib import Path

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from crackwise.data.feed.config import DataConfig, training_items
from crackwise.data.feed.drawing import Draws, Views
from crackwise.data.folder import CrackDataset, open_items
from crackwise.data.sample import Sample

__all__ = ["CrackDataModule"]


class CrackDataModule(LightningDataModule):
    """Draws batches of augmented training views; validates on whole pictures."""

    def __init__(self, config: DataConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.parts, self.leaks = training_items(config)
        root = Path(config.root) if config.root else None
        self.validation = [(ref, open_items(ref, root)) for ref in config.val]

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of views, pictures drawn with the weights of their sets."""
        config = self.config
        weights = [part.config.weight for part in self.parts for _ in part.items]
        steps = config.steps_per_epoch or max(1, len(weights) // config.batch_size)
        return DataLoader(
            Views(self.parts, config),
            batch_size=config.batch_size,
            sampler=Draws(weights, steps * config.batch_size, self.seed, self.epoch),
            num_workers=config.workers,
            drop_last=True,
        )

    def epoch(self) -> int:
        """The number of the epoch that is about to be drawn."""
        return self.trainer.current_epoch if self.trainer else 0

    def val_dataloader(self) -> list[DataLoader[Sample]]:
        """One loader per validation set, whole pictures, one at a time."""
        return [DataLoader(CrackDataset(items, self.config.classes), batch_size=1) for _, items in self.validation]
