"""Training and validation data as a recipe names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from lightning import LightningDataModule
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch.utils.data import DataLoader, Dataset, Sampler

from crackwise.data.augment import AugmentConfig, build_augmentation, narrow, paste_crack, random_view, tolerate
from crackwise.data.folder import CrackDataset, Item, open_items
from crackwise.data.sample import Sample
from crackwise.data.splits import leaking
from crackwise.errors import DataError

__all__ = ["CrackDataModule", "DataConfig", "TrainingSet", "training_items"]


class TrainingSet(BaseModel):
    """One set to train on: a reference, how often it is drawn, and how its labels are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: str
    weight: PositiveFloat = 1.0
    """How often a picture of this set is drawn, relative to 1 for every picture."""
    labels: Literal["as_drawn", "narrowed", "tolerant", "no_crack"] = "as_drawn"
    """``narrowed``: wide strokes cut to their dark core; ``tolerant``: 2 px beside a stroke are not judged, for strokes
    drawn beside the crack; ``no_crack``: the set shows none, whatever its masks say."""
    scale: tuple[PositiveFloat, PositiveFloat] | None = None
    """Range of the zoom for this set, where it is not that of ``augment``."""
    donates: bool = False
    """Its cracks may be painted onto crack-free pictures (``DataConfig.paste_p``): only for accurately drawn labels."""


class DataConfig(BaseModel):
    """What a run trains on, validates on and must not have seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Annotated[tuple[TrainingSet | str, ...], Field(min_length=1)]
    val: Annotated[tuple[str, ...], Field(min_length=1)]
    """The sets that choose epoch and threshold."""
    held_out: tuple[str, ...] = ()
    """Test sets: a training picture whose photograph is in one of them is a leak."""
    root: str | None = None
    classes: tuple[str, ...] = ("crack",)
    leakage: Literal["refuse", "drop"] = "refuse"
    """``drop`` leaves out the training pictures whose photograph is also in ``val`` or ``held_out``."""
    allow_leakage: bool = False
    """Train on a leaking split all the same; the model card says so."""
    batch_size: PositiveInt = 16
    workers: NonNegativeInt = 0
    augment: AugmentConfig = AugmentConfig()
    paste_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of painting cracks of another training picture onto a crack-free one."""
    steps_per_epoch: PositiveInt | None = None
    """Batches in one epoch; default: as many as it takes to draw every picture once."""

    def augment_of(self, entry: TrainingSet) -> AugmentConfig:
        """The augmentation of one set."""
        return self.augment if entry.scale is None else self.augment.model_copy(update={"scale": entry.scale})


class TrainingItems(BaseModel):
    """The pictures of one training set after leaking ones are gone."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    config: TrainingSet
    items: tuple[Item, ...]


def training_items(config: DataConfig) -> tuple[list[TrainingItems], tuple[str, ...]]:
    """The training pictures per set, and the names of those that share a photograph with validation or test.

    Raises:
        DataError: some leak, and the recipe says neither to drop nor to allow them.
    """
    root = Path(config.root) if config.root else None
    sets = [entry if isinstance(entry, TrainingSet) else TrainingSet(ref=entry) for entry in config.train]
    found = [(entry, open_items(entry.ref, root)) for entry in sets]
    kept_apart = [item for reference in (*config.val, *config.held_out) for item in open_items(reference, root)]
    leaks = leaking([item for _, items in found for item in items], kept_apart)
    if leaks and config.leakage == "refuse" and not config.allow_leakage:
        raise DataError(
            f"{len(leaks)} training pictures share a photograph with validation or test, for example {min(leaks)!r}. "
            "Set data.leakage: drop to leave them out, or data.allow_leakage: true to train all the same."
        )
    drop = leaks if config.leakage == "drop" else frozenset()
    kept = [TrainingItems(config=c, items=tuple(i for i in items if i.name not in drop)) for c, items in found]
    if not any(part.items for part in kept):
        raise DataError(f"All {len(drop)} training pictures share a photograph with validation or test: none is left.")
    return kept, tuple(sorted(leaks))


Draw = tuple[int, int]
"""Which picture, and the seed of its view."""


class Draws(Sampler[Draw]):
    """Pictures drawn by weight, each with the seed of its view: an epoch's draws depend on its number alone.

    So a resumed run sees what an unbroken one would have seen, however many workers load it.
    """

    def __init__(self, weights: Sequence[float], count: int, seed: int, epoch: Callable[[], int]) -> None:
        self.weights = torch.tensor(weights, dtype=torch.double)
        self.count = count
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Draw]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch())
        indices = torch.multinomial(self.weights, self.count, replacement=True, generator=generator)
        seeds = torch.randint(2**62, (self.count,), generator=generator)
        return zip(indices.tolist(), seeds.tolist(), strict=True)


class Views(Dataset[Sample]):
    """Augmented views of the training pictures of all sets."""

    def __init__(self, parts: Sequence[TrainingItems], config: DataConfig) -> None:
        self.pictures = CrackDataset([item for part in parts for item in part.items], config.classes)
        self.labels = [LABELS[part.config.labels] for part in parts for _ in part.items]
        self.donors = CrackDataset([i for part in parts if part.config.donates for i in part.items], config.classes)
        self.config = config
        by_set = [build_augmentation(config.augment_of(part.config)) for part in parts]
        self.augment = [augment for augment, part in zip(by_set, parts, strict=True) for _ in part.items]

    def __getitem__(self, draw: Draw) -> Sample:
        index, seed = draw
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sample = self.labels[index](self.pictures[index])
            if len(self.donors) and not (sample.target == 1).any() and torch.rand(()) < self.config.paste_p:
                sample = self.pasted(sample)
            return self.augment[index](sample)

    def pasted(self, sample: Sample) -> Sample:
        """The sample with the cracks of a random donor, seen under a random view of the same size."""
        donor = self.donors[int(torch.randint(len(self.donors), ()))]
        side_px = min(sample.image.shape[-2:])
        view = random_view(donor, self.config.augment.model_copy(update={"crop_px": side_px, "scale": (0.7, 1.6)}))
        ground = Sample(sample.image[:, :side_px, :side_px], sample.target[:, :side_px, :side_px], sample.name)
        return paste_crack(ground, view, strength=float(torch.empty(()).uniform_(0.6, 1.4)))


def no_crack(sample: Sample) -> Sample:
    """The sample with nothing present."""
    return sample._replace(target=torch.zeros_like(sample.target))


LABELS: dict[str, Callable[[Sample], Sample]] = {
    "as_drawn": lambda sample: sample,
    "narrowed": narrow,
    "tolerant": tolerate,
    "no_crack": no_crack,
}


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
