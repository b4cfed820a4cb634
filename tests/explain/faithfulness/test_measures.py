"""The measures of faithfulness on maps whose value can be told by hand."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from crackwise.errors import ModelError
from crackwise.explain.faithfulness.curves import area, curves_of
from crackwise.explain.faithfulness.judge import estimate
from crackwise.explain.faithfulness.place import energy, overlap, points, rank_correlation
from crackwise.explain.faithfulness.randomise import STAGES, forgetful
from crackwise.explain.gradcam import gradcam
from crackwise.explain.heat import Options
from crackwise.explain.question import ask_whole
from crackwise.explain.subject import Subject, subject_of
from crackwise.models import build_model
from known_networks import as_subject

PIXELS = np.full((10, 10, 3), 200, np.uint8)
BLACK = np.zeros_like(PIXELS)


def light_of_first_rows(pixels: NDArray[np.uint8]) -> float:
    """Only the first two rows count."""
    return 3 + float(pixels[:2].mean())


def curves(heat: NDArray[np.float64], steps: int = 5) -> tuple[float, float]:
    found = curves_of(light_of_first_rows, PIXELS, BLACK, heat, steps=steps)
    assert found.deletion[0] == found.insertion[-1] == 1
    assert found.deletion[-1] == found.insertion[0] == 0
    return area(found.deletion), area(found.insertion)


def test_a_true_map_drops_the_answer_at_once_a_false_one_at_last() -> None:
    rows = np.repeat(np.arange(10.0)[:, None], 10, 1)
    assert curves(-rows) == (pytest.approx(0.1), pytest.approx(0.9))
    assert curves(rows) == (pytest.approx(0.9), pytest.approx(0.1))
    deletion, insertion = curves(np.zeros((10, 10)), steps=10)
    assert deletion == pytest.approx(0.5, abs=0.1)
    assert insertion == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("baseline", [0.7, 0.65, 0.9])
def test_no_curve_is_made_up_where_the_baseline_changes_little_or_for_the_worse(baseline: float) -> None:
    found = curves_of(lambda p: 0.7 if p.any() else baseline, PIXELS, BLACK, np.zeros((10, 10)), steps=4)
    assert np.isnan(found.deletion).all()
    assert np.isnan(area(found.insertion))


def test_place_is_told_by_point_energy_and_overlap() -> None:
    mask, known = np.zeros((40, 40), bool), np.ones((40, 40), bool)
    mask[10, :] = True
    heat = np.zeros((40, 40), np.float32)
    heat[25, 5], heat[10, 0:10] = 2, 1
    assert points(heat, mask) == 1
    assert points(heat, mask, tolerance_px=14) == 0
    assert energy(heat, mask, known) == pytest.approx(10 / 12)
    assert overlap(heat, mask, known) == pytest.approx(10 / 41)
    known[25] = False
    assert energy(heat, mask, known) == 1
    assert overlap(heat, mask, known) == pytest.approx(10 / 40)
    assert energy(-heat, mask, known) != energy(-heat, mask, known)  # nothing speaks for it: nan
    flat = np.ones((40, 40), np.float32)
    assert np.isnan(points(flat, mask))
    assert np.isnan(overlap(flat, mask, known))
    assert energy(flat, mask, np.ones_like(known)) == pytest.approx(1 / 40)
    assert np.isnan(points(heat, np.zeros_like(mask)))


def test_rank_correlation_is_spearmans(rng: np.random.Generator) -> None:
    one, other = rng.integers(0, 9, (12, 12)), rng.normal(size=(12, 12))
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    assert np.isnan(rank_correlation(one, np.zeros((12, 12))))
    idle = np.zeros((12, 12))
    idle[0, 0] = 1
    noisy = [idle + 1e-9 * rng.normal(size=(12, 12)) for _ in range(2)]
    assert rank_correlation(*noisy) == pytest.approx(1)


def test_random_weights_change_the_map_and_leave_the_model_alone() -> None:
    torch.manual_seed(0)
    net = build_model("hrsegnet", base=8).eval()
    subject = as_subject(net)
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    def seen(model: Subject) -> NDArray[np.float32]:
        return gradcam(model, ask_whole(model, picture), Options())[0].values

    trained = seen(subject)
    like = [rank_correlation(trained, seen(random)) for _, random in forgetful(subject, 0)]
    assert len(like) == len(STAGES)
    assert like[-1] < 0.9
    assert rank_correlation(trained, seen(subject)) > 0.999
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    *_, (_, last) = forgetful(subject, 0)
    shuffled = dict(last.network("").named_parameters())
    for name, parameter in net.named_parameters():
        if "auxiliary" not in name:
            torch.testing.assert_close(shuffled[name].flatten().sort().values, parameter.flatten().sort().values)


def test_a_model_file_has_no_weights_to_make_random() -> None:
    with pytest.raises(ModelError, match="The check by random weights needs"):
        next(forgetful(subject_of("packaged", "packaged"), 0))


def test_a_mean_leaves_out_what_is_undefined_and_knows_its_photographs() -> None:
    found = estimate([0.2, 0.4, float("nan"), 0.9], ["a", "a", "b", "c"])
    assert found.value == pytest.approx(0.5)
    assert (found.pictures, found.photographs) == (3, 2)
    assert found.low < 0.5 < found.high
    one = estimate([0.3], ["a"])
    assert one.value == 0.3
    assert np.isnan(one.low)
    assert np.isnan(estimate([float("nan")], ["a"]).value)
