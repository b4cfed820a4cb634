"""Which pictures a model may have met before: their photograph, or the very same file, is in a training part."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crackwise.data.splits import leaking
from crackwise.errors import DataError

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.predictor import ModelCard

__all__ = ["Leaks", "find_leaks"]


class Leaks(NamedTuple):
    """The pictures of a set that a training part also shows."""

    names: frozenset[str] = frozenset()
    checked: tuple[str, ...] = ()
    """The parts it has met that were at hand to look into, now or when it was trained."""
    absent: tuple[str, ...] = ()
    """Those that the card names and that were not."""


def find_leaks(items: Sequence[Item], reference: str, card: ModelCard, root: Path | None = None) -> Leaks:
    """Compare the pictures with what the card says the model has met, in training or validation.

    A set that the card says was kept apart needs no look. A card without data gets the training part of the set itself.
    """
    from crackwise.data.folder import open_items

    named = tuple(terms.name for terms in card.data if terms.role != "test")
    if reference in card.kept_apart:
        return Leaks(checked=named)
    trained: dict[str, tuple[Item, ...]] = {}
    for part in dict.fromkeys(named or own_training_part(reference)):
        with suppress(DataError):
            trained[part] = open_items(part, root)
    names = leaking(items, [item for pictures in trained.values() for item in pictures])
    return Leaks(names, tuple(trained), tuple(part for part in named if part not in trained))


def own_training_part(reference: str) -> tuple[str, ...]:
    """``"deepcrack:test"`` to ``"deepcrack:train"``; nothing for a set without parts, or that part itself."""
    source, colon, part = reference.rpartition(":")
    split_list, slash, _ = part.rpartition("/")
    trained = f"{source}:{split_list}{slash}train"
    return (trained,) if colon and trained != reference else ()
