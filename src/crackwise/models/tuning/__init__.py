"""Tunings: which weights of a frozen network learn, and what is put in for them."""

from crackwise.models.tuning.anatomy import Anatomy, anatomy_of
from crackwise.models.tuning.apply import (
    apply_tunings,
    frozen_hash,
    hold_frozen_statistics,
    leaves_a_base,
    left_when_merged,
    trained_state,
)
from crackwise.models.tuning.config import TUNINGS, Tuning, Tunings, parse_tunings
from crackwise.models.tuning.shortcut import Shortcut, find_shortcut

__all__ = [
    "TUNINGS",
    "Anatomy",
    "Shortcut",
    "Tuning",
    "Tunings",
    "anatomy_of",
    "apply_tunings",
    "find_shortcut",
    "frozen_hash",
    "hold_frozen_statistics",
    "leaves_a_base",
    "left_when_merged",
    "parse_tunings",
    "trained_state",
]
