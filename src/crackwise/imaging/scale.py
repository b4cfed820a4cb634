"""Millimetres per pixel: what turns a picture into a drawing."""

from __future__ import annotations

import math
import re
from numbers import Real

from crackwise.errors import ScaleUnknownError

__all__ = ["check_scale", "parse_scale"]

LEAST_MM_PER_PX, MOST_MM_PER_PX = 1e-5, 1e4
"""10 nm to 10 m, from microscopes to satellites; beyond, somebody mistook the unit."""
LIMITS = f"from {LEAST_MM_PER_PX:.5f} to {MOST_MM_PER_PX:.0f}"
MM_PER_UNIT = {"": 1.0, "mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "cm": 10.0, "m": 1e3}
PATTERN = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?) *((?i:mm|um|µm|μm|cm)|m|)(?i: */ *(?:px|pixel))?")
"""A number and a unit; M alone is refused: who writes it for metres, and who for millimetres?"""


def parse_scale(text: str) -> float:
    """Millimetres per pixel from ``"0.2mm"``, ``"0.2"``, ``"200 um"``, ``"0.02cm"`` or ``"0.2 mm/px"``.

    >>> parse_scale("0.2mm")
    0.2

    Raises:
        ScaleUnknownError: not a number with a unit of length, or not from 0.00001 to 10000 mm.
    """
    match = PATTERN.fullmatch(text.strip())
    mm_per_px = float(match[1]) * MM_PER_UNIT[match[2].lower()] if match else math.nan
    if not LEAST_MM_PER_PX <= mm_per_px <= MOST_MM_PER_PX:
        raise ScaleUnknownError(
            f"{text!r} is no scale; write the millimetres that one pixel covers, {LIMITS}, for example 0.2mm or 200um."
        )
    return mm_per_px


def check_scale(mm_per_px: float | None) -> float | None:
    """The scale as a plain number, where it is one.

    Raises:
        ScaleUnknownError: not a number from 0.00001 to 10000.
    """
    if mm_per_px is None:
        return None
    is_number = isinstance(mm_per_px, Real) and not isinstance(mm_per_px, bool)
    if not (is_number and LEAST_MM_PER_PX <= mm_per_px <= MOST_MM_PER_PX):
        raise ScaleUnknownError(f"mm_per_px must be a number {LIMITS}, not {mm_per_px!r}; leave it out if unknown.")
    return float(mm_per_px)
