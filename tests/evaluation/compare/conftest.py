"""A drawn set, and what evaluations of drawn masks would leave of it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from crackwise.evaluation.compare.kept import SetToKeep, write_kept
from crackwise.imaging.overlay import encode_png
from crackwise.tally import tally

HEIGHT, WIDTH, PICTURES = 60, 90, 9


def crack(i, thick_px=4, row=None):
    """The crack of picture i; the last one has none."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if i < PICTURES - 1:
        rise = 20 + 3 * i if row is None else row
        cv2.line(mask, (5, rise), (85, 60 - rise), 1, thick_px)
    return mask.astype(bool)


def draw_walls(folder):
    """A set of nine pictures, each of a photograph of its own."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i in range(PICTURES):
        rng = np.random.default_rng(i)
        wall = rng.normal(180, 5, (HEIGHT, WIDTH, 1)).repeat(3, 2) - 120 * crack(i)[..., None]
        cv2.imwrite(str(folder / "images" / f"w{i}.png"), np.clip(wall, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / "masks" / f"w{i}.png"), crack(i) * np.uint8(255))
    return folder


def leave(out, walls, masks, *, labels=crack, pictures=range(PICTURES), group="{}", leaks=(), source="card", **told):
    """Write what `crackwise evaluate --out` leaves of a model whose masks a function draws."""
    drawn = {i: masks(i) for i in pictures}
    kept = SetToKeep(
        [f"walls/w{i}" for i in pictures],
        [group.format(i) for i in pictures],
        0.5,
        source,
        "crack",
        {"mask": [tally(mask, labels(i).astype(np.uint8)) for i, mask in drawn.items()]},
        [encode_png(mask * np.uint8(255)) for mask in drawn.values()],
    )
    write_kept(out, out.name, out.name.encode().hex(), {str(walls): kept})
    asked = {"class": "crack", "phrase": None, "absent": False, "open_close": False, "noise": None}
    asked |= {"noise_seed": None} | told
    record = {"sets": {str(walls): {**asked, "leaks": {"pictures": list(leaks)}}}}
    (out / "scores.json").write_text(json.dumps(record))
    return out


@pytest.fixture
def walls(tmp_path):
    """The folder ``walls`` of nine pictures."""
    return draw_walls(tmp_path / "walls")


@pytest.fixture
def evaluated(tmp_path, walls):
    """Writes the result of a model by its name and its masks; returns the folder."""

    def write(model, masks, *, reference=walls, **told):
        return leave(tmp_path / model, reference, masks, **told)

    return write
