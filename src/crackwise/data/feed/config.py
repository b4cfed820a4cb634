"""Training and validation data as a recipe names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from crackwise.data.augment import AugmentConfig
from crackwise.data.folder import Item, open_items
from crackwise.data.splits import leaking
from crackwise.errors import DataError

__all__ = ["DataConfig", "TrainingItems", "TrainingSet", "training_items"]


class TrainingSet(BaseModel):
    """One set to train on: a reference, how often it is drawn, and how its labels are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: str
    weight: PositiveFloat = 1.0
    """How often a picture of this set is drawn, relative to 1 for every picture."""
    labels: Literal["as_drawn", "narrowed", "no_crack"] = "as_drawn"
    """``narrowed``: wide strokes cut to their dark core; ``no_crack``: the set shows none, whatever its masks say."""
    move_labels_px: tuple[int, int] | None = None
    """Right and down, for a set whose labels lie beside their cracks by the same step everywhere."""
    scale: tuple[PositiveFloat, PositiveFloat] | None = None
    """Range of the zoom for this set, where it is not that of ``augment``."""
    donates: bool = False
    """Its cracks may be painted onto crack-free pictures (``DataConfig.paste_p``): only for accurately drawn labels."""
    crack_free: bool = False
    """It shows no crack at all: its pictures may be laid over others (``DataConfig.relief_p``)."""


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
    relief_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of laying the joints, stains and texture of a crack-free training picture over another."""
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
