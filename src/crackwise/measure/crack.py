"""`Crack`, and `measure`: a photograph and its crack map to measured cracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from crackwise.errors import ImageError, ModelError, ScaleUnknownError
from crackwise.imaging.scale import check_scale
from crackwise.measure.branch import Branch, trace
from crackwise.measure.curve import normals, smooth
from crackwise.measure.width import CORRELATION_PX, WIDTHS, Reading

__all__ = ["Crack", "measure", "totals"]

CONFIDENCE = 1.96
"""Half width of a 95 % interval in standard deviations."""
HELD_PX = 15
"""Median, 95th percentile and largest width are of widths held over this many points: no single pixel decides them."""


@dataclass(frozen=True, slots=True, eq=False)
class Crack:
    """One branch of a crack, between tips or junctions, measured along its centreline."""

    id: int
    label: str
    centreline: NDArray[np.float32]
    """(n, 2) row, column, px, about 1 px apart, tip to tip; whole numbers are pixel centres."""
    widths_px: NDArray[np.float32]
    """(n,) width at each point of the centreline."""
    width_sigmas_px: NDArray[np.float32]
    """(n,) one standard deviation of each width: 95 % lie within 1.96 of them."""
    counted: NDArray[np.bool_]
    """(n,) the points that statistics are made of: not in a junction, not at an end."""
    width_uncertainty_px: float
    """The mean width is within this of the truth in 95 % of cases."""
    bbox_px: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the crack's body, whole pixels, x1 and y1 exclusive."""
    mm_per_px: float | None = None

    @property
    def length_px(self) -> float:
        """Length along the centreline, tip to tip."""
        return float(np.hypot(*np.diff(self.centreline.astype(np.float64), axis=0).T).sum())

    @property
    def mean_width_px(self) -> float:
        """Mean of the counted widths."""
        return float(self.widths_px[self.counted].mean())

    @property
    def median_width_px(self) -> float:
        """Median of the held widths."""
        return float(np.median(self._held()))

    @property
    def p95_width_px(self) -> float:
        """Held width that 95 % of the counted points do not exceed."""
        return float(np.percentile(self._held(), 95))

    @property
    def max_width_px(self) -> float:
        """Largest width held over several points: one odd pixel does not decide it."""
        return float(self._held().max())

    @property
    def orientation_deg(self) -> float:
        """Direction of the principal axis in [0, 180): 0 is horizontal, 45 rises to the right, 90 is vertical."""
        rows, columns = (self.centreline - self.centreline.mean(axis=0)).astype(np.float64).T
        angle = 0.5 * np.arctan2(-2 * (rows @ columns), columns @ columns - rows @ rows)
        return float(np.degrees(angle) % 180.0) % 180.0

    @property
    def length_mm(self) -> float:
        """Length along the centreline in mm."""
        return self.length_px * self._scale()

    @property
    def mean_width_mm(self) -> float:
        """Mean of the counted widths in mm."""
        return self.mean_width_px * self._scale()

    @property
    def median_width_mm(self) -> float:
        """Median of the held widths in mm."""
        return self.median_width_px * self._scale()

    @property
    def p95_width_mm(self) -> float:
        """Held width in mm that 95 % of the counted points do not exceed."""
        return self.p95_width_px * self._scale()

    @property
    def max_width_mm(self) -> float:
        """Largest width held over several points, in mm."""
        return self.max_width_px * self._scale()

    @property
    def width_uncertainty_mm(self) -> float:
        """The 95 % interval of the mean width in mm; the error of the scale itself is not in it."""
        return self.width_uncertainty_px * self._scale()

    def _held(self) -> NDArray[np.float32]:
        return np.asarray(median_filter(self.widths_px[self.counted], HELD_PX, mode="nearest"))

    def _scale(self) -> float:
        if self.mm_per_px is None:
            raise ScaleUnknownError("Widths in mm need the image scale; pass mm_per_px=... or --scale 0.2mm.")
        return self.mm_per_px

    def to_dict(self) -> dict[str, object]:
        """The crack as the results JSON has it: x before y, null for mm where the scale is unknown."""
        scale = self.mm_per_px
        names = ("mean_width", "median_width", "p95_width", "max_width", "width_uncertainty")
        pixels = {name: float(getattr(self, f"{name}_px")) for name in names}
        return {
            "id": self.id,
            "label": self.label,
            "length_px": round(self.length_px, 3),
            **{f"{name}_px": round(value, 3) for name, value in pixels.items()},
            "orientation_deg": round(self.orientation_deg, 1) % 180.0,
            "length_mm": None if scale is None else significant(self.length_px * scale),
            **{f"{name}_mm": None if scale is None else significant(value * scale) for name, value in pixels.items()},
            "bbox_px": list(self.bbox_px),
            "centreline_px": np.round(self.centreline[:, ::-1].astype(np.float64), 2).tolist(),
            "widths_px": np.round(self.widths_px.astype(np.float64), 3).tolist(),
        }


def measure(
    image: NDArray[np.uint8] | None,
    probabilities: NDArray[np.generic],
    *,
    classes: Sequence[str] = ("crack",),
    threshold: float = 0.5,
    mm_per_px: float | None = None,
) -> tuple[Crack, ...]:
    """Cracks of a picture, one for every branch between tips and junctions, with the width at every point.

    The map only says where; with a photograph the grey profile across the crack says how wide, and the probability
    only where the photograph shows no contrast. Specks shorter than they are wide, or than 3 px, are left out.

    Args:
        image: RGB (h, w, 3) or grey (h, w) photograph, or None.
        probabilities: float (k, h, w) or (h, w) in [0, 1], or a mask: bool, or uint8 of 0..255 (or of 0 and 1 only).
        classes: names of the k planes.
        threshold: probability from which a pixel is crack.
        mm_per_px: scale of the picture, if known.

    Raises:
        ImageError: picture, planes and classes that do not fit together, or values that are no probabilities.
        ModelError: a threshold that is not between 0 and 1.
        ScaleUnknownError: ``mm_per_px`` is no scale.
    """
    mm_per_px = check_scale(mm_per_px)
    if not 0 < threshold < 1:
        raise ModelError(f"The threshold must lie between 0 and 1, not at {threshold}.")
    planes = as_planes(probabilities, len(classes))
    grey = as_grey(image, planes.shape[1:])
    cracks: list[Crack] = []
    for label, plane in zip(classes, planes, strict=True):
        mask = plane >= threshold
        branches = trace(plane, mask)
        readings = read_widths(grey, plane, mask.view(np.uint8) * np.uint8(255), branches)
        for branch, reading in zip(branches, readings, strict=True):
            cracks.append(to_crack(branch, reading, len(cracks) + 1, label, mm_per_px, mask.shape))
    return tuple(cracks)


def as_planes(probabilities: NDArray[np.generic], count: int) -> NDArray[np.float32]:
    """Probability planes (k, h, w), float32 in [0, 1]."""
    planes = np.asarray(probabilities[None] if probabilities.ndim == 2 else probabilities)
    if planes.ndim != 3 or len(planes) != count:
        raise ImageError(
            f"A crack map of shape {probabilities.shape} does not hold one plane for each of {count} classes."
        )
    if planes.dtype == np.uint8:
        most = 1 if planes.max(initial=0) <= 1 else 255
        return np.multiply(planes, np.float32(1 / most), dtype=np.float32)
    planes = np.ascontiguousarray(planes, dtype=np.float32)
    if planes.size and not (planes.min() >= 0 and planes.max() <= 1):
        raise ImageError(f"A crack map holds probabilities from 0 to 1; got {planes.min():g} to {planes.max():g}.")
    return planes


def as_grey(image: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The photograph in grey (h, w)."""
    if image is None:
        return None
    if image.dtype != np.uint8 or image.shape[:2] != shape or image.shape[2:] not in ((), (3,)):
        raise ImageError(
            f"The photograph must be uint8 of the size of its crack map, {shape[1]}x{shape[0]} px; "
            f"got {image.dtype} of shape {image.shape}."
        )
    if image.ndim == 2 or image.size == 0:
        return np.zeros(shape, np.uint8) if image.size == 0 else np.ascontiguousarray(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def read_widths(
    grey: NDArray[np.uint8] | None, plane: NDArray[np.float32], mask: NDArray[np.uint8], branches: Sequence[Branch]
) -> list[Reading]:
    """A reading of every branch: from the photograph, and from the probability where that shows nothing."""
    readings: list[Reading | None] = [None] * len(branches)
    if grey is not None:
        readings = WIDTHS["intensity"](grey, mask, branches)
    blind = [number for number, reading in enumerate(readings) if reading is None]
    for number, reading in zip(blind, WIDTHS["probability"](plane, mask, [branches[n] for n in blind]), strict=True):
        readings[number] = reading
    return [reading for reading in readings if reading is not None]


def to_crack(
    branch: Branch, reading: Reading, number: int, label: str, mm_per_px: float | None, shape: tuple[int, ...]
) -> Crack:
    """The crack of a branch, its centreline moved to the middle of what was read."""
    counted = reading.counted if reading.counted.any() else np.ones(len(reading.counted), np.bool_)
    centreline = centred(branch, reading.shifts_px, counted)
    random = np.maximum(reading.sigmas_px[counted] ** 2 - reading.common_px**2, 0).mean()
    mean_sigma = np.sqrt(reading.common_px**2 + random / max(counted.sum() / CORRELATION_PX, 1.0))
    return Crack(
        id=number,
        label=label,
        centreline=centreline.astype(np.float32),
        widths_px=reading.widths_px.astype(np.float32),
        width_sigmas_px=reading.sigmas_px.astype(np.float32),
        counted=counted,
        width_uncertainty_px=float(CONFIDENCE * mean_sigma),
        bbox_px=bounding_box(centreline, reading.widths_px, shape),
        mm_per_px=mm_per_px,
    )


def bounding_box(
    centreline: NDArray[np.float64], widths_px: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the pixels that the body of a crack covers by more than a quarter, inside the picture."""
    aside = np.abs(normals(centreline)) * widths_px[:, None] / 2
    low = np.clip(np.floor((centreline - aside).min(axis=0) + 0.75), 0, np.subtract(shape, 1)).astype(int)
    high = np.clip(np.ceil((centreline + aside).max(axis=0) + 0.25), low + 1, shape).astype(int)
    return int(low[1]), int(low[0]), int(high[1]), int(high[0])


def centred(branch: Branch, shifts_px: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points of the branch moved along their normals, by what the counted points say."""
    places = np.arange(len(shifts_px))
    limit = branch.radii + 2
    shifts = np.clip(np.interp(places, places[counted], shifts_px[counted]), -limit, limit)
    moved = branch.points + normals(branch.points) * shifts[:, None]
    return moved if branch.closed else smooth(moved, branch.radius_px)


def totals(
    cracks: Sequence[Crack], area: NDArray[np.bool_] | float, shape: tuple[int, int], mm_per_px: float | None
) -> dict[str, float | int | None]:
    """Sums over the cracks of one picture, as the results JSON has them.

    Args:
        cracks: what `measure` found; `crack_count` counts them, each a branch between tips or junctions.
        area: the mask (h, w), whose pixels are counted, or a crack area in px.
        shape: height and width of the picture, px.
        mm_per_px: scale; without it everything in mm or m is None.
    """
    length = float(sum(crack.length_px for crack in cracks))
    area_px = float(np.count_nonzero(area)) if isinstance(area, np.ndarray) else float(area)
    picture_px = shape[0] * shape[1]
    density = None
    if mm_per_px is not None and picture_px:
        density = significant(1000 * length / (picture_px * mm_per_px))
    return {
        "crack_count": len(cracks),
        "crack_length_px": round(length, 3),
        "crack_length_mm": None if mm_per_px is None else significant(length * mm_per_px),
        "crack_area_px": round(area_px, 3),
        "crack_area_mm2": None if mm_per_px is None else significant(area_px * mm_per_px**2),
        "crack_density_m_per_m2": density,
    }


def significant(value: float) -> float:
    """Six significant digits: places after the point would be all or nothing, as the scale is."""
    return float(f"{value:.6g}")
