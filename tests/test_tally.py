"""The counting that training and evaluation share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from crackwise.tally import largest_component_px, within


@pytest.mark.parametrize("tolerance_px", [1, 2, 5])
def test_within_is_the_exact_euclidean_distance(rng: np.random.Generator, tolerance_px: int) -> None:
    for share in (0.001, 0.02, 0.3):
        mask = rng.random((83, 61)) < share
        mask[0, 0] = True
        expected = distance_transform_edt(~mask) <= tolerance_px
        np.testing.assert_array_equal(within(mask, tolerance_px), expected)


def test_nothing_is_within_reach_of_nothing() -> None:
    assert not within(np.zeros((9, 9), bool), 5).any()


def test_the_largest_component_touches_by_corners(rng: np.random.Generator) -> None:
    mask = rng.random((60, 60)) < 0.3
    components, _ = label(mask, structure=np.ones((3, 3)))
    assert largest_component_px(mask) == np.bincount(components.ravel())[1:].max()
    assert largest_component_px(np.zeros((5, 5), bool)) == 0
