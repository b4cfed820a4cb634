"""Drawn cracks of known width, length and shape.

The tolerances are those of the targets in docs/measurement.md. Where a single drawing may miss its target (that page
says how often), the mean of several is held to it and each one to a wider limit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.measure import Crack, measure

Inside = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]

SIZE = 200
SUPERSAMPLES = 5


def cover(inside: Inside, size: int = SIZE) -> NDArray[np.float32]:
    """Share of every pixel (size, size) that a shape covers."""
    steps = (np.arange(SUPERSAMPLES) + 0.5) / SUPERSAMPLES - 0.5
    rows, columns = np.arange(size)[:, None], np.arange(size)[None]
    hits = sum(inside(rows + down, columns + right).astype(np.float32) for down, right in product(steps, steps))
    return hits / SUPERSAMPLES**2


def line(start: NDArray[np.float64], angle: float, length: float, width: float, *, cap: str = "blunt") -> Inside:
    """A straight band from a point (row, column); angle 0 leads right, 90 degrees down."""

    def inside(row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.bool_]:
        down, right = row - start[0], column - start[1]
        along = right * np.cos(angle) + down * np.sin(angle)
        aside = down * np.cos(angle) - right * np.sin(angle)
        if cap == "blunt":
            return (np.abs(aside) <= width / 2) & (along >= 0) & (along <= length)
        return np.hypot(aside, np.maximum(np.maximum(-along, along - length), 0)) <= width / 2

    return inside


def arc(radius: float, start: float, stop: float, width: float, centre: float = SIZE / 2) -> Inside:
    """A band around the middle of the picture, between two angles."""

    def inside(row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.bool_]:
        turn = np.arctan2(row - centre, column - centre) % (2 * np.pi)
        return (
            (np.abs(np.hypot(row - centre, column - centre) - radius) <= width / 2) & (turn >= start) & (turn <= stop)
        )

    return inside


def centred_line(rng: np.random.Generator, width: float, *, cap: str = "blunt") -> tuple[Inside, float]:
    """A line of random angle, length and place that stays inside the picture, and its length."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(120, 150)
    middle = SIZE / 2 + rng.uniform(-3, 3, 2)
    return line(middle - length / 2 * np.array([np.sin(angle), np.cos(angle)]), angle, length, width, cap=cap), length


def photograph(
    coverage: NDArray[np.float32], rng: np.random.Generator, *, blur: float, noise: float
) -> NDArray[np.uint8]:
    """A crack of unknown darkness on ground of unknown light, blurred and noisy."""
    dark, ground = rng.uniform(35, 75), rng.uniform(150, 210)
    soft = cv2.GaussianBlur(coverage, (0, 0), blur) if blur else coverage
    grey = ground - (ground - dark) * soft + rng.normal(0, noise, coverage.shape)
    return np.repeat(np.clip(np.round(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def only(cracks: tuple[Crack, ...]) -> Crack:
    assert len(cracks) == 1
    return cracks[0]


@pytest.mark.parametrize("width", [1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0])
def test_the_width_of_an_antialiased_mask_is_right_to_a_twentieth_of_a_pixel(width: float) -> None:
    rng = np.random.default_rng(int(10 * width))
    for _ in range(4):
        shape, _ = centred_line(rng, width)
        crack = only(measure(None, np.round(255 * cover(shape)).astype(np.uint8)))
        assert crack.mean_width_px == pytest.approx(width, abs=0.05)


@pytest.mark.parametrize("width", [1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0])
def test_the_width_of_a_binary_mask_is_right_on_average(width: float) -> None:
    rng = np.random.default_rng(int(10 * width))
    errors = []
    for _ in range(6):
        shape, _ = centred_line(rng, width)
        errors.append(only(measure(None, cover(shape) >= 0.5)).mean_width_px - width)
    assert np.mean(np.abs(errors)) <= 0.1


def test_the_interval_of_a_binary_mask_along_a_pixel_row_admits_that_half_a_pixel_is_open() -> None:
    mask = np.zeros((60, 200), np.bool_)
    mask[28:33, 20:180] = True
    crack = only(measure(None, mask))
    assert crack.mean_width_px == pytest.approx(5, abs=0.01)
    assert 0.5 <= crack.width_uncertainty_px <= 1.0


@pytest.mark.parametrize(("width", "blur"), list(product([3.0, 4.0, 6.5, 10.0, 20.0], [0.0, 0.5, 0.8, 1.2])))
def test_widths_from_3_px_are_read_from_the_photograph_to_a_tenth_of_a_pixel(width: float, blur: float) -> None:
    assert np.mean(np.abs(photo_errors(width, blur))) <= 0.10


@pytest.mark.parametrize("width", [6.5, 10.0, 20.0])
def test_so_are_wide_ones_in_a_very_blurred_photograph(width: float) -> None:
    assert np.mean(np.abs(photo_errors(width, 2.0))) <= 0.10


@pytest.mark.parametrize(("width", "blur"), list(product([1.0, 1.5, 2.0, 2.5], [0.0, 0.5, 0.8])))
def test_thin_cracks_of_unknown_darkness_are_read_to_a_quarter_of_a_pixel(width: float, blur: float) -> None:
    assert np.mean(np.abs(photo_errors(width, blur))) <= 0.25


def photo_errors(width: float, blur: float) -> list[float]:
    errors = []
    for number, noise in enumerate((0, 3, 6, 10)):
        rng = np.random.default_rng([number, int(10 * width), int(10 * blur)])
        shape = centred_line(rng, width)[0] if number % 2 else arc(65, 0.3, 2.6, width)
        coverage = cover(shape)
        mask = np.round(255 * coverage).astype(np.uint8)
        crack = only(measure(photograph(coverage, rng, blur=blur, noise=noise), mask))
        errors.append(crack.mean_width_px - width)
    return errors


@pytest.mark.parametrize(("factor", "shift"), [(2.0, 0.0), (3.0, 0.0), (1.0, 1.5), (2.0, -1.5)])
def test_a_mask_too_wide_or_beside_the_crack_does_not_change_the_width_read_from_the_photograph(
    factor: float, shift: float
) -> None:
    rng = np.random.default_rng(3)
    start, angle, length, width = np.array([60.0, 30.0]), 0.5, 140.0, 4.0
    photo = photograph(cover(line(start, angle, length, width)), rng, blur=0.7, noise=4)
    beside = start + shift * np.array([np.cos(angle), -np.sin(angle)])
    crack = only(measure(photo, cover(line(beside, angle, length, factor * width)) >= 0.5))
    assert crack.mean_width_px == pytest.approx(width, abs=0.1)
    aside = (crack.centreline - start) @ np.array([np.cos(angle), -np.sin(angle)])
    assert np.abs(aside[crack.counted]).max() <= 0.3


@pytest.mark.parametrize(("width", "cap"), list(product([1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0], ["blunt", "round"])))
def test_the_length_of_a_line_is_that_of_its_drawn_centreline_to_a_hundredth(width: float, cap: str) -> None:
    rng = np.random.default_rng([int(width), len(cap)])
    errors = []
    for _ in range(3):
        shape, length = centred_line(rng, width, cap=cap)
        errors.append(abs(only(measure(None, cover(shape))).length_px / length - 1))
    assert np.mean(errors) <= 0.01
    assert max(errors) <= 0.015


@pytest.mark.parametrize("angle", [45, 135])
@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("hard", [False, True])
def test_lines_at_exactly_45_degrees_are_one_crack_too(width: float, angle: float, hard: bool) -> None:
    turn = np.radians(angle)
    start = np.array([100.3, 99.7]) - 60 * np.array([np.sin(turn), np.cos(turn)])
    coverage = cover(line(start, turn, 120, width))
    plane = (coverage >= min(0.5, width / 4)).astype(np.float32) if hard else coverage
    crack = only(measure(None, plane, threshold=0.25))
    assert crack.length_px == pytest.approx(120, abs=3)


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 5.0, 10.0])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 4])
def test_a_crack_ends_at_a_gap_however_small(width: float, angle: float) -> None:
    for gap in (2, 3, 5, 8):
        plane = cover(line(np.array([25.5, 25.5]), angle, 150, width))
        middle = 25.5 + 75 * np.array([np.sin(angle), np.cos(angle)])
        rows, columns = np.indices(plane.shape)
        along = (rows - middle[0]) * np.sin(angle) + (columns - middle[1]) * np.cos(angle)
        plane[np.abs(along) < gap / 2] = 0
        cracks = measure(None, plane)
        assert len(cracks) == 2
        assert sum(crack.length_px for crack in cracks) == pytest.approx(150 - gap, abs=3)


@pytest.mark.parametrize("doubt", [0.1, 0.3, 0.45])
@pytest.mark.parametrize("width", [2.0, 5.0, 10.0])
def test_a_crack_ends_with_its_mask_where_a_model_doubts_what_lies_ahead(width: float, doubt: float) -> None:
    start = np.array([60.5, 40.5])
    crack = cover(line(start, 0.3, 150, width), 320)
    for around in (np.full(crack.shape, doubt, np.float32), doubt * cover(line(start, 0.3, 240, width), 320)):
        found = only(measure(None, np.maximum(crack, around)))
        assert found.length_px == pytest.approx(150, abs=4)


def test_a_speck_beside_a_crack_does_not_run_along_it() -> None:
    plane = cover(line(np.array([60.5, 40.5]), 0.0, 240, 4), 320)
    plane = np.maximum(plane, 0.4 * cover(line(np.array([60.5, 30.5]), 0.0, 260, 9), 320))
    plane[68:70, 100:103] = 0.6
    whole = max(measure(None, plane), key=lambda crack: crack.length_px)
    others = [crack.length_px for crack in measure(None, plane) if crack.length_px < whole.length_px]
    assert whole.length_px == pytest.approx(240, abs=4)
    assert sum(others) < 10


@pytest.mark.parametrize("width", [1.0, 3.0, 8.0, 20.0])
def test_an_arc_is_one_crack_of_its_drawn_length(width: float) -> None:
    crack = only(measure(None, cover(arc(70, 0.2, 3.6, width))))
    assert crack.length_px == pytest.approx(70 * 3.4, rel=0.01)


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 5.0, 8.0, 12.0])
def test_a_y_is_three_cracks_that_meet_in_its_drawn_junction(width: float) -> None:
    rng = np.random.default_rng(int(width))
    middle = np.full(2, SIZE / 2) + rng.uniform(-2, 2, 2)
    angles = rng.uniform(0, 2 * np.pi) + np.array([0, 2.3, 4.1])
    lengths = np.array([70.0, 78.0, 86.0])
    arms = [line(middle, angle, length, width) for angle, length in zip(angles, lengths, strict=True)]
    cracks = measure(None, cover(lambda row, column: np.any([arm(row, column) for arm in arms], axis=0)))
    assert len(cracks) == 3
    errors = np.abs(np.sort([crack.length_px for crack in cracks]) / lengths - 1)
    assert errors.mean() <= 0.01
    assert errors.max() <= 0.015
    for crack in cracks:
        ends = np.hypot(*(crack.centreline[[0, -1]] - middle).T)
        assert ends.min() <= 2.0
        assert crack.mean_width_px == pytest.approx(width, abs=0.1)


def test_crossing_lines_are_four_cracks() -> None:
    shapes = [line(np.array([30.0, 30.0]), 0.7, 180, 5), line(np.array([150.0, 30.0]), -0.6, 180, 5)]
    assert len(measure(None, cover(lambda row, column: shapes[0](row, column) | shapes[1](row, column)))) == 4


def test_a_closed_loop_is_one_branch() -> None:
    crack = only(measure(None, cover(arc(60, -1, 7, 5))))
    assert crack.length_px == pytest.approx(2 * np.pi * 60, rel=0.01)
    assert crack.mean_width_px == pytest.approx(5, abs=0.05)


def test_pinholes_in_a_mask_make_no_branches() -> None:
    mask = cover(line(np.array([50.0, 30.0]), 0.4, 150, 9)) >= 0.5
    rng = np.random.default_rng(0)
    inside = np.argwhere(mask)
    mask[tuple(inside[rng.choice(len(inside), 20, replace=False)].T)] = False
    assert only(measure(None, mask)).length_px == pytest.approx(150, rel=0.02)


def test_one_odd_place_does_not_decide_the_largest_width() -> None:
    coverage = cover(line(np.array([100.0, 25.0]), 0.0, 150, 5))
    coverage[96:105, 99:102] = 1
    crack = only(measure(None, coverage))
    assert crack.max_width_px == pytest.approx(5, abs=0.5)
    assert crack.p95_width_px == pytest.approx(5, abs=0.5)
    assert crack.widths_px.max() > 5.5


def test_a_crack_lighter_than_its_ground_is_measured_by_its_mask() -> None:
    coverage = cover(line(np.array([50.0, 30.0]), 0.4, 140, 5))
    photo = np.round(80 + 120 * coverage).astype(np.uint8)
    assert only(measure(photo, coverage)).mean_width_px == pytest.approx(5, abs=0.05)


def test_a_crack_growing_wider_is_followed() -> None:
    def wedge(row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (np.abs(row - 100 - 0.2 * (column - 100)) <= 1.5 + column / 50) & (column >= 20) & (column <= 180)

    coverage = cover(wedge)
    photo = photograph(coverage, np.random.default_rng(0), blur=0.7, noise=3)
    for picture in (None, photo):
        crack = only(measure(picture, coverage))
        truth = 2 * (1.5 + crack.centreline[:, 1] / 50) * np.cos(np.arctan(0.2))
        assert np.abs(crack.widths_px - truth)[crack.counted].mean() <= 0.25


def test_ninety_five_percent_intervals_of_the_mean_width_cover_the_truth() -> None:
    covered, points = [], []
    for number in range(240):
        rng = np.random.default_rng([number, 11])
        width = float(np.exp(rng.uniform(0, np.log(20))))
        shape, _ = centred_line(rng, width)
        coverage = cover(shape)
        photo = photograph(coverage, rng, blur=float(rng.uniform(0, 2)), noise=float(rng.uniform(0, 10)))
        crack = only(measure(photo, np.round(255 * coverage).astype(np.uint8), threshold=0.4))
        covered.append(abs(crack.mean_width_px - width) <= crack.width_uncertainty_px)
        errors = np.abs(crack.widths_px - width)[crack.counted]
        points.append(np.mean(errors <= 1.96 * crack.width_sigmas_px[crack.counted]))
    assert 0.92 <= np.mean(covered) <= 0.985  # 93 to 97 %, and what chance adds with 240 drawings
    assert 0.90 <= np.mean(points) <= 0.98
