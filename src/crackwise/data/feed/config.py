"""Training and validation data as a recipe names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from crackwise.data.augment import AugmentConfig
from crackwise.data.catalog import DATASETS
from crackwise.data.folder import Item, as_whole, open_items, parse_reference, read_sample
from crackwise.data.splits import leaking
from crackwise.data.twins import find_twins
from crackwise.errors import DataError
from crackwise.strict import Strict

__all__ = ["DataConfig", "DataItems", "TrainingItems", "TrainingSet", "data_items"]

TWINS = 0.01
"""Share of a set from which copies of its own pictures in it are no chance."""


class TrainingSet(Strict):
    """One set to train on: a reference, how often it is drawn, and how its labels are taken."""

    ref: str
    weight: PositiveFloat = 1.0
    """How often a picture of this set is drawn, relative to 1 for every picture."""
    labels: Literal["as_drawn", "narrowed", "no_crack"] = "as_drawn"
    """``narrowed``: wide strokes cut to their dark core; ``no_crack``: the set shows none, whatever its masks say
    of cracks; other classes stay as labelled."""
    move_labels_px: tuple[int, int] | None = None
    """Right and down, for a set whose labels lie beside their cracks by the same step everywhere."""
    scale: tuple[PositiveFloat, PositiveFloat] | None = None
    """Range of the zoom for this set, where it is not that of ``augment``."""
    donates: bool = False
    """Its cracks may be painted onto crack-free pictures (``DataConfig.paste_p``): only for accurately drawn labels."""
    crack_free: bool = False
    """It shows no crack at all: its pictures may be laid over others (``DataConfig.relief_p``)."""


class DataConfig(Strict):
    """What a run trains on, validates on and must not have seen."""

    train: Annotated[tuple[TrainingSet | str, ...], Field(min_length=1)]
    val: Annotated[tuple[str, ...], Field(min_length=1)]
    """The sets that choose epoch and threshold."""
    held_out: tuple[str, ...] = ()
    """Test sets: a training picture whose photograph is in one of them is a leak."""
    root: str | None = None
    classes: tuple[str, ...] = ("crack",)
    labels_of: Literal["pixels", "pictures"] = "pixels"
    """``pictures``, for classifiers: a mark anywhere, or the folder of a class, labels the whole picture."""
    leakage: Literal["refuse", "drop"] = "refuse"
    """``drop`` leaves out training pictures whose photograph is also in ``val`` or ``held_out``, and those of ``val``
    whose photograph is in ``held_out``."""
    allow_leakage: bool = False
    """Train on a leaking split all the same; the model card says so."""
    batch_size: PositiveInt = 16
    """Pictures in one step, however many devices share them."""
    workers: NonNegativeInt = 0
    """Loading processes per device."""
    augment: AugmentConfig = AugmentConfig()
    views_per_picture: PositiveInt | None = None
    """Every picture has so many views, drawn once from the seed, and every epoch draws among them; default: every
    view is new."""
    paste_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of painting cracks of another training picture onto a crack-free one."""
    relief_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of laying the joints, stains and texture of a crack-free training picture over another."""
    steps_per_epoch: PositiveInt | None = None
    """Batches in one epoch; default: as many as it takes to draw every picture once."""

    @model_validator(mode="after")
    def has_what_it_mixes(self) -> Self:
        """A probability without a set to take from would do nothing."""
        sets = [entry for entry in self.train if isinstance(entry, TrainingSet)]
        if self.paste_p and not any(entry.donates for entry in sets):
            raise ValueError(f"paste_p={self.paste_p} needs a training set with donates: true")
        if self.relief_p and not any(entry.crack_free for entry in sets):
            raise ValueError(f"relief_p={self.relief_p} needs a training set with crack_free: true")
        if self.augment.is_whole and any(entry.scale for entry in sets):
            raise ValueError(
                f"augment.kind={self.augment.kind} takes whole pictures: the scale of a training set would do nothing"
            )
        if self.augment.cracks_p and self.classes[0] != "crack":
            raise ValueError(f"augment.cracks_p draws cracks, the first of the classes is {self.classes[0]!r}")
        return self

    @model_validator(mode="after")
    def labels_pictures_as_a_whole(self) -> Self:
        """What draws, moves or narrows labels knows pixels only."""
        if self.labels_of == "pixels":
            return self
        sets = [entry for entry in self.train if isinstance(entry, TrainingSet)]
        of_pixels = {
            "paste_p": self.paste_p,
            "augment.cracks_p": self.augment.cracks_p,
            "augment.kind=cracksam": self.augment.kind == "cracksam",
            "labels: narrowed": any(entry.labels == "narrowed" for entry in sets),
            "move_labels_px": any(entry.move_labels_px for entry in sets),
        }
        asked = [name for name, value in of_pixels.items() if value]
        if asked:
            raise ValueError(f"labels_of=pictures does not go with {', '.join(asked)}: they change labels of pixels")
        return self

    def augment_of(self, entry: TrainingSet) -> AugmentConfig:
        """The augmentation of one set."""
        return self.augment if entry.scale is None else self.augment.model_copy(update={"scale": entry.scale})


class TrainingItems(BaseModel):
    """The pictures of one training set after leaking ones are gone."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    config: TrainingSet
    items: tuple[Item, ...]


class DataItems(NamedTuple):
    """The pictures of a run, photographs of test sets dealt with as the recipe says."""

    train: tuple[TrainingItems, ...]
    val: tuple[tuple[str, tuple[Item, ...]], ...]
    """Reference and pictures."""
    leaks: tuple[str, ...]
    """Names of pictures that share a photograph with validation (training ones) or a test set (both)."""


def data_items(config: DataConfig) -> DataItems:
    """The training pictures per set and the validation pictures per reference.

    Raises:
        DataError: some leak, and the recipe says neither to drop nor to allow them; or a set is left empty, or labels
            none of the classes.
    """
    root = Path(config.root) if config.root else None
    sets = [entry if isinstance(entry, TrainingSet) else TrainingSet(ref=entry) for entry in config.train]
    for reference in (*(entry.ref for entry in sets if entry.labels != "no_crack"), *config.val):
        check_classes(reference, config.classes)
    train = [(entry, labelled_items(entry.ref, config)) for entry in sets]
    val = [(reference, labelled_items(reference, config)) for reference in config.val]
    if config.labels_of == "pictures" and not config.allow_leakage:  # labels of pixels may be of several classes
        refuse_twins([(entry.ref, items) for entry, items in train])
    for _, items in (*train, *val):
        read_sample(items[0], config.classes)  # labels that cannot be used are not found in the middle of an epoch
    tests = [item for reference in config.held_out for item in open_items(reference, root)]
    chosen = [item for _, items in val for item in items]
    learnt = leaking([item for _, items in train for item in items], [*chosen, *tests])
    choosing = leaking(chosen, tests)
    leaks = learnt | choosing
    if leaks and config.leakage == "refuse" and not config.allow_leakage:
        raise DataError(
            f"{len(leaks)} pictures of training or validation share a photograph with a part they must not know, for "
            f"example {min(leaks)!r}. Set data.leakage: drop to leave them out, or data.allow_leakage: true to train "
            "all the same."
        )
    if config.leakage == "drop":
        train = [(entry, without(items, learnt)) for entry, items in train]
        val = [(reference, without(items, choosing)) for reference, items in val]
    kept = tuple(TrainingItems(config=entry, items=items) for entry, items in train)
    if not any(part.items for part in kept):
        raise DataError("All training pictures share a photograph with validation or test: none is left.")
    for reference, items in val:
        if not items:
            raise DataError(f"All pictures of {reference} share a photograph with a test set: no validation is left.")
    return DataItems(kept, tuple(val), tuple(sorted(leaks)))


def labelled_items(reference: str, config: DataConfig) -> tuple[Item, ...]:
    """The pictures of a reference, their labels taken as the network answers."""
    items = open_items(reference, Path(config.root) if config.root else None)
    return tuple(map(as_whole, items)) if config.labels_of == "pictures" else items


def refuse_twins(train: Sequence[tuple[str, tuple[Item, ...]]]) -> None:
    """Refuse training sets that hold the same files: one is, in whole or in part, a copy of another, or of itself."""
    twins = find_twins([items for _, items in train])
    if twins:
        first, second = twins[0]
        raise DataError(
            f"{len(twins)} pictures of training lie in two sets byte for byte, for example {str(first)!r} and "
            f"{str(second)!r}. Name only one of the two sets, or set data.allow_leakage: true to train all the same."
        )
    for reference, items in train:
        twins = find_twins([[item] for item in items])
        if len(twins) > TWINS * len(items):
            first, second = twins[0]
            raise DataError(
                f"{len(twins)} of the {len(items)} pictures of {reference} are copies of others there, byte for byte, "
                f"for example {str(first)!r} and {str(second)!r}. Delete the copies, or set data.allow_leakage: true "
                "to train all the same."
            )


def without(items: tuple[Item, ...], names: frozenset[str]) -> tuple[Item, ...]:
    """The items that are not called so."""
    return tuple(item for item in items if item.name not in names)


def check_classes(reference: str, classes: tuple[str, ...]) -> None:
    """Refuse a set that is known to label none of the classes."""
    parsed = parse_reference(reference)
    row = DATASETS.get(parsed.source)
    labels = (parsed.label,) if parsed.label else row.classes if row else classes
    if not set(labels) & set(classes):
        raise DataError(
            f"{reference} labels {', '.join(labels)}, the recipe learns {', '.join(classes)}. Add the class to "
            "data.classes, or take the set as crack-free with labels: no_crack."
        )
