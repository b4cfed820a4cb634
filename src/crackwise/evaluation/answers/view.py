"""What is asked of labelled pictures, and each picture with its label and the answer to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.data.masks import read_mask
from crackwise.errors import ModelError
from crackwise.evaluation.answers.predictions import Source, maps_of
from crackwise.evaluation.noise import noise_named
from crackwise.evaluation.pictures import Verdict, label_of
from crackwise.imaging.image import read_image
from crackwise.tally import NOT_LABELLED

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item
    from crackwise.predictor import ModelCard

__all__ = ["ASKED", "Question", "Viewed", "made_worse", "scored_class", "target_of", "view", "views"]


class Question(NamedTuple):
    """What is asked of a set."""

    class_name: str | None = None
    """The class that is scored; None: the first that the model knows and the set labels, ``"crack"`` before others."""
    absent: bool = False
    """The set shows none of it, labelled or not: a negative prompt."""
    open_close: bool = False
    """Masks are opened and closed with 3x3 pixels first, as the CLIPSeg system does; it erases what is thinner."""
    phrase: str | None = None
    """``class_name`` is asked for by this phrase alone, which is a class of the model; None: by its own name."""
    noise: str | None = None
    """The photographs are made worse first, as `noise_named` understands it; labels stay, or move with the picture."""
    per_picture: bool = False
    """Whether it is on a picture at all is scored as well, not only where; of a set that is labelled so that alone."""
    families: tuple[str, ...] = ()
    """Which of `FAMILIES` are counted beside ``mask``, which always is."""
    noise_seed: int = 0
    """Of what the noise draws, with the name of each picture."""


ASKED = Question()


class Viewed(NamedTuple):
    """One labelled picture and what a predictor finds on it."""

    pixels: NDArray[np.uint8]
    """RGB (h, w, 3), as the predictor sees it."""
    target: NDArray[np.uint8]
    """(h, w): 0 absent, 1 present, 255 not labelled."""
    probability: NDArray[np.float32]
    """(h, w)."""
    predicted: NDArray[np.bool_]
    """(h, w)."""
    verdict: Verdict


def view(predictor: Source, item: Item, threshold: float, question: Question) -> Viewed:
    """One picture, its label and the mask that the predictor makes of it at the threshold."""
    (viewed,) = views(predictor, item, threshold, (question,))
    return viewed


def views(predictor: Source, item: Item, threshold: float, questions: Sequence[Question]) -> Iterator[Viewed]:
    """The same for several questions, which name their classes, with one look at the picture per noise."""
    photo = read_image(item.image)
    seen = {noise: made_worse(photo, item, *noise) for noise in {(each.noise, each.noise_seed) for each in questions}}
    maps = {noise: maps_of(predictor, item, pixels) for noise, pixels in seen.items()}
    for question in questions:
        assert question.class_name is not None
        name, noise = question.class_name, (question.noise, question.noise_seed)
        target = target_of(item, question, photo.shape[:2])
        answer = maps[noise][predictor.card.classes.index(question.phrase or name)]
        predicted = opened_and_closed(answer >= threshold) if question.open_close else answer >= threshold
        verdict = Verdict(float(answer.max()), label_of(item.mask, target, name))
        yield Viewed(seen[noise], target, answer, predicted, verdict)


def made_worse(photo: NDArray[np.uint8], item: Item, noise: str | None, seed: int) -> NDArray[np.uint8]:
    """The photograph of an item under a noise, or as it is without one."""
    return noise_named(noise).pixels(photo, item.name, seed) if noise else photo


def target_of(item: Item, question: Question, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The label (h, w) of the class that is asked for, moved where the noise moves the picture."""
    assert question.class_name is not None
    label = np.zeros(shape, np.uint8) if question.absent else read_mask(item.mask, shape, (question.class_name,))[0]
    return noise_named(question.noise).label(label, item.name, question.noise_seed) if question.noise else label


def opened_and_closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask (h, w) opened, then closed, with a square of 3 px."""
    square = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, square)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, square), dtype=bool)


def scored_class(card: ModelCard, item: Item, question: Question) -> str:
    """The class asked for, else the first of the model's that this picture of the set is labelled for.

    Raises:
        ModelError: the model does not know the class, or the phrase, that is asked for.
    """
    if question.class_name is not None:
        answering = question.phrase or question.class_name
        if answering not in card.classes:
            raise ModelError(
                f"{card.name} knows no class {answering!r}; there is {', '.join(map(repr, card.classes))}."
            )
        return question.class_name
    classes = sorted(card.classes, key=lambda name: name != "crack")
    if len(classes) == 1 or question.absent:
        return classes[0]
    shape = read_image(item.image).shape[:2]
    labelled = (name for name in classes if (read_mask(item.mask, shape, (name,)) != NOT_LABELLED).any())
    return next(labelled, classes[0])
