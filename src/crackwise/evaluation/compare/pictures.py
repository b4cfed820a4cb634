"""The pictures that papers show: photograph, truth, and each model's mask with its crack IoU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import DataError, needs_extra
from crackwise.evaluation.answers.view import made_worse, target_of
from crackwise.evaluation.compare.results import Contest
from crackwise.evaluation.drawing import draw_errors, paint
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import shrink
from crackwise.report.plot import broken, new_figure, to_png

if TYPE_CHECKING:  # the module imports torch
    from crackwise.data.folder import Item

__all__ = ["Shown", "choose", "draw_figure", "ious_of", "items_of", "mask_at", "panels_of", "show"]

PANEL_IN = 2.1
PANEL_PX = 360
TITLE_CHARACTERS = 24

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


class Shown(NamedTuple):
    """One picture of a contest, opened."""

    name: str
    photo: Pixels
    target: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    """By model."""
    ious: Mapping[str, float]
    """Of the crack, by model; nan on a crack-free picture."""


def items_of(contest: Contest, root: Path | None) -> tuple[Item, ...]:
    """The pictures on disk; none where the set is not at hand.

    Raises:
        DataError: the set is at hand and lacks pictures of the contest.
    """
    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    try:
        found = {item.name: item for item in open_items(contest.reference, root)}
    except DataError:
        return ()
    if lacking := [name for name in contest.names if name not in found]:
        raise DataError(f"{contest.reference!r} under --root lacks {len(lacking)} of the pictures, {lacking[0]} first.")
    return tuple(found[name] for name in contest.names)


def ious_of(contest: Contest) -> dict[str, NDArray[np.float64]]:
    """Crack IoU of every picture (n,) for each model; nan on crack-free pictures."""
    found = {}
    for model, kept in contest.models.items():
        t = kept.counts["mask"]
        true = t.true_positives + t.false_negatives
        found[model] = np.where(true > 0, t.true_positives / np.maximum(1, true + t.false_positives), np.nan)
    return found


def choose(ious: Mapping[str, NDArray[np.float64]], count: int) -> list[int]:
    """Places of pictures from where models disagree most to where they do least, evenly spaced in that order.

    Three are the worst, the median and the best. Disagreement is the range of their crack IoUs; pictures without a
    crack come last, as they have none.
    """
    table = np.array(list(ious.values()))
    cracked = np.flatnonzero(~np.isnan(table).any(0))
    spread, mean = np.ptp(table[:, cracked], axis=0), table[:, cracked].mean(0)
    order = [*cracked[np.lexsort((mean, -spread))].tolist(), *np.flatnonzero(np.isnan(table).any(0)).tolist()]
    among = order[: max(len(cracked), min(count, len(order)))]
    places = np.linspace(0, len(among) - 1, min(count, len(among))).round().astype(int)
    return [among[i] for i in dict.fromkeys(places.tolist())]


def mask_at(path: Path) -> Mask:
    """A kept mask (h, w)."""
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise DataError(f"{path} is damaged; evaluate again.")
    return np.asarray(pixels > 127)


def show(contest: Contest, items: Sequence[Item], places: Sequence[int]) -> Iterator[Shown]:
    """Some of the pictures, opened one by one."""
    ious = ious_of(contest)
    for i in places:
        photo = made_worse(read_image(items[i].image), items[i], contest.question.noise, contest.question.noise_seed)
        masks = {model: mask_at(kept.masks[i]) for model, kept in contest.models.items()}
        target = target_of(items[i], contest.question, photo.shape[:2])
        yield Shown(items[i].name, photo, target, masks, {model: float(ious[model][i]) for model in masks})


def panels_of(shown: Shown) -> dict[str, Pixels]:
    """What stands in a row, by the heads of the columns, each at most `PANEL_PX` on its longer side.

    Masks are drawn on black: found, false and missed in the colours of all pages; what has no label is grey.
    """
    black = np.zeros_like(shown.photo)
    truth = paint(paint(black, shown.target == 1, (255, 255, 255)), shown.target == 255, (128, 128, 128))
    drawn = {"photograph": shown.photo, "truth": truth}
    for model, mask in shown.masks.items():
        drawn[model] = draw_errors(black, shown.target, mask)
    return {head: shrink(pixels, PANEL_PX) for head, pixels in drawn.items()}


def draw_figure(rows: Sequence[Shown]) -> bytes:
    """PNG: a row per picture, the models' names above their columns, crack IoU under each mask."""
    columns = 2 + len(rows[0].masks)
    heights = [row.photo.shape[0] / row.photo.shape[1] for row in rows]
    size = PANEL_IN * columns, sum(PANEL_IN * each + 0.32 for each in heights) + 0.5
    figure, axes = new_figure(*size, columns=columns, rows=len(rows))
    for row, line in zip(np.atleast_2d(axes), rows, strict=True):
        for place, (head, pixels) in zip(row, panels_of(line).items(), strict=True):
            draw_panel(place, pixels)
            place.set_xlabel(f"IoU {line.ious[head]:.2f}" if is_number(line.ious.get(head)) else "")
        row[0].set_xlabel(line.name.rpartition("/")[2], fontsize=9)
    for place, head in zip(np.atleast_2d(axes)[0], panels_of(rows[0]), strict=True):
        place.set_title(broken(head, TITLE_CHARACTERS), fontsize=11)
    return to_png(figure)


def is_number(value: float | None) -> bool:
    """Whether there is one to print."""
    return value is not None and not np.isnan(value)


def draw_panel(axes: Any, pixels: Pixels) -> None:
    """A picture without axes."""
    axes.imshow(pixels)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
