"""crackwise: photographs in, measured cracks out.

::

    from crackwise import inspect_image
    for crack in inspect_image("wall.jpg", mm_per_px=0.2).cracks:
        print(crack.id, crack.length_mm, crack.max_width_mm)

Names are imported when they are first used, and none of them imports torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crackwise.backends import load_predictor
    from crackwise.imaging.image import read_image
    from crackwise.inspection import Inspection, inspect_image
    from crackwise.measure import Crack, measure

__all__ = ["Crack", "Inspection", "__version__", "inspect_image", "load_predictor", "measure", "read_image"]

__version__ = "0.1.0"

HOMES = {
    "Crack": "crackwise.measure",
    "Inspection": "crackwise.inspection",
    "inspect_image": "crackwise.inspection",
    "load_predictor": "crackwise.backends",
    "measure": "crackwise.measure",
    "read_image": "crackwise.imaging.image",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'crackwise' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


class Package(ModuleType):
    """This package, in which ``crackwise.measure`` stays the function when the folder of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value.measure if name == "measure" and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = Package
