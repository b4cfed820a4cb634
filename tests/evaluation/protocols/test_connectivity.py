import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from answers import blank, line, of_masks, soft_answer, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.connectivity import count_connectivity

EIGHT = np.ones((3, 3))


def scores(*answers):
    return scores_of(together([count_connectivity(each) for each in answers]), "connectivity")


def with_gaps(*gaps):
    mask = line(10, width=3)
    for start, stop in gaps:
        mask[:, start:stop] = False
    return mask


@pytest.mark.parametrize(
    ("gaps", "breaks"), [((), 0), (((20, 30),), 1), (((10, 20), (35, 45)), 2), (((20, 24),), 0), (((20, 25),), 1)]
)
def test_a_gap_breaks_a_crack_if_it_is_wider_than_the_tolerance_bridges(gaps, breaks):
    got = scores(of_masks(with_gaps(*gaps), line(10, width=3)))
    assert (got["breaks_per_crack"], got["cracks_found"]) == (breaks, 1)


def test_a_crack_that_is_missed_is_not_broken():
    truth = line(5) | line(30)
    got = scores(of_masks(with_gaps() & False | line(5, stop=20) | line(5, start=40), truth))
    assert (got["breaks_per_crack"], got["cracks_found"]) == (1, 0.5)
    nothing = scores(of_masks(blank(), truth))
    assert np.isnan(nothing["breaks_per_crack"])
    assert nothing["cracks_found"] == 0


def test_pieces_are_those_counted_crack_by_crack():
    answers = [soft_answer(seed) for seed in range(5)]
    breaks = found = cracks = 0
    for each in answers:
        parts, count = ndimage.label(each.truth, EIGHT)
        near = ndimage.distance_transform_edt(~each.found) <= 2
        for number in range(1, count + 1):
            pieces = ndimage.label(skeletonize(parts == number) & near, EIGHT)[1]
            breaks, found, cracks = breaks + max(0, pieces - 1), found + (pieces > 0), cracks + 1
    got = scores(*answers)
    assert got["breaks_per_crack"] == pytest.approx(breaks / found)
    assert got["cracks_found"] == pytest.approx(found / cracks)


def test_false_cracks_are_counted_on_crack_free_pictures_alone():
    got = scores(of_masks(line(3) | line(20), blank()), of_masks(blank(), blank()), of_masks(line(3), line(30)))
    assert got["false_cracks_per_image"] == 1
    assert np.isnan(scores(of_masks(line(3), line(3)))["false_cracks_per_image"])
