"""Two models as one: a cheap one looks at every tile first, and only what it suspects is segmented."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.predictor import ModelCard, Predictor

__all__ = ["Cascade", "Triage"]


class Triage(NamedTuple):
    """How many tiles were shown to the screen, and how many of them were segmented."""

    tiles: int = 0
    segmented: int = 0


class Cascade:
    """A `Predictor` of two: a tile is segmented where the screen's highest probability on it reaches a threshold.

    Elsewhere its maps are zero. Its tiles are as large as those of the screen, its threshold and classes those of the
    segmenter. A screen of several classes is heard on those that the segmenter knows.
    """

    def __init__(self, screen: Predictor, segmenter: Predictor, screen_threshold: float | None = None) -> None:
        """``screen_threshold``: None takes the one of the screen's card.

        Raises:
            ModelError: the two look for different classes, or the threshold is not between 0 and 1.
        """
        level = screen.card.threshold if screen_threshold is None else screen_threshold
        if not 0 < level < 1:
            raise ModelError(f"The screen's threshold must lie between 0 and 1, not at {level}.")
        self.heard = [i for i, name in enumerate(screen.card.classes) if name in segmenter.card.classes]
        if not self.heard:
            raise ModelError(
                f"{screen.card.name} looks for {', '.join(map(repr, screen.card.classes))}, {segmenter.card.name} for "
                f"{', '.join(map(repr, segmenter.card.classes))}; a screen must know one of the segmenter's classes."
            )
        self.screen = screen
        self.segmenter = segmenter
        self.screen_threshold = level
        self.card = joint_card(screen.card, segmenter.card)
        self.triage = Triage()
        """Of all calls so far."""

    @property
    def sha256(self) -> str:
        """Of those of both model files and the threshold between them; the files' own are in ``models``."""
        return hashlib.sha256(
            f"{self.screen.sha256} {self.screen_threshold!r} {self.segmenter.sha256}".encode()
        ).hexdigest()

    @property
    def runtime(self) -> str:
        """The segmenter's, after the screen's where they differ."""
        return " then ".join(dict.fromkeys((self.screen.runtime, self.segmenter.runtime)))

    @property
    def precision(self) -> str:
        """The segmenter's, after the screen's where they differ."""
        return " then ".join(dict.fromkeys((self.screen.precision, self.segmenter.precision)))

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities (k, h, w) of one tile (h, w, 3): the segmenter's, or zeros."""
        suspected = bool(self.screen(pixels)[self.heard].max() >= self.screen_threshold)
        self.triage = Triage(self.triage.tiles + 1, self.triage.segmented + suspected)
        if suspected:
            return self.segmenter(pixels)
        return np.zeros((len(self.card.classes), *pixels.shape[:2]), np.float32)

    def afresh(self) -> Cascade:
        """The same two models, nothing counted yet."""
        return Cascade(self.screen, self.segmenter, self.screen_threshold)

    def models(self) -> dict[str, object]:
        """Which two files, and the threshold between them, ready for JSON."""
        return {
            "screen": identity(self.screen) | {"threshold": self.screen_threshold},
            "segmenter": identity(self.segmenter),
        }


def identity(predictor: Predictor) -> dict[str, object]:
    """Which model file."""
    return {"name": predictor.card.name, "version": predictor.card.version, "sha256": predictor.sha256}


def joint_card(screen: ModelCard, segmenter: ModelCard) -> ModelCard:
    """The segmenter's card, with the screen's tiles and with all that both have met; scores are those of neither."""
    licences = dict.fromkeys((segmenter.licence, screen.licence))
    leaks = dict.fromkeys(text for text in (segmenter.leakage, screen.leakage) if text)
    return segmenter.model_copy(
        update={
            "name": f"{segmenter.name} behind {screen.name}",
            "summary": f"Segments what {screen.name} suspects. {segmenter.summary}".rstrip(),
            "tile_px": screen.tile_px,
            "licence": " and ".join(licences),
            "parameters": screen.parameters and segmenter.parameters and screen.parameters + segmenter.parameters,
            "data": tuple(dict.fromkeys((*segmenter.data, *screen.data))),
            "kept_apart": tuple(name for name in segmenter.kept_apart if name in screen.kept_apart),
            "scores": {},
            "limits": (*segmenter.limits, f"What {screen.name} passes over is never segmented.", *screen.limits),
            "leakage": "; ".join(leaks) or None,
        }
    )
