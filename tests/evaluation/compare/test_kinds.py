"""Each kind of failure on masks that are drawn to be of it."""

import numpy as np
import pytest

from crackwise.evaluation.compare.kinds import FAILURE_IOU, KINDS, failure_of
from crackwise.tally import NOT_LABELLED


def blank():
    return np.zeros((80, 120), bool)


def line(row=40, thick_px=3, columns=slice(10, 110)):
    mask = blank()
    mask[row : row + thick_px, columns] = True
    return mask


def label(mask):
    return mask.astype(np.uint8)


def stain():
    mask = blank()
    mask[5:25, 60:90] = True
    return mask


def branch():
    mask = blank()
    mask[10:40, 50:60] = True
    return mask


CASES = {
    "wrong_object": (line() | stain(), line()),
    "missed": (line(10), line(10) | line(60, 5)),
    "straying": (line() | branch(), line()),
    "cut_short": (line(columns=slice(10, 40)), line()),
    "too_thick": (line(38, 8), line()),
    "too_thin": (line(42, 2), line(40, 6)),
    "disputed": (line(42), line()),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_drawn_failure_is_of_its_kind(kind):
    predicted, truth = CASES[kind]
    failure = failure_of(predicted, label(truth))
    assert failure.kind == kind
    assert failure.pixels[kind] > 0
    assert failure.iou == pytest.approx((predicted & truth).sum() / (predicted | truth).sum())


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_wrong_pixel_is_of_one_kind(kind):
    predicted, truth = CASES[kind]
    pixels = failure_of(predicted, label(truth)).pixels
    assert sum(count for name, count in pixels.items() if name != "disputed") == (predicted ^ truth).sum()


def test_a_good_mask_is_no_failure():
    assert failure_of(line(), label(line())) is None
    slightly = line() | line(43, 1)
    assert (slightly & line()).sum() / slightly.sum() >= FAILURE_IOU
    assert failure_of(slightly, label(line())) is None


def test_anything_on_a_crack_free_picture_is_a_wrong_object():
    failure = failure_of(stain(), label(blank()))
    assert failure.kind == "wrong_object"
    assert np.isnan(failure.iou)
    assert failure_of(blank(), label(blank())) is None


def test_a_crack_without_any_prediction_is_missed():
    failure = failure_of(blank(), label(line()))
    assert (failure.kind, failure.iou) == ("missed", 0)


def test_the_label_is_disputed_where_several_models_agree_against_it():
    found, labelled = line(20), label(line(60))
    assert failure_of(found, labelled).kind == "wrong_object"
    assert failure_of(found, labelled, [line(20), line(21)]).kind == "disputed"
    assert failure_of(found, labelled, [line(20), line(60)]).kind == "wrong_object"
    assert failure_of(blank(), labelled, [blank()]).kind == "missed"


def test_models_that_agree_with_the_label_dispute_nothing():
    assert failure_of(line(38, 8), label(line()), [line(38, 8)]).kind == "too_thick"


def test_what_has_no_label_is_no_error():
    target = label(line())
    target[:30] = NOT_LABELLED
    assert failure_of(line() | stain(), target) is None
