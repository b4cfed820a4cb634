import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from answers import blank, line, of_masks, soft_answer, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.answer import thin
from crackwise.evaluation.protocols.thinned import THINNED_THRESHOLDS, count_thinned


def by_hand(answer, tolerance_px):
    """For every threshold: predicted pixels, near ones, true pixels, near ones; whole pictures, SciPy's distances."""
    truth = skeletonize(answer.truth)
    for threshold in THINNED_THRESHOLDS:
        found = skeletonize((answer.probability >= np.float32(threshold)) & answer.labelled)
        to_truth, to_found = (
            ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
            for mask in (truth, found)
        )
        yield found.sum(), (to_truth[found] <= tolerance_px).sum(), truth.sum(), (to_found[truth] <= tolerance_px).sum()


def f1(counts):
    n_found, near_found, n_true, near_true = np.moveaxis(np.asarray(counts, float), -1, 0)
    p, r = near_found / np.maximum(n_found, 1), near_true / np.maximum(n_true, 1)
    return 2 * p * r / np.maximum(p + r, 1e-12)


@pytest.mark.parametrize("key", ["2", "diagonal"])
def test_ods_and_ois_of_thinned_masks_are_those_counted_the_slow_way(key):
    answers = [soft_answer(seed, crack=seed != 1, shape=(60, 90)) for seed in range(3)]
    tolerance_px = {"2": 2, "diagonal": 0.0075 * np.hypot(60, 90)}[key]
    tables = np.array([list(by_hand(each, tolerance_px)) for each in answers])
    scores = scores_of(together([count_thinned(each) for each in answers]), "thinned")
    assert scores[f"ods_thinned@{key}"] == pytest.approx(f1(tables.sum(axis=0)).max())
    silent = float((tables[1, :, 0] == 0).any())
    assert scores[f"ois_thinned@{key}"] == pytest.approx((f1(tables[0]).max() + silent + f1(tables[2]).max()) / 3)


@pytest.mark.parametrize(("shift", "within"), [(0, 1), (2, 1), (3, 0)])
def test_a_line_beside_the_true_one_is_found_up_to_the_tolerance(shift, within):
    scores = scores_of(count_thinned(of_masks(line(10 + shift), line(10))), "thinned")
    assert scores["ods_thinned@2"] == scores["ois_thinned@2"] == within


def test_width_does_not_count():
    thick = of_masks(line(8, width=5), line(10))
    assert scores_of(count_thinned(thick), "thinned")["ods_thinned@2"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("found", "truth", "value"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_empty_pictures(found, truth, value):
    each = of_masks(line(5) if found else blank(), line(5) if truth else blank())
    scores = scores_of(count_thinned(each), "thinned")
    assert scores["ois_thinned@2"] == scores["ois_thinned@diagonal"] == value
    assert np.isnan(scores["ods_thinned@2"]) == (not truth)


def test_thinning_loses_no_component_and_breaks_none():
    rng = np.random.default_rng(0)
    eight = np.ones((3, 3))
    for _ in range(100):
        mask = rng.random((14, 17)) < rng.uniform(0.1, 0.7)
        assert ndimage.label(thin(mask), eight)[1] == ndimage.label(mask, eight)[1]
        np.testing.assert_array_equal(thin(mask), skeletonize(mask))
    assert not thin(np.zeros((3, 4), bool)).any()
