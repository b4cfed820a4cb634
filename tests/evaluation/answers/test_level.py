"""Thresholds: whose they are, and that they are those a plain search finds."""

import numpy as np
import pytest

from crackwise.data.masks import Mask
from crackwise.errors import DataError
from crackwise.evaluation.answers.level import Level, apart, choose_threshold, level_of, sweep
from crackwise.evaluation.answers.predictions import open_predictions
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.evaluate import evaluate
from crackwise.training.validation import THRESHOLDS
from given_files import Darkness, draw_walls, write_masks

CRACK = Question("crack")


@pytest.fixture
def items(tmp_path):
    return draw_walls(tmp_path / "walls")


def pooled_f1(items, threshold):
    return evaluate(Darkness(), items, threshold=float(threshold)).scores["all"]["pooled_f1"].value


def test_a_sweep_finds_what_a_plain_search_finds(items):
    found = sweep(Darkness(), items, "walls", CRACK)
    f1 = np.array([pooled_f1(items, step) for step in np.arange(1, 100) / 100])
    best = np.flatnonzero(f1 == f1.max())
    assert found.threshold == (best[len(best) // 2] + 1) / 100
    assert found.source == "swept on the test set"
    assert found.chosen == ("walls", "f1", pytest.approx(f1.max()), 3)


def test_a_threshold_from_other_pictures_is_what_training_would_choose(items):
    found = choose_threshold(Darkness(), items, "walls:val", "crack")
    f1 = np.array([pooled_f1(items, step) for step in THRESHOLDS])
    near_the_best = THRESHOLDS[f1 >= f1.max() - 0.01]
    assert found.threshold == near_the_best[np.abs(near_the_best - 0.5).argmin()]
    assert found.source == "chosen on other pictures"
    assert found.chosen.on == "walls:val"


def test_masks_do_not_mind_so_the_threshold_is_the_middle(items, tmp_path):
    masks = open_predictions(write_masks(tmp_path / "masks", items), items)
    assert sweep(masks, items, "walls", CRACK).threshold == 0.5
    assert choose_threshold(masks, items, "walls", "crack").threshold == 0.5


def test_where_no_crack_is_nothing_can_be_best(items):
    found = sweep(Darkness(), items[2:], "walls", CRACK)
    assert found.threshold == 0.5
    assert found.chosen.to_dict() == {"on": "walls", "score": "f1", "value": None, "pictures": 1}
    shown_none = sweep(Darkness(), items, "walls", CRACK._replace(absent=True))
    assert np.isnan(shown_none.chosen.value)


@pytest.mark.parametrize("noise", ["dark", "rotation:5"])
def test_a_noise_worsens_what_is_swept_as_what_is_scored(items, noise):
    noisy = CRACK._replace(noise=noise)  # what turns into the picture has no label, and does not choose
    found = sweep(Darkness(), items, "walls", noisy)
    scored = evaluate(Darkness(), items, question=noisy, threshold=found.threshold).scores["all"]
    assert scored["pooled_f1"].value == pytest.approx(found.chosen.value)


def test_what_cannot_choose_a_threshold_says_so(items):
    with pytest.raises(DataError, match="No threshold is chosen by 'auc'; there is f1, iou, f1@2"):
        choose_threshold(Darkness(), items, "walls", "crack", "auc")
    seams = [item._replace(mask=Mask("png", item.mask.path, label="seam")) for item in items]
    with pytest.raises(DataError, match="No picture of 'seams' is labelled for 'crack'"):
        choose_threshold(Darkness(), seams, "seams", "crack")
    whole = [item._replace(mask=Mask("somewhere", item.mask.path, label="crack")) for item in items]
    for choose in (sweep, choose_threshold):
        with pytest.raises(DataError, match="is of the whole picture"):
            choose(Darkness(), whole, "whole", CRACK if choose is sweep else "crack")


def test_photographs_that_are_scored_do_not_choose(items):
    assert apart(items, "walls", items[:1]) == items[1:]
    with pytest.raises(DataError, match="All pictures of 'walls' show photographs that are scored"):
        apart(items, "walls", items)


def test_a_given_threshold_stands_before_that_of_the_card(items, tmp_path):
    masks = open_predictions(write_masks(tmp_path / "masks", items), items)
    assert level_of(Darkness(), None) == Level(0.6, "card")
    assert level_of(masks, None) == Level(0.5, "default")
    assert level_of(masks, 0) == Level(0, "given")
    assert level_of(masks, Level(0.3, "card")) == Level(0.3, "card")
