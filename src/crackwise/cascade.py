"""Two models as one: a cheap one looks at every part of a tile, and only around what it suspects is segmented."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import ModelError
from crackwise.imaging.tiles import GRID_PX, Span, split_axis
from crackwise.predictor import ModelCard, Predictor

__all__ = ["Cascade", "Triage"]

Window = tuple[Span, Span]
"""Rows and columns."""


class Triage(NamedTuple):
    """What was shown to the screen, and what of it was segmented."""

    parts: int = 0
    """Shown to the screen."""
    suspected: int = 0
    """Of these."""
    pixels: int = 0
    """Of the tiles; where tiles overlap they count twice, as they would cost twice."""
    segmented_px: int = 0
    """Of these."""

    @property
    def share(self) -> float:
        """Of the area, how much was segmented; 0 where there was none."""
        return self.segmented_px / max(self.pixels, 1)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"parts": self.parts, "suspected": self.suspected, "segmented_share": round(self.share, 4)}


class Cascade:
    """A `Predictor` of two: the screen looks at every part of a tile, the segmenter at windows around the suspected.

    A part is suspected where the screen's highest probability on it reaches a threshold. Outside the windows the
    maps are zero. Parts are as large as the tiles of the screen; tiles, threshold and classes are those of the
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
        """Probabilities (k, h, w) of one tile (h, w, 3): the segmenter's in the windows, else zeros."""
        height, width = pixels.shape[:2]
        part_px, margin_px = self.screen.card.tile_px, self.segmenter.card.overlap_px
        parts = list(product(parts_of(height, part_px), parts_of(width, part_px)))
        suspected = [part for part in parts if self.suspects(cut(pixels, *part))]
        maps = np.zeros((len(self.card.classes), height, width), np.float32)
        segmented_px = 0
        for seen in windows(suspected, (height, width), margin_px):
            maps[:, slice(*seen[0]), slice(*seen[1])] = self.segmenter(cut(pixels, *seen))
            segmented_px += math.prod(stop - start for start, stop in seen)
        counts = (len(parts), len(suspected), height * width, segmented_px)
        self.triage = Triage(*(before + more for before, more in zip(self.triage, counts, strict=True)))
        return maps

    def suspects(self, part: NDArray[np.uint8]) -> bool:
        """Whether the screen sees anything on it that it is heard on."""
        return bool(self.screen(part)[self.heard].max() >= self.screen_threshold)

    def afresh(self) -> Cascade:
        """The same two models, nothing counted yet."""
        return Cascade(self.screen, self.segmenter, self.screen_threshold)

    def models(self) -> dict[str, object]:
        """Which two files, and the threshold between them, ready for JSON."""
        return {
            "screen": identity(self.screen) | {"threshold": self.screen_threshold},
            "segmenter": identity(self.segmenter),
        }


def parts_of(length_px: int, part_px: int) -> tuple[Span, ...]:
    """Spans of about ``part_px`` that cover a side once; the last is as long as the others and reaches back.

    A rest of a few pixels is nothing that a classifier has learnt to judge.

    >>> parts_of(800, 224)
    ((0, 224), (224, 448), (448, 672), (576, 800))
    """
    spans = split_axis(length_px, part_px, 0)
    return (*spans[:-1], (length_px - spans[0][1], length_px))


def windows(parts: Iterable[Window], size_px: tuple[int, int], margin_px: int) -> list[Window]:
    """The stretches of a tile around all parts, a margin wider where there is room; those that overlap become one."""
    apart: list[Window] = []
    for part in parts:
        grown = around([part], size_px, margin_px)
        while touching := [other for other in apart if overlap(grown, other)]:
            apart = [other for other in apart if other not in touching]
            grown = around([grown, *touching], size_px, 0)
        apart.append(grown)
    return apart


def around(parts: Sequence[Window], size_px: tuple[int, int], margin_px: int) -> Window:
    """The smallest window that holds them with their margin, from multiples of the grid on."""
    rows, columns = zip(*parts, strict=True)
    return stretch(rows, size_px[0], margin_px), stretch(columns, size_px[1], margin_px)


def stretch(spans: Sequence[Span], length_px: int, margin_px: int) -> Span:
    """The stretch of a side around all spans, a margin wider where there is room, from a multiple of the grid on."""
    starts, stops = zip(*spans, strict=True)
    return max(min(starts) - margin_px, 0) // GRID_PX * GRID_PX, min(max(stops) + margin_px, length_px)


def overlap(one: Window, other: Window) -> bool:
    """Whether two windows share a pixel."""
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(one, other, strict=True))


def cut(pixels: NDArray[np.uint8], rows: Span, columns: Span) -> NDArray[np.uint8]:
    """That window of a picture (h, w, 3), in a piece of memory of its own unless it is all of it."""
    return np.ascontiguousarray(pixels[slice(*rows), slice(*columns)])


def identity(predictor: Predictor) -> dict[str, object]:
    """Which model file."""
    return {"name": predictor.card.name, "version": predictor.card.version, "sha256": predictor.sha256}


def joint_card(screen: ModelCard, segmenter: ModelCard) -> ModelCard:
    """The segmenter's card, with all that both have met; scores are those of neither."""
    licences = dict.fromkeys((segmenter.licence, screen.licence))
    leaks = dict.fromkeys(text for text in (segmenter.leakage, screen.leakage) if text)
    return segmenter.model_copy(
        update={
            "name": f"{segmenter.name} behind {screen.name}",
            "summary": f"Segments what {screen.name} suspects. {segmenter.summary}".rstrip(),
            "licence": " and ".join(licences),
            "parameters": screen.parameters and segmenter.parameters and screen.parameters + segmenter.parameters,
            "data": tuple(dict.fromkeys((*segmenter.data, *screen.data))),
            "kept_apart": tuple(name for name in segmenter.kept_apart if name in screen.kept_apart),
            "scores": {},
            "parity": (),
            "limits": (*segmenter.limits, f"What {screen.name} passes over is never segmented.", *screen.limits),
            "leakage": "; ".join(leaks) or None,
        }
    )
