import numpy as np
import pytest

from answers import blank, line, of_masks, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.measured import count_measured

WIDE = {"stop": 150, "shape": (60, 150)}


def scores(*answers):
    return scores_of(together([count_measured(each) for each in answers]), "measured")


def band(row, width, **ends):
    return line(row, width=width, **(WIDE | ends))


def test_a_mask_is_as_long_and_as_wide_as_itself():
    got = scores(of_masks(band(20, 5), band(20, 5)))
    assert (got["length_ratio"], got["per_image_length_error"], got["width_matched_share"]) == (1, 0, 1)
    assert (got["width_error_px"], got["width_bias_px"]) == (0, 0)


@pytest.mark.parametrize(("width", "bias"), [(3, -2), (7, 2), (9, 4)])
def test_width_errors_are_those_drawn(width, bias):
    got = scores(of_masks(band(22 - width // 2, width), band(20, 5)))
    assert got["width_bias_px"] == pytest.approx(bias, abs=0.3)
    assert got["width_error_px"] == pytest.approx(abs(bias), abs=0.3)


def test_half_a_crack_found_is_half_its_length_and_half_its_points():
    got = scores(of_masks(band(20, 5, stop=75), band(20, 5)))
    assert got["length_ratio"] == pytest.approx(0.5, abs=0.03)
    assert got["per_image_length_error"] == pytest.approx(0.5, abs=0.03)
    assert got["width_matched_share"] == pytest.approx(0.5, abs=0.04)


def test_lengths_are_summed_before_dividing_and_errors_averaged_per_image():
    got = scores(of_masks(band(20, 5), band(20, 5, stop=75)), of_masks(blank((60, 150)), band(20, 5)))
    assert got["length_ratio"] == pytest.approx(150 / 225, abs=0.03)
    assert got["per_image_length_error"] == pytest.approx((1 + 1) / 2, abs=0.05)


def test_widths_of_a_crack_elsewhere_are_not_compared():
    got = scores(of_masks(band(45, 5), band(20, 5)))
    assert got["width_matched_share"] == 0
    assert np.isnan([got["width_error_px"], got["width_bias_px"]]).all()


def test_without_a_crack_or_with_a_speck_nothing_is_measured():
    for truth in (blank(), line(5, start=5, stop=6)):
        assert np.isnan(list(scores(of_masks(line(20), truth)).values())).all()
