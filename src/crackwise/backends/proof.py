"""Which photographs an export is compared on, and which int8 takes its ranges from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from crackwise.backends import load_predictor, source_path
from crackwise.backends.shown import Shown, labelled, of_files
from crackwise.errors import DataError, MissingExtraError, ModelError, needs_extra
from crackwise.imaging.image import SUFFIXES
from crackwise.predictor import ModelCard

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item

__all__ = ["Proof", "find_proof"]

Thing = TypeVar("Thing")

MOST = 100
"""Photographs that are compared."""
MOST_CALIBRATING = 64
"""Photographs that ranges are taken from."""


class Proof(NamedTuple):
    """What an export is shown; None where it may draw its own, or needs none."""

    shown: Shown | None
    calibration: Shown | None


def find_proof(
    source: str | Path,
    *,
    precision: str,
    parity_on: Sequence[str] = (),
    calibrate_on: Sequence[str] = (),
    root: Path | None = None,
) -> Proof:
    """The photographs for an export of a model: those asked for, else its card's validation sets where they are there.

    int8 takes its ranges from every other photograph of ``calibrate_on`` and is compared on the rest, or on
    ``parity_on``.

    Raises:
        DataError: a set that was asked for cannot be opened, or int8 has none, or one of too few photographs.
        ModelError: the model cannot be used, or ranges are asked for that nothing needs.
        MissingExtraError: labels are asked for, and what reads them is not installed.
    """
    if calibrate_on and precision != "int8":
        raise ModelError(f"--calibrate-on is for --precision int8; {precision} takes no ranges from pictures.")
    card = card_of(source)
    asked = joined([opened(reference, card, root) for reference in parity_on]) if parity_on else None
    if precision != "int8":
        return Proof(asked or validation(card, root), None)
    items = [item for reference in calibrate_on for item in items_of(reference, root)]
    names = ", ".join(calibrate_on)
    if not calibrate_on:
        found = validation_items(card, root)
        names, items = ", ".join(found), [item for each in found.values() for item in each]
    groups = sorted({item.group for item in items})
    if len(groups) < 2:
        raise DataError(
            "int8 takes its ranges from one half of a set of labelled photographs and is judged on the other: pass "
            "--calibrate-on SET, and --root DIR where the sets of the catalogue lie."
        )
    half = set(groups[::2])
    ranges = spread([item for item in items if item.group in half], MOST_CALIBRATING)
    others = spread([item for item in items if item.group not in half], MOST)
    rest = f"{names}, photographs that gave no ranges"
    return Proof(asked or labelled(others, rest, card.classes), labelled(ranges, names, card.classes))


def card_of(source: str | Path) -> ModelCard:
    """The card of a model, read without its network where it is a run folder."""
    path = source_path(source)
    if not path.is_dir():
        return load_predictor(path).card
    with needs_extra("lab"):
        from crackwise.training.card import read_card
    return read_card(path)


def validation(card: ModelCard, root: Path | None) -> Shown | None:
    """The validation sets that the card names, as far as they are there."""
    try:
        found = validation_items(card, root)
    except MissingExtraError:
        return None
    share = max(1, MOST // max(1, len(found)))
    return joined([labelled(spread(items, share), name, card.classes) for name, items in found.items()])


def validation_items(card: ModelCard, root: Path | None) -> dict[str, tuple[Item, ...]]:
    """The same, by the names of the sets."""
    found = {}
    for terms in card.data:
        if terms.role == "val":
            try:
                found[terms.name] = items_of(terms.name, root)
            except DataError:
                continue
    return found


def items_of(reference: str, root: Path | None) -> tuple[Item, ...]:
    """The labelled pictures that a reference names."""
    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    return open_items(reference, root)


def opened(reference: str, card: ModelCard, root: Path | None) -> Shown:
    """The labelled pictures of a set, or the photographs of a folder that holds no labels.

    Raises:
        DataError: there is neither.
    """
    folder = Path(reference)
    photographs = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    try:
        return labelled(spread(items_of(reference, root), MOST), reference, card.classes)
    except (DataError, MissingExtraError):
        if not photographs:
            raise
        return of_files(spread(photographs, MOST), reference)


def joined(parts: Sequence[Shown]) -> Shown | None:
    """Several as one; None where there is none."""
    if not parts:
        return None
    return Shown(", ".join(part.name for part in parts), [read for part in parts for read in part.pictures])


def spread(things: Sequence[Thing], most: int) -> list[Thing]:
    """So many of them at even distances, or all."""
    if len(things) <= most:
        return list(things)
    return [things[number] for number in np.linspace(0, len(things) - 1, most).round().astype(int)]
