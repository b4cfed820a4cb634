"""What a step sees: pictures drawn by weight, labels as their set says, two photographs in one, a random view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from crackwise.data.augment import build_augmentation, lay_relief, move_labels, narrow, paste_crack, random_view
from crackwise.data.augment.draws import chance, uniform
from crackwise.data.feed.config import DataConfig, TrainingItems
from crackwise.data.feed.share import WHOLE, Share
from crackwise.data.folder import CrackDataset
from crackwise.data.sample import Sample
from crackwise.errors import DataError

__all__ = ["Draw", "Draws", "Views", "view_seeds"]

Draw = tuple[int, int]
"""Which picture, and the seed of its view."""


class Draws(Sampler[Draw]):
    """Pictures drawn by weight, each with the seed of its view: an epoch's draws depend on its number alone.

    So a resumed run sees what an unbroken one would have seen, however many workers load it. Of several processes each
    takes its share of the same draws: together their batches are those that one process would have made.
    """

    def __init__(
        self,
        weights: Sequence[float],
        count: int,
        seed: int,
        epoch: Callable[[], int],
        *,
        views_per_picture: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        self.weights = torch.tensor(weights, dtype=torch.double)
        self.count = count
        self.seed = seed
        self.epoch = epoch
        self.fixed = None if views_per_picture is None else view_seeds(len(weights), views_per_picture, seed)
        self.share = share

    def __len__(self) -> int:
        return len(range(self.count)[self.share.part])

    def __iter__(self) -> Iterator[Draw]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch())
        indices = torch.multinomial(self.weights, self.count, replacement=True, generator=generator)
        if self.fixed is None:
            seeds = torch.randint(2**62, (self.count,), generator=generator)
        else:
            numbers = torch.randint(self.fixed.shape[1], (self.count,), generator=generator)
            seeds = self.fixed[indices, numbers]
        return zip(indices[self.share.part].tolist(), seeds[self.share.part].tolist(), strict=True)


def view_seeds(pictures: int, views_per_picture: int, seed: int) -> Tensor:
    """The seeds (pictures, views) of all the views there are, where their number is fixed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2**62, (pictures, views_per_picture), generator=generator)


class Views(Dataset[Sample]):
    """Augmented views of the training pictures of all sets."""

    def __init__(self, parts: Sequence[TrainingItems], config: DataConfig) -> None:
        self.pictures = CrackDataset([item for part in parts for item in part.items], config.classes)
        self.entries = [part.config for part in parts for _ in part.items]
        self.donors = [index for index, entry in enumerate(self.entries) if entry.donates]
        self.walls = [index for index, entry in enumerate(self.entries) if entry.crack_free]
        self.config = config
        self.augment = {part.config: build_augmentation(config.augment_of(part.config)) for part in parts}

    def __getitem__(self, draw: Draw) -> Sample:
        index, seed = draw
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sample = self.labelled(index)
            if self.donors and not (sample.target == 1).any() and chance(self.config.paste_p):
                ground = square(sample)
                view = self.other(self.donors, ground, zoom=(0.7, 1.6))
                sample = paste_crack(ground, view, strength=uniform(0.6, 1.4))
            if self.walls and chance(self.config.relief_p):
                sample = square(sample)
                view = self.other(self.walls, sample, zoom=(0.5, 2.0))
                sample = lay_relief(sample, view.image, strength=uniform(0.4, 1.2))
            return self.augment[self.entries[index]](sample)

    def labelled(self, index: int) -> Sample:
        """A whole picture with its labels taken as its set says."""
        sample, entry = self.pictures[index], self.entries[index]
        if entry.move_labels_px is not None:
            sample = move_labels(sample, *entry.move_labels_px)
        return LABELS[entry.labels](sample, self.config.classes)

    def other(self, indices: Sequence[int], sample: Sample, zoom: tuple[float, float]) -> Sample:
        """A random view, as large as the square sample, of one of these pictures."""
        index = indices[int(torch.randint(len(indices), ()))]
        labelled = self.labelled(index)
        if self.entries[index].crack_free and (labelled.target == 1).any():
            raise DataError(f"{labelled.name} shows a crack, but its set is called crack_free.")
        view = {"crop_px": sample.image.shape[-1], "scale": zoom}
        return random_view(labelled, self.config.augment.model_copy(update=view))


def square(sample: Sample) -> Sample:
    """A random one of the largest squares."""
    h, w = sample.image.shape[-2:]
    side_px = min(h, w)
    top, left = int(torch.randint(h - side_px + 1, ())), int(torch.randint(w - side_px + 1, ()))
    window = (slice(None), slice(top, top + side_px), slice(left, left + side_px))
    return sample._replace(image=sample.image[window], target=sample.target[window])


def no_crack(sample: Sample, classes: Sequence[str]) -> Sample:
    """The sample without a crack; without anything where the network learns one class, whatever that is called."""
    target = sample.target.clone()
    target[[name == "crack" or len(classes) == 1 for name in classes]] = 0
    return sample._replace(target=target)


LABELS: dict[str, Callable[[Sample, Sequence[str]], Sample]] = {
    "as_drawn": lambda sample, _: sample,
    "narrowed": lambda sample, _: narrow(sample),
    "no_crack": no_crack,
}
