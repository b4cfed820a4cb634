"""How far the view moved, on drawn walls whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from drive import draw_wall

from crackwise.watch.motion import glance, is_still, scene_shift

WALL = draw_wall(2000, 1500, [[(300, 200), (1500, 900)]])
SIZE = (480, 640)


def view(top: int, left: int, *, noise: float = 0.0, light: float = 0.0, seed: int = 0) -> np.ndarray:
    pixels = WALL[top : top + SIZE[0], left : left + SIZE[1]].astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, noise, (*SIZE, 1)) if noise else 0
    return np.clip(pixels + grain + light, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("moved", [(0, 0), (0, 37), (0, -80), (53, 0), (-60, 24), (0, 290), (-210, 0), (120, -150)])
def test_a_shift_is_found_to_a_pixel_under_noise_and_another_light(moved: tuple[int, int]) -> None:
    before = glance(view(500, 600, noise=4))
    now = glance(view(500 + moved[0], 600 + moved[1], noise=4, light=15, seed=1))
    shift = scene_shift(before, now)
    assert shift is not None
    assert shift == pytest.approx((-moved[0], -moved[1]), abs=1.0)  # the scene moves against the view


@pytest.mark.parametrize("moved", [(0, 640), (480, 0), (700, 700)])
def test_another_scene_is_told(moved: tuple[int, int]) -> None:
    assert scene_shift(glance(view(200, 200)), glance(view(200 + moved[0], 200 + moved[1]))) is None


def test_a_blank_picture_is_no_scene() -> None:
    blank = glance(np.full((*SIZE, 3), 128, np.uint8))
    assert scene_shift(blank, blank) is None
    assert scene_shift(blank, glance(view(0, 0))) is None


def test_another_size_is_another_scene() -> None:
    assert scene_shift(glance(view(0, 0)), glance(view(0, 0)[:240])) is None
    assert not is_still(glance(view(0, 0)), glance(view(0, 0)[:240]))


def test_a_still_camera_shows_the_same_under_noise_and_another_light() -> None:
    before = glance(view(300, 300))
    assert is_still(before, before)
    assert is_still(before, glance(view(300, 300, noise=5, light=12)))


@pytest.mark.parametrize("moved", [(0, 4), (3, 0), (-4, 4)])
def test_a_view_that_moved_is_new(moved: tuple[int, int]) -> None:
    assert not is_still(glance(view(300, 500)), glance(view(300 + moved[0], 500 + moved[1])))


def test_a_crack_that_opens_is_new() -> None:
    before = view(900, 0)
    now = before.copy()
    now[200:260, 300:302] = 60
    assert not is_still(glance(before), glance(now))
