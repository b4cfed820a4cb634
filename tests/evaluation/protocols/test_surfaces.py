import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from answers import blank, line, of_masks, soft_answer, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.surfaces import count_surfaces, outline


def scores(*answers):
    return scores_of(together([count_surfaces(each) for each in answers]), "surfaces")


def border_touching():
    found, truth = np.zeros((2, 30, 40), bool)
    found[0:5, :20], truth[0:3, 5:] = True, True
    found[20, 39] = True
    return of_masks(found, truth)


PAIRS = {
    "soft": soft_answer(1),
    "another": soft_answer(3),
    "border": border_touching(),
    "full": of_masks(~blank(), ~blank()),
    "full and a line": of_masks(~blank(), line(3)),
    "pixels": of_masks(line(3, start=4, stop=5), line(7, start=4, stop=5)),
    "moved": of_masks(line(3, width=4), line(5, width=4)),
}


@pytest.mark.filterwarnings("ignore:monai:FutureWarning")  # of its own deprecated argument
@pytest.mark.parametrize("name", PAIRS)
def test_surface_distances_are_those_of_monai(name):
    each = PAIRS[name]
    found, truth = (torch.tensor(mask[None, None].astype(np.float32)) for mask in (each.found, each.truth))
    got = scores(each)
    dice = compute_surface_dice(found, truth, [2.0], include_background=True)
    distance = compute_hausdorff_distance(found, truth, include_background=True, percentile=95)
    assert got["surface_dice@2"] == pytest.approx(float(dice), abs=1e-6)
    assert got["hausdorff95_px"] == got["cracked_hausdorff95_px"] == pytest.approx(float(distance), abs=1e-4)


def test_boundary_f1_is_that_counted_the_slow_way():
    answers, values = [soft_answer(seed, shape=(60, 90)) for seed in range(3)], {"2": [], "diagonal": []}
    for each in answers:
        edges = [mask & ~ndimage.binary_erosion(mask) for mask in (each.found, each.truth)]
        away = [ndimage.distance_transform_edt(~edge) for edge in edges]
        for key, limit in (("2", 2), ("diagonal", 0.0075 * np.hypot(60, 90))):
            p, r = (away[1][edges[0]] <= limit).mean(), (away[0][edges[1]] <= limit).mean()
            values[key].append(2 * p * r / (p + r))
    got = scores(*answers)
    for key, expected in values.items():
        assert got[f"boundary_f1@{key}"] == pytest.approx(np.mean(expected))


def test_an_outline_is_what_an_erosion_takes_away():
    mask = soft_answer(1).found
    np.testing.assert_array_equal(outline(mask), mask & ~ndimage.binary_erosion(mask))


@pytest.mark.parametrize(("found", "truth", "value"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_empty_pictures_count_as_said(found, truth, value):
    got = scores(of_masks(line(5) if found else blank(), line(5) if truth else blank()))
    assert got["boundary_f1@2"] == got["boundary_f1@diagonal"] == got["surface_dice@2"] == value
    assert got["hausdorff95_px"] == pytest.approx((1 - value) * np.hypot(40, 60))
    assert np.isnan(got["cracked_hausdorff95_px"]) == (not truth)
