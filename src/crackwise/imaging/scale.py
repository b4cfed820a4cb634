"""Millimetres per pixel: what turns a picture into a drawing."""

from __future__ import annotations

import math
import re

from crackwise.errors import ScaleUnknownError

__all__ = ["check_scale", "parse_scale"]

MM_PER_UNIT = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "cm": 10.0, "m": 1e3}
PATTERN = re.compile(r"([-+]?[\d.]+(?:e[-+]?\d+)?) *([a-zµμ]*)(?: */ *(?:px|pixel))?", re.IGNORECASE)


def parse_scale(text: str) -> float:
    """Millimetres per pixel from ``"0.2mm"``, ``"0.2"``, ``"200 um"``, ``"0.02cm"`` or ``"0.2 mm/px"``.

    >>> parse_scale("0.2mm")
    0.2

    Raises:
        ScaleUnknownError: not a number above zero with a unit of length.
    """
    match = PATTERN.fullmatch(text.strip())
    factor = MM_PER_UNIT.get(match[2].lower() or "mm") if match else None
    try:
        number = float(match[1]) if match else math.nan
    except ValueError:
        number = math.nan
    if factor is None or not math.isfinite(number * factor) or number * factor <= 0:
        raise ScaleUnknownError(
            f"{text!r} is no scale; write the millimetres that one pixel covers, for example 0.2mm or 200um."
        )
    return number * factor


def check_scale(mm_per_px: float | None) -> float | None:
    """The scale itself, where it is one.

    Raises:
        ScaleUnknownError: zero, negative, infinite or not a number.
    """
    if mm_per_px is not None and not (math.isfinite(mm_per_px) and mm_per_px > 0):
        raise ScaleUnknownError(f"mm_per_px must be a number above zero, not {mm_per_px!r}; leave it out if unknown.")
    return mm_per_px
