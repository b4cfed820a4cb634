"""The table of data sets: where each is, how its masks are drawn, its terms, its splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["DATASETS", "DatasetRow", "Stroke"]

Stroke = Literal["accurate", "wide", "coarse", "centreline", "none"]


def itself(stem: str) -> str:
    """The photograph of a picture that was not cut from a larger one."""
    return stem


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One data set: how to find, read, group and cite it."""

    summary: str
    licence: str
    paper: str
    stroke: Stroke
    """How wide the labels are drawn: as wide as the crack, wider, as coarse polygons, one pixel, or no crack at all."""
    address: str = ""
    classes: tuple[str, ...] = ("crack",)
    family: str = ""
    """Sets cut from the same photographs share a family; default: the set's own name."""
    splits: str | None = None
    """The packaged name list that gives the parts (``"walls"``); default: the folders or index of the set itself."""
    photo_of: Callable[[str], str] = itself
    """File stem to the photograph it was cut from, where the set has no index that says so."""


DATASETS: dict[str, DatasetRow] = {
    "deepcrack": DatasetRow(
        summary="537 photographs of concrete and asphalt, 544x384",
        licence="none stated (cite the paper)",
        paper="Liu et al., Neurocomputing 338, 2019",
        stroke="accurate",
    ),
    "crack500": DatasetRow(
        summary="asphalt close-ups, here 638 crops squeezed to 448x448",
        licence="none stated",
        paper="Yang et al., IEEE T-ITS 21(4), 2020",
        stroke="wide",
    ),
    "cfd": DatasetRow(
        summary="CrackForest: 118 photographs of asphalt with shadows and oil, 480x320",
        licence="non-commercial research only",
        paper="Shi et al., IEEE T-ITS 17(12), 2016",
        stroke="accurate",
    ),
    "conglomerate_walls": DatasetRow(
        summary="166 crops of concrete and plaster walls, re-drawn thin labels, 512x512",
        licence="none stated for the data",
        paper="wall part of Crack-Conglomerate350",
        stroke="accurate",
        family="walls",
        splits="walls",
    ),
    "rissbilder": DatasetRow(
        summary="488 crops of concrete and plaster walls, 448x448",
        licence="none stated",
        paper="part of the Khanhha compilation",
        stroke="wide",
        family="walls",
        splits="walls",
    ),
    "volker": DatasetRow(
        summary="143 crops of concrete and plaster walls, 448x448",
        licence="none stated",
        paper="part of the Khanhha compilation",
        stroke="wide",
        family="walls",
        splits="walls",
    ),
    "noncrack_walls": DatasetRow(
        summary="196 crops of walls without cracks: joints, formwork lines, stains, 448x448",
        licence="none stated",
        paper="part of the Khanhha compilation",
        stroke="none",
        family="walls",
        splits="walls",
    ),
    "cracktree200": DatasetRow(
        summary="30 photographs of asphalt with strong shadows, 448x448",
        licence="none stated",
        paper="Zou et al., Pattern Recognition Letters 33(3), 2012",
        stroke="centreline",
    ),
    "sylvie_eugen": DatasetRow(
        summary="18 photographs of asphalt and concrete, 448x448",
        licence="none stated",
        paper="Chambon and Moliard, Int. J. Geophysics, 2011 (part of the Khanhha compilation)",
        stroke="wide",
    ),
    "wall_cracks_rf": DatasetRow(
        summary="360 photographs of plaster, facade and concrete, 640x640",
        licence="CC BY 4.0",
        paper="Roboflow Universe, cracks-3ii36",
        stroke="coarse",
    ),
    "drywall_joints": DatasetRow(
        summary="349 photographs of gypsum boards with boxes around joints, 640x640",
        licence="CC BY 4.0",
        paper="Roboflow Universe, drywall-join-detect",
        stroke="coarse",
        classes=("drywall joint",),
    ),
}
