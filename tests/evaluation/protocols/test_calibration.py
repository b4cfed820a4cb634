"""Calibration of pixels against scikit-learn and torchmetrics, and the two regions it is told of."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.calibration import count_calibration

BINS = 15


def answer(rng, shape=(60, 80)):
    """A band of crack, a noisy map of it, and a stripe without labels."""
    target = np.zeros(shape, np.uint8)
    target[20:24] = 1
    probability = np.clip(rng.beta(0.4, 4, shape) + 0.6 * (target == 1), 0, 1).astype(np.float32)
    target[:, :7] = 255
    return Answer(probability, probability >= 0.7, target)


def slow(probability, labels):
    """The same by other libraries."""
    share, mean = calibration_curve(labels, probability, n_bins=BINS)
    place = np.minimum((probability.astype(np.float64) * BINS).astype(int), BINS - 1)
    pixels = np.bincount(place, minlength=BINS)
    gaps = np.abs(share - mean)
    return {
        "ece": (gaps * pixels[pixels > 0]).sum() / pixels.sum(),
        "mce": gaps.max(),
        "brier": brier_score_loss(labels, probability),
        "log_loss": log_loss(labels, np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)),
    }


@pytest.mark.parametrize("near", [False, True])
def test_every_score_is_that_of_scikit_learn_over_its_region(rng, near):
    one = answer(rng)
    where = one.labelled.copy()
    if near:
        where &= distance_transform_edt(~(one.truth | one.found)) <= 5
    got = scores_of(count_calibration(one), "calibration")
    for name, expected in slow(one.probability[where], one.truth[where]).items():
        assert got[f"pixel_{name}{'_near' if near else ''}"] == pytest.approx(expected, abs=1e-6), name


def test_the_error_is_that_of_torchmetrics(rng):
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import binary_calibration_error

    one = answer(rng)
    where = torch.from_numpy(one.probability[one.labelled]), torch.from_numpy(one.truth[one.labelled])
    expected = float(binary_calibration_error(*where, n_bins=BINS))
    assert scores_of(count_calibration(one), "calibration")["pixel_ece"] == pytest.approx(expected, abs=1e-6)


def test_probabilities_that_labels_are_drawn_from_are_calibrated(rng):
    probability = rng.uniform(size=(300, 300)).astype(np.float32)
    target = (rng.uniform(size=probability.shape) < probability).astype(np.uint8)
    counts = count_calibration(Answer(probability, probability > 0.5, target))
    assert scores_of(counts, "calibration")["pixel_ece"] < 0.01


def test_an_empty_picture_without_a_prediction_has_no_near_pixels():
    faint = np.full((9, 9), 0.2, np.float32)
    counts = count_calibration(Answer(faint, faint > 0.5, np.zeros((9, 9), np.uint8)))
    scores = scores_of(counts, "calibration")
    assert counts.near == 0
    assert np.isnan([scores[f"pixel_{name}_near"] for name in ("ece", "mce", "brier", "log_loss")]).all()
    assert scores["pixel_ece"] == pytest.approx(0.2)
