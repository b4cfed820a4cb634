"""What is explained: one class of one picture, over a set of its pixels."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError, ImageError
from crackwise.explain.subject import Subject, log_odds
from crackwise.imaging.tiles import SLACK

__all__ = ["Place", "Question", "Scalar", "ask", "ask_whole", "score_of"]

Scalar = Literal["probability", "logit"]


class Place(NamedTuple):
    """Which pixels of a segmenter's answer are explained; with neither, all that are predicted."""

    pixel: tuple[int, int] | None = None
    """Column and row, px."""
    component: int | None = None
    """Number of a connected piece of the predicted mask, the largest is 1."""


class Question(NamedTuple):
    """One class of one picture, over the pixels M."""

    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    class_index: int
    """Of the class among the model's."""
    region: NDArray[np.bool_]
    """M (h, w)."""
    about: str
    """M in words."""


EVERYTHING = Place()


def ask_whole(subject: Subject, pixels: NDArray[np.uint8], class_name: str | None = None) -> Question:
    """The question whose M is the whole picture.

    Raises:
        ImageError: the picture does not fit into one tile of the model.
        ModelError: the model knows no such class.
    """
    height, width = pixels.shape[:2]
    longest = int(SLACK * subject.predictor.card.tile_px)
    if max(height, width) > longest:
        raise ImageError(
            f"A picture of {width} x {height} px is seen in tiles, and one answer is explained at a time: cut out the "
            f"part in question, at most {longest} px a side."
        )
    return Question(pixels, subject.class_index(class_name), np.ones((height, width), bool), "the whole picture")


def ask(
    subject: Subject, pixels: NDArray[np.uint8], place: Place = EVERYTHING, class_name: str | None = None
) -> Question:
    """The question whose M is a place; for a model that answers once for a picture, M is the whole of it.

    Raises:
        ImageError: the picture does not fit into one tile of the model, or the place is outside of it.
        CrackwiseError: nothing is predicted there.
        ModelError: the model knows no such class.
    """
    question = ask_whole(subject, pixels, class_name)
    if subject.answers_pictures:
        if place != EVERYTHING:
            raise CrackwiseError(
                f"{subject.name!r} answers once for a whole picture: leave out --pixel and --component."
            )
        return question
    region, about = region_of(subject, subject.predictor(pixels)[question.class_index], place)
    return question._replace(region=region, about=about)


def region_of(subject: Subject, probability: NDArray[np.float32], place: Place) -> tuple[NDArray[np.bool_], str]:
    """The pixels of a place on a map (h, w), and what they are in words."""
    threshold = subject.predictor.card.threshold
    height, width = probability.shape
    predicted = probability >= threshold
    if place.pixel is not None:
        column, row = place.pixel
        if not (0 <= column < width and 0 <= row < height):
            raise ImageError(f"--pixel {column},{row} is outside of a picture of {width} x {height} px.")
        region = np.zeros((height, width), bool)
        region[row, column] = True
        return region, f"pixel {column},{row} (probability {probability[row, column]:.3f})"
    if not predicted.any():
        raise CrackwiseError(
            f"{subject.name!r} predicts no crack at its threshold of {threshold}: ask for a --pixel, or use --method "
            f"{'activation' if subject.net is None else 'gradcam or activation'}."
        )
    if place.component is None:
        return predicted, f"the {int(predicted.sum())} px predicted crack"
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(predicted.astype(np.uint8), connectivity=8)
    order = np.argsort(-facts[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    if not 1 <= place.component <= len(order):
        raise CrackwiseError(f"There are components 1 to {len(order)}, the largest first; not {place.component}.")
    region = pieces == order[place.component - 1]
    return region, f"component {place.component} of {len(order)}, {int(region.sum())} px"


def score_of(subject: Subject, pixels: NDArray[np.uint8], question: Question, scalar: Scalar) -> float:
    """What the model says of M on other pixels: the mean probability or logit over it."""
    inside = subject.predictor(pixels)[question.class_index][question.region]
    return float(np.mean(inside if scalar == "probability" else log_odds(inside), dtype=np.float64))
