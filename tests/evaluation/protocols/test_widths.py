import numpy as np
import pytest

from answers import blank, line, of_masks, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.answer import thin
from crackwise.evaluation.protocols.widths import count_widths, label_widths_px


def slanted(width_px, angle_deg, shape=(160, 160)):
    """A band of known width through the middle of a picture."""
    rows, columns = np.indices(shape) - np.array(shape).reshape(2, 1, 1) / 2 - 0.21
    angle = np.radians(angle_deg)
    return np.abs(rows * np.cos(angle) - columns * np.sin(angle)) < width_px / 2


def scores(*answers):
    return scores_of(together([count_widths(each) for each in answers]), "widths")


@pytest.mark.parametrize("width_px", [1, 2, 3, 4, 5, 6, 14, 15, 16])
def test_level_bands_have_their_width_exactly_whether_odd_or_even(width_px):
    mask = line(12, width=width_px)
    assert np.unique(label_widths_px(mask, thin(mask))).tolist() == [width_px]


@pytest.mark.parametrize("angle_deg", [0, 17, 30, 45, 62])
@pytest.mark.parametrize("width_px", [3, 6, 10, 20])
def test_slanted_bands_have_their_width_within_less_than_a_pixel_on_average(width_px, angle_deg):
    mask = slanted(width_px, angle_deg)
    inner = np.zeros_like(mask)
    inner[40:-40, 40:-40] = True
    widths = label_widths_px(mask, thin(mask))[inner[thin(mask)]]
    assert widths.mean() == pytest.approx(width_px, abs=0.7)


def test_every_bin_has_the_scores_of_its_cracks_alone():
    shape = (90, 60)
    thin_one, wide_one = line(5, width=2, shape=shape), line(40, width=20, shape=shape)
    near_thin, cut_wide = line(7, width=2, shape=shape), line(45, width=10, shape=shape)
    got = scores(of_masks(near_thin | cut_wide, thin_one | wide_one))
    assert (got["width_0_2_crack_iou"], got["width_0_2_f1@2"], got["width_0_2_recall@2"]) == (0, 1, 1)
    assert got["width_15_inf_crack_iou"] == 10 / 20
    assert got["width_15_inf_recall@2"] == 14 / 20
    assert got["width_15_inf_f1@2"] == pytest.approx(2 * 0.7 / 1.7)
    assert np.isnan([got["width_2_5_crack_iou"], got["width_5_15_f1@2"]]).all()


KEYS = {1: "0_2", 2: "0_2", 3: "2_5", 5: "2_5", 6: "5_15", 15: "5_15", 16: "15_inf"}


@pytest.mark.parametrize(("width_px", "key"), KEYS.items())
def test_bins_hold_their_upper_end(width_px, key):
    counts = count_widths(of_masks(blank(), line(12, width=width_px)))
    got = scores_of(counts, "widths")
    assert [name for name, value in got.items() if not np.isnan(value)] == [
        f"width_{key}_{score}" for score in ("crack_iou", "f1@2", "recall@2")
    ]
    assert counts.pictures.sum() == 1


def test_every_pixel_goes_to_one_bin_by_the_nearest_true_pixel():
    rng = np.random.default_rng(0)
    truth = line(5, width=2) | line(20, width=8)
    found = truth & (rng.random(truth.shape) < 0.8) | (rng.random(truth.shape) < 0.02)
    counts = count_widths(of_masks(found, truth))
    true = np.argwhere(truth)
    expected = np.zeros(4)
    for pixel in np.argwhere(found):
        far = np.hypot(*(true - pixel).T)
        expected[{5: 0, 6: 0}.get(int(true[far.argmin()][0]), 2)] += 1
    assert counts.predicted.tolist() == expected.tolist()
    assert counts.true.tolist() == [120, 0, 480, 0]
    assert counts.true_positives.sum() == (truth & found).sum()


def test_predictions_on_crack_free_pictures_are_of_no_width():
    assert not any(count_widths(of_masks(line(3), blank()))[2:][i].any() for i in range(6))
