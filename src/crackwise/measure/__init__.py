"""A crack map, and the photograph it was made from, to measured cracks."""

from __future__ import annotations

from crackwise.measure.crack import Crack, measure, totals
from crackwise.measure.width import WIDTHS

__all__ = ["WIDTHS", "Crack", "measure", "totals"]
