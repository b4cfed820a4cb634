"""From the name of a picture to the photograph it was cut from, one rule per family of names.

Most public crack pictures are crops. Two crops of one photograph in training and test make a score look better than it
is, so every split and audit works on photographs. A rule takes the file name without extensions and returns
``"photograph"``, or ``"family/photograph"`` where the picture belongs to a set that others also draw from: Khanhha and
CrackSeg9k are compiled from sets that exist on their own, and must be recognised beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["bare_name", "before_dash", "compiled_as", "compiled_photo", "itself", "roboflow_photo"]

EXTENSIONS = re.compile(r"(\.(jpe?g|png|bmp|tiff?|webp))+$", re.IGNORECASE)

COMPILED: tuple[tuple[str, str], ...] = (
    (r"(?:Rissbilder_for_Florian|Volker)_(.+)_\d+_\d+_\d+_\d+", r"walls/\1"),
    (r"(noncrack_.+)_\d+", r"walls/\1"),
    (r"Eugen_Muller_(.+)_\d+_\d+_\d+_\d+", r"sylvie_eugen/Eugen_Muller_\1"),
    (r"(Sylvie_Chambon_.+)", r"sylvie_eugen/\1"),
    (r"(CRACK500_\d{8}_\d{6}|CRACK500_IMG_\d+)(?:_.*)?", r"crack500/\1"),
    (r"(GAPS384_(?:train|valid|test)_\d{4}).*", r"gaps384/\1"),
    (r"DeepCrack_([^-]+).*", r"deepcrack/\1"),
    (r"(?:CFD|forest)_(\d+)", r"cfd/\1"),
    (r"(cracktree200_.+)", r"cracktree200/\1"),
    (r"(?:Mason_)?([a-z])_(\d+)_\d+", r"masonry/\1_\2"),
)
"""Khanhha and CrackSeg9k: prefix and crop rectangle to family and photograph. CFD and CrackForest are the same 118."""


def bare_name(name: str) -> str:
    """A file name without its extensions: ``"noncrack_wall_0_3.jpg.jpg"`` is ``"noncrack_wall_0_3"``."""
    return EXTENSIONS.sub("", name)


def itself(name: str) -> str:
    """A picture that was not cut from a larger one."""
    return name


def compiled_photo(name: str) -> str:
    """The photograph of a picture of Khanhha or CrackSeg9k.

    >>> compiled_photo("Volker_DSC01608_969_117_1674_1684")
    'walls/DSC01608'
    """
    for pattern, photo in COMPILED:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(photo)
    return name


def compiled_as(prefix: str) -> Callable[[str], str]:
    """The rule for a set whose own names lack the prefix that the compilations give them.

    >>> compiled_as("CRACK500_")("20160222_081011_1_361")
    'crack500/CRACK500_20160222_081011'
    """

    def photo(name: str) -> str:
        return compiled_photo(name if name.startswith(prefix) else prefix + name)

    return photo


def before_dash(name: str) -> str:
    """SDNET2018 numbers the patches of a photograph after a dash: ``7001-42``."""
    return name.partition("-")[0]


def roboflow_photo(name: str) -> str:
    """Roboflow's augmented copies of one upload differ after ``.rf.``."""
    return name.partition(".rf.")[0]
