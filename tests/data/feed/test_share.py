"""Processes that share an epoch see together what one would have seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from crackwise.data.feed import CrackDataModule, DataConfig
from crackwise.data.feed.drawing import Draws
from crackwise.data.feed.share import WHOLE, Share, Shared
from crackwise.data.folder import CrackDataset


def draws(share: Share) -> list[tuple[int, int]]:
    """Twelve draws of ten pictures."""
    sampler = Draws([1.0] * 10, 12, 5, lambda: 3, share=share)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    return drawn


@pytest.mark.parametrize("count", [2, 3])
def test_the_batches_of_all_processes_are_those_of_one(count: int) -> None:
    whole, size = draws(WHOLE), 6
    parts, own = [draws(Share(rank, count)) for rank in range(count)], size // count
    for step in range(2):
        together = [draw for part in parts for draw in part[step * own : (step + 1) * own]]
        assert sorted(together) == sorted(whole[step * size : (step + 1) * size])


def test_shares_of_pictures_are_equally_long_and_filled_up_without_labels(drawn_set: Path) -> None:
    config = DataConfig.model_validate({"train": [f"{drawn_set}:train"], "val": [f"{drawn_set}:val"]})
    items = CrackDataModule(config).validation[0][1][:3]
    pictures = CrackDataset(items)
    first, second = ([Shared(pictures, Share(rank, 2))[i] for i in range(2)] for rank in range(2))
    assert [sample.name for sample in first] == [items[0].name, items[2].name]
    assert second[0].name == items[1].name
    assert (second[1].target == 255).all()
    assert len(Shared(pictures, WHOLE)) == 3
