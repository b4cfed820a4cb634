"""What one of several processes works on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from crackwise.data.folder import CrackDataset
from crackwise.data.sample import NOT_LABELLED, Sample

__all__ = ["WHOLE", "Share", "Shared"]


class Share(NamedTuple):
    """Every ``of``-th of a sequence, from the ``first`` on."""

    first: int
    of: int

    @property
    def part(self) -> slice:
        """The share of a sequence."""
        return slice(self.first, None, self.of)


WHOLE = Share(0, 1)


class Shared(Dataset[Sample]):
    """A share of some pictures, for every process of the same length: all take part in every step.

    Where they do not come out even, the first picture fills up, without its labels.
    """

    def __init__(self, pictures: CrackDataset, share: Share) -> None:
        self.pictures = pictures
        self.share = share

    def __len__(self) -> int:
        return math.ceil(len(self.pictures) / self.share.of)

    def __getitem__(self, index: int) -> Sample:
        place = index * self.share.of + self.share.first
        if place < len(self.pictures):
            return self.pictures[place]
        sample = self.pictures[0]
        return sample._replace(target=torch.full_like(sample.target, NOT_LABELLED))
