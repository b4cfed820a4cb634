"""Masks of every kind through `measure`: no exception, no width of nothing, the same crack however it is turned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from crackwise.measure import measure

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40)
SETTINGS = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(SETTINGS, max_examples=300)
@given(arrays.arrays(np.bool_, SHAPES), st.booleans())
def test_any_mask_measures_without_an_exception_and_without_a_width_of_nothing(
    mask: NDArray[np.bool_], with_photo: bool
) -> None:
    photo = np.random.default_rng(mask.size).integers(0, 255, (*mask.shape, 3), dtype=np.uint8) if with_photo else None
    for crack in measure(photo, mask):
        assert (crack.widths_px > 0).all()
        assert np.isfinite(crack.centreline).all()
        assert crack.length_px > 0


@settings(SETTINGS, max_examples=100)
@given(arrays.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)))
def test_any_probability_measures_too(plane: NDArray[np.float32]) -> None:
    for crack in measure(None, plane):
        assert (crack.widths_px > 0).all()


@st.composite
def scribbles(draw: st.DrawFn) -> NDArray[np.bool_]:
    """One wandering line that does not come near itself."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.12, 8))
    steps = 12 * np.column_stack((np.cos(turns), np.sin(turns)))
    points = np.cumsum(steps, axis=0)
    points += 100 - points.mean(axis=0)
    mask = np.zeros((200, 200), np.uint8)
    cv2.polylines(
        mask, [np.round(points).astype(np.int32)], isClosed=False, color=1, thickness=draw(st.integers(1, 12))
    )
    return mask.astype(np.bool_)


@settings(SETTINGS, max_examples=60)
@given(scribbles(), st.integers(1, 7))
def test_length_and_width_stay_when_the_picture_is_turned_or_mirrored(mask: NDArray[np.bool_], turn: int) -> None:
    turned = np.rot90(mask[:, ::-1] if turn > 3 else mask, turn % 4)
    before, after = measure(None, mask), measure(None, turned)
    assert len(before) == len(after) == 1
    assert after[0].length_px == pytest.approx(before[0].length_px, rel=0.02, abs=2.5)
    assert after[0].mean_width_px == pytest.approx(before[0].mean_width_px, rel=0.02, abs=0.05)


@settings(SETTINGS, max_examples=40)
@given(scribbles(), st.floats(0.01, 5))
def test_the_scale_changes_millimetres_only(mask: NDArray[np.bool_], scale: float) -> None:
    (plain,), (scaled,) = measure(None, mask), measure(None, mask, mm_per_px=scale)
    assert plain.length_px == scaled.length_px
    assert scaled.length_mm == pytest.approx(scale * plain.length_px)
