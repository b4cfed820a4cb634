"""What a check says of one picture."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Found"]


class Found(NamedTuple):
    """A number and a sentence about it."""

    value: float
    sentence: str
