"""What a row of a table of noises is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kind", "Matrix", "Noise", "Pixels"]

Pixels = NDArray[np.uint8]
"""RGB (h, w, 3)."""
Matrix = NDArray[np.float64]
"""A homography (3, 3): column, row, 1 of a place on the photograph to where it is afterwards."""
Kind = Literal["published", "light", "sensor", "optics", "weather", "geometry"]


@dataclass(frozen=True, slots=True)
class Noise:
    """A way to make photographs worse, in one or more levels."""

    change: Callable[[Pixels, float, np.random.Generator], Pixels]
    """The photograph and the parameter of its level to the worse photograph, of the same shape."""
    levels: Mapping[int, float]
    """What may be asked for behind the colon, and the parameter it stands for; empty: there is one level."""
    unit: str
    """Of the parameters."""
    kind: Kind
    definition: str
    """How the photograph changes, in one sentence."""
    warp: Callable[[tuple[int, int], float, np.random.Generator], Matrix] | None = None
    """For those that move what is on the photograph: where to, so that the label can follow."""
