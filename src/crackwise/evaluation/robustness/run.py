"""One model shown every condition of every picture; what it answered is kept, so that a run can be taken up again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crackwise import __version__
from crackwise.data.masks import read_mask
from crackwise.errors import DataError
from crackwise.evaluation.evaluate import Question, scored_class
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.noise import Condition
from crackwise.imaging.files import write_atomically
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.tally import Tally, tally

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item
    from crackwise.predictor import Predictor

__all__ = ["CLEAN", "Looks", "look_at"]

CLEAN = "clean"
Told = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Looks:
    """One model on one set, clean and under every condition."""

    items: tuple[Item, ...]
    tallies: dict[str, tuple[Tally, ...]]
    """By the name of the condition, `CLEAN` first; one per item."""
    class_name: str
    threshold: float
    """The one of the model's card."""
    leaks: Leaks
    """Of these items only."""

    @property
    def groups(self) -> list[str]:
        """The photograph of each picture."""
        return [item.group for item in self.items]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a model answered to one picture, in a file of its own that grows with every condition."""

    path: Path
    key: dict[str, Any]
    tallies: dict[str, Tally]

    def keep(self, name: str, counts: Tally) -> None:
        """Remember the answer to one condition, on disk at once."""
        self.tallies[name] = counts
        answers = {name: [float(value) for value in each] for name, each in self.tallies.items()}
        write_atomically(self.path, json.dumps({"key": self.key, "tallies": answers}).encode())


def look_at(
    predictor: Predictor,
    items: Sequence[Item],
    conditions: Sequence[Condition],
    *,
    kept_in: Path,
    class_name: str | None = None,
    leaks: Leaks = Leaks(),  # noqa: B008  (it cannot be changed)
    seed: int = 0,
    told: Told = lambda: None,
) -> Looks:
    """Every picture, clean and under every condition, at the threshold of the card; each is read once.

    Answers that ``kept_in`` holds are not asked for again: those of the same model file, class, picture, label and
    seed. ``told`` is called after every answer.

    Raises:
        DataError: no picture, none that is labelled, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        ModelError: the model does not know the class.
    """
    if not items:
        raise DataError("There is no picture to show.")
    name = scored_class(predictor.card, items[0], Question(class_name))
    rows = [answers_to(predictor, item, name, conditions, kept_in, seed, told) for item in items]
    tallies = {each: tuple(row[each] for row in rows) for each in rows[0]}
    if not any(each.cracked or each.crack_free for each in tallies[CLEAN]):
        raise DataError(
            f"No picture of the set that begins with {items[0].name!r} is labelled pixel by pixel for {name!r}: "
            "nothing to score. Ask for another --class or another set."
        )
    leaks = leaks._replace(names=leaks.names & {item.name for item in items})
    return Looks(tuple(items), tallies, name, predictor.card.threshold, leaks)


def answers_to(
    predictor: Predictor,
    item: Item,
    class_name: str,
    conditions: Sequence[Condition],
    kept_in: Path,
    seed: int,
    told: Told,
) -> dict[str, Tally]:
    """The tallies of one picture, by the names of the conditions; what is not kept is asked for."""
    photo = read_image(item.image)
    target = read_mask(item.mask, photo.shape[:2], (class_name,))[0]
    kept = open_kept(kept_in, key_of(predictor, item, class_name, photo, target, seed))
    plane = predictor.card.classes.index(class_name)

    def answer(name: str, pixels: NDArray[np.uint8], label: NDArray[np.uint8]) -> None:
        found = predict_tiled(predictor, pixels)[plane] >= predictor.card.threshold
        kept.keep(name, tally(found, label))

    if CLEAN not in kept.tallies:
        answer(CLEAN, photo, target)
    told()
    for each in conditions:
        if each.name not in kept.tallies:
            answer(each.name, each.pixels(photo, item.name, seed), each.label(target, item.name, seed))
        told()
    return {name: kept.tallies[name] for name in (CLEAN, *(each.name for each in conditions))}


def key_of(
    predictor: Predictor, item: Item, class_name: str, photo: NDArray[np.uint8], target: NDArray[np.uint8], seed: int
) -> dict[str, Any]:
    """All that an answer depends on, but for the condition."""
    return {
        "crackwise": __version__,
        "counts": list(Tally._fields),
        "model": predictor.sha256,
        "card": predictor.card.model_dump_json(include={"threshold", "tile_px", "overlap_px"}),
        "class": class_name,
        "picture": item.name,
        "content": hashlib.sha256(photo.tobytes() + target.tobytes()).hexdigest(),
        "seed": seed,
    }


def open_kept(folder: Path, key: dict[str, Any]) -> Kept:
    """What is kept under a key; nothing where there is no such file, or one that something else has written."""
    path = folder / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.json"
    tallies: dict[str, Tally] = {}
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        content = json.loads(path.read_bytes())
        if content["key"] == key:
            tallies = {name: Tally(*np.array(values, np.float64)) for name, values in content["tallies"].items()}
    return Kept(path, key, tallies)
