"""One photograph through reading, prediction and measurement."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.backends import load_predictor
from crackwise.cascade import Cascade
from crackwise.errors import ImageError, ModelError, ScaleUnknownError, printable
from crackwise.imaging.image import MAX_MEGAPIXELS, Photo, read_image, read_mask, read_photo
from crackwise.imaging.scale import check_scale
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard, Predictor
from crackwise.trust.review import judge_review
from crackwise.trust.uncertainty import Uncertainty, uncertainty

if TYPE_CHECKING:
    from crackwise.measure import Crack

__all__ = [
    "SCHEMA",
    "Inspection",
    "Prediction",
    "inspect_image",
    "inspect_photo",
    "mask_of",
    "measure_mask",
    "predict_photo",
]

SCHEMA = "crackwise.inspection/1"
"""Of `Inspection.to_dict`; docs/results.md describes it."""

MASK_THRESHOLD = 0.5
MEASURING = threading.Lock()
"""Measuring is many short steps of the interpreter: two threads at it only hinder each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What was found on one photograph, by which model, at which scale."""

    source: str
    """The file as it was named."""
    sha256: str
    """Of the file; of the pixels where there was no file."""
    probabilities: NDArray[np.float32]
    """(k, h, w), one map for each class of the card."""
    cracks: tuple[Crack, ...]
    card: ModelCard
    threshold: float
    model_sha256: str
    runtime: str
    precision: str
    mm_per_px: float | None = None
    mm_per_px_source: str | None = None
    triage: dict[str, Any] | None = None
    """Of a `Cascade`: its two models, and how much of this photograph was suspected and segmented."""
    review: dict[str, Any] | None = None
    """Whether a person should look: ``needed, confidence, below``; None where the card has no level."""
    uncertainty: Uncertainty | None = None
    """Of several views, where they were asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the upright photograph, px."""
        height, width = self.probabilities.shape[-2:]
        return height, width

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(h, w): 255 where any class reaches the threshold, else 0."""
        return mask_of(self.probabilities, self.threshold)

    @property
    def class_masks(self) -> NDArray[np.uint8]:
        """(k, h, w): 255 where that class reaches the threshold, else 0."""
        return np.stack([mask_of(plane[None], self.threshold) for plane in self.probabilities])

    @property
    def totals(self) -> dict[str, Any]:
        """``crack_count, crack_length_px, crack_length_mm, crack_area_px, ...``; without a scale mm and m are None."""
        from crackwise.measure import totals

        return totals(self.cracks, int(np.count_nonzero(self.mask)), self.shape, self.mm_per_px)

    @property
    def crack_length_mm(self) -> float:
        """Length of all cracks together."""
        return self.in_scale("crack_length_mm")

    @property
    def crack_area_mm2(self) -> float:
        """Area of the mask."""
        return self.in_scale("crack_area_mm2")

    @property
    def crack_density_m_per_m2(self) -> float:
        """Metres of crack on a square metre of the photograph."""
        return self.in_scale("crack_density_m_per_m2")

    def in_scale(self, name: str) -> float:
        """One of the totals that need a scale."""
        if self.mm_per_px is None:
            raise ScaleUnknownError(f"{name} needs the image scale; pass mm_per_px=... or --scale 0.2mm.")
        value: float = self.totals[name]
        return value

    def to_dict(self) -> dict[str, Any]:
        """The result as docs/results.md describes it, ready for JSON: x before y, unknown values None."""
        height, width = self.shape
        return {
            "schema": SCHEMA,
            "source": self.source,
            "sha256": self.sha256,
            "width_px": width,
            "height_px": height,
            "mm_per_px": self.mm_per_px,
            "mm_per_px_source": self.mm_per_px_source,
            "model": {
                "name": self.card.name,
                "version": self.card.version,
                "sha256": self.model_sha256,
                "threshold": self.threshold,
                "temperature": self.card.temperature,
                "runtime": self.runtime,
                "precision": self.precision,
            },
            "triage": self.triage,
            "review": self.review,
            "uncertainty": self.uncertainty.to_dict() if self.uncertainty else None,
            "cracks": [crack.to_dict() for crack in self.cracks],
            "totals": self.totals,
        }


def inspect_image(
    image: str | Path | NDArray[np.uint8],
    predictor: Predictor | None = None,
    *,
    mm_per_px: float | None = None,
    mm_per_px_source: str | None = None,
    threshold: float | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    views: int | None = None,
) -> Inspection:
    """Find and measure the cracks on a photograph: a file, or uint8 RGB (h, w, 3) as `read_image` returns it.

    Without a predictor the packaged model is used, without a threshold the one of its card. With ``views``, 2 to 8, so
    many further predictions tell the uncertainty; masks and cracks are those of the photograph as it is.

    Raises:
        ImageError: the photograph cannot be used.
        ModelError: the model cannot be used, or the threshold is not between 0 and 1.
        ScaleUnknownError: ``mm_per_px`` is no scale.
    """
    if isinstance(image, np.ndarray):
        source, photo = "array", Photo(check_pixels(image), hashlib.sha256(image.tobytes()).hexdigest())
    else:
        source, photo = printable(image), read_photo(image, max_megapixels=max_megapixels)
    return inspect_photo(
        photo,
        predictor or load_predictor(),
        source=source,
        mm_per_px=mm_per_px,
        mm_per_px_source=mm_per_px_source,
        threshold=threshold,
        views=views,
    )


def inspect_photo(
    photo: Photo,
    predictor: Predictor,
    *,
    source: str,
    mm_per_px: float | None = None,
    mm_per_px_source: str | None = None,
    threshold: float | None = None,
    views: int | None = None,
) -> Inspection:
    """As `inspect_image`, of a photograph that has been read."""
    from crackwise.measure import measure  # takes longer to import than everything that a mask needs

    card = predictor.card
    mm_per_px = check_scale(mm_per_px)
    probabilities, used, triage = predict_photo(photo.pixels, predictor, threshold=threshold)
    with MEASURING:
        cracks = measure(photo.pixels, probabilities, classes=card.classes, threshold=used, mm_per_px=mm_per_px)
    return Inspection(
        source=source,
        sha256=photo.sha256,
        probabilities=probabilities,
        cracks=cracks,
        card=card,
        threshold=used,
        model_sha256=predictor.sha256,
        runtime=predictor.runtime,
        precision=predictor.precision,
        mm_per_px=mm_per_px,
        mm_per_px_source=None if mm_per_px is None else mm_per_px_source or "given",
        triage=triage,
        review=judge_review(probabilities, card),
        uncertainty=uncertainty(predictor, photo.pixels, views=views, threshold=used) if views is not None else None,
    )


class Prediction(NamedTuple):
    """Where a model sees cracks on one photograph; nothing is measured yet."""

    probabilities: NDArray[np.float32]
    """(k, h, w), one map for each class of the card."""
    threshold: float
    triage: dict[str, Any] | None
    """As that of an `Inspection`."""


def predict_photo(pixels: NDArray[np.uint8], predictor: Predictor, *, threshold: float | None = None) -> Prediction:
    """The first half of `inspect_photo`; pixels are uint8 RGB (h, w, 3).

    Raises:
        ModelError: the model cannot be used, or the threshold is not between 0 and 1.
    """
    used = predictor.card.threshold if threshold is None else threshold
    if not 0 < used < 1:
        raise ModelError(f"The threshold must lie between 0 and 1, not at {used}; leave it out for the model's own.")
    if isinstance(predictor, Cascade):
        predictor = predictor.afresh()
    probabilities = predict_tiled(predictor, pixels)
    triage = predictor.models() | predictor.triage.to_dict() if isinstance(predictor, Cascade) else None
    return Prediction(probabilities, used, triage)


def mask_of(probabilities: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """(h, w): 255 where any of the planes (k, h, w) reaches the threshold, else 0."""
    reached = probabilities >= threshold
    mask: NDArray[np.uint8] = np.asarray(reached[0] if len(reached) == 1 else reached.any(axis=0)).view(np.uint8)
    return np.multiply(mask, np.uint8(255), out=mask)


def measure_mask(
    mask: str | Path,
    photo: str | Path | None = None,
    *,
    mm_per_px: float | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> dict[str, Any]:
    """``{"cracks": [...], "totals": {...}}`` of a mask that exists already, as in `Inspection.to_dict`.

    With the photograph the mask was drawn on, widths are read from its grey values.

    Raises:
        ImageError: a file cannot be used, or the two differ in size.
        ScaleUnknownError: ``mm_per_px`` is no scale.
    """
    from crackwise.measure import measure, totals

    mm_per_px = check_scale(mm_per_px)
    plane = read_mask(mask, max_megapixels=max_megapixels)
    pixels = None if photo is None else read_image(photo, max_megapixels=max_megapixels)
    if pixels is not None and pixels.shape[:2] != plane.shape:
        raise ImageError(
            f"The mask is {plane.shape[1]}x{plane.shape[0]} px, the photograph {pixels.shape[1]}x{pixels.shape[0]}. "
            "Pass the photograph that the mask was drawn on, at its own size."
        )
    probabilities = plane.astype(np.float32) / np.float32(255)
    cracks = measure(pixels, probabilities, threshold=MASK_THRESHOLD, mm_per_px=mm_per_px)
    area_px = int(np.count_nonzero(probabilities >= MASK_THRESHOLD))
    return {
        "cracks": [crack.to_dict() for crack in cracks],
        "totals": totals(cracks, area_px, plane.shape[:2], mm_per_px),
    }


def check_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The array itself, where it is a photograph."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ImageError(f"A photograph is uint8 RGB (h, w, 3), not {pixels.dtype} {pixels.shape}. See read_image.")
    return pixels
