import numpy as np
import pytest
from skimage.morphology import dilation as dilated
from skimage.morphology import disk, skeletonize

from answers import blank, line, of_masks, soft_answer, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.lines import count_lines


def scores(*answers):
    return scores_of(together([count_lines(each) for each in answers]), "lines")


def test_centreline_scores_are_those_of_scikit_image():
    answers = [soft_answer(seed, crack=seed != 2) for seed in range(4)]
    shared = either = 0
    parts, own = [], []
    for each in answers:
        found, true = skeletonize(each.found), skeletonize(each.truth)
        a, b = (dilated(lines, disk(4)) & each.labelled for lines in (found, true))
        shared, either = shared + (a & b).sum(), either + (a | b).sum()
        parts.append([(found & each.truth).sum(), found.sum(), (true & each.found).sum(), true.sum()])
        p, s = parts[-1][0] / max(1, found.sum()), parts[-1][2] / max(1, true.sum())
        own.append(2 * p * s / max(p + s, 1e-9))
    hit, n_found, covered, n_true = np.sum(parts, axis=0)
    p, s = hit / n_found, covered / n_true
    got = scores(*answers)
    assert got["cliou@4"] == pytest.approx(shared / either)
    assert (got["topology_precision"], got["topology_sensitivity"]) == pytest.approx((p, s))
    assert got["pooled_cldice"] == pytest.approx(2 * p * s / (p + s))
    assert got["per_image_cldice"] == pytest.approx(np.mean(own))


def test_a_line_moved_by_its_thickness_shares_half_and_less():
    long = {"stop": 400, "shape": (60, 400)}
    got = scores(of_masks(line(30, **long), line(27, **long)))
    assert got["cliou@4"] == pytest.approx((9 - 3) / (9 + 3), abs=0.02)
    assert got["pooled_cldice"] == 0


def test_a_mask_twice_as_wide_has_the_same_centreline():
    got = scores(of_masks(line(8, width=6), line(9, width=3)))
    assert got["cliou@4"] > 0.85
    assert got["topology_sensitivity"] == 1


@pytest.mark.parametrize(("found", "truth", "value"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_empty_pictures(found, truth, value):
    got = scores(of_masks(line(5) if found else blank(), line(5) if truth else blank()))
    assert got["per_image_cldice"] == value
    assert np.isnan(got["cliou@4"]) == np.isnan(got["pooled_cldice"]) == (not truth)
