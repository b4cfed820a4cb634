"""A card calibrated on drawn walls: what a model draws stays, what it says of it becomes true."""

import json
import shutil

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from crackwise.data.folder import Item, open_items
from crackwise.data.masks import Mask
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.page import render_page
from crackwise.evaluation.record import to_json
from crackwise.evaluation.trust.calibrate import ReviewRule, calibrate
from crackwise.predictor import DataTerms, ModelCard
from crackwise.tally import tally
from crackwise.trust.review import CONFIDENCES, judge_review
from crackwise.trust.temperature import Tempered

OVERCONFIDENT = 3.0


class Overconfident:
    """Grey is the right logit, and the labels are drawn from it; this model says three times as much."""

    sha256, runtime, precision = "ab" * 32, "drawn", "f32"

    def __init__(self, **card):
        self.card = ModelCard.model_validate({"name": "proud", "version": "1", "threshold": 0.7} | card)

    def __call__(self, pixels, /):
        right = (pixels[None, :, :, 0].astype(np.float32) - 128) / 16
        return expit(OVERCONFIDENT * right).astype(np.float32)


def wall(folder, seed, part):
    """A picture of logits, a few of them high along a line, more blurred the higher the seed; its label is drawn."""
    rng = np.random.default_rng(seed)
    right = np.full((48, 64), -4.0) + rng.normal(0, 0.5, (48, 64))
    right[20:24] += 7 - 0.4 * (seed % 10)
    right = np.clip(gaussian_filter(right, 0.7), -7.5, 7.5)
    grey = np.rint(128 + 16 * right).astype(np.uint8)
    label = rng.uniform(size=right.shape) < expit((grey.astype(float) - 128) / 16)
    cv2.imwrite(str(folder / f"{part}{seed}.png"), np.repeat(grey[..., None], 3, 2))
    cv2.imwrite(str(folder / f"{part}{seed}-mask.png"), label.astype(np.uint8) * 255)
    return Item(
        folder / f"{part}{seed}.png", Mask("png", folder / f"{part}{seed}-mask.png"), f"walls/{part}/{seed}", f"{seed}"
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walls")
    return {
        part: tuple(wall(folder, seed, part) for seed in seeds)
        for part, seeds in (("val", range(12)), ("test", range(20, 32)))
    }


@pytest.fixture(scope="module")
def found(parts):
    return calibrate(Overconfident(kept_apart=("walls:test",)), {"walls:val": parts["val"]})


ALL = Question(families=("calibration", "review"))


def test_the_temperature_is_found_and_the_card_says_on_what(found):
    card = found.card
    assert card.temperature == pytest.approx(OVERCONFIDENT, rel=0.05)
    assert card.calibration is not None
    assert (card.calibration.sets, card.calibration.pictures, card.calibration.photographs) == (("walls:val",), 12, 12)
    assert card.calibration.error_after < card.calibration.error_before / 2
    assert card.calibration.near_error_after < card.calibration.near_error_before / 2
    assert "5 parts by photograph" in card.calibration.method
    assert card.data == (DataTerms(name="walls:val", terms="not stated", role="val"),)
    assert card.kept_apart == ("walls:test",)
    assert "0.7 before the logits were divided by" in card.threshold_source
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_masks_stay_and_probabilities_of_unseen_photographs_become_true(found, parts):
    proud, humble = Overconfident(), Tempered(Overconfident(**found.card.model_dump()))
    before, after = (evaluate(model, parts["test"], question=ALL) for model in (proud, humble))
    assert before.tallies == after.tallies
    for name in ("pixel_ece", "pixel_ece_near", "pixel_log_loss", "pixel_brier"):
        assert after.scores["all"][name].value < before.scores["all"][name].value, name
    assert after.scores["all"]["pixel_ece"].value < 0.01


def test_a_calibrated_model_is_calibrated_again_from_where_it_is(found, parts):
    again = calibrate(Tempered(Overconfident(**found.card.model_dump())), {"walls:val": parts["val"]})
    assert again.temperature == pytest.approx(1, abs=0.01)
    assert again.card.temperature == pytest.approx(found.card.temperature, rel=0.01)
    assert len(again.card.data) == 1


def test_the_level_marks_the_share_that_was_asked_for(found, parts):
    review, model = found.card.review, Tempered(Overconfident(**found.card.model_dump()))
    assert review is not None
    assert review.confidence == min(found.chosen.areas, key=lambda name: found.chosen.areas[name])
    assert found.chosen.areas.keys() == CONFIDENCES.keys()
    needed = [judge_review(model(cv2.imread(str(item.image))), found.card)["needed"] for item in parts["val"]]
    assert sum(needed) == 1
    assert found.chosen.coverage == pytest.approx(11 / 12)
    assert found.chosen.kept_risk < found.chosen.risk


def test_a_risk_may_be_asked_for_instead(parts):
    found = calibrate(Overconfident(), {"walls:val": parts["val"]}, rule=ReviewRule(risk=0.25))
    assert found.chosen.kept_risk <= 0.25 + 1e-9
    assert "mean risk of at most 0.25" in found.card.review.rule


@pytest.mark.parametrize(
    ("card", "name", "part"),
    [
        ({}, "walls:test", "test"),
        ({"kept_apart": ("hall:val",)}, "hall:val", "val"),
        ({"data": ({"name": "hall", "terms": "", "role": "test"},)}, "hall", "val"),
    ],
)
def test_test_data_is_refused_unless_insisted_on_and_then_the_card_says_so(parts, card, name, part):
    with pytest.raises(DataError, match="is test data"):
        calibrate(Overconfident(**card), {name: parts[part]})
    found = calibrate(Overconfident(**card), {name: parts[part]}, on_test_data=True)
    assert name in (found.card.leakage or "")
    assert found.card.kept_apart == ()


def test_what_the_model_learnt_from_is_refused_always(parts):
    learnt = Overconfident(data=({"name": "walls:train", "terms": "", "role": "train"},))
    with pytest.raises(DataError, match="learnt from"):
        calibrate(learnt, {"walls:train": parts["val"]}, on_test_data=True)


def test_what_the_model_learnt_from_is_known_under_another_name(drawn_set, tmp_path):
    copies = tmp_path / "copies"
    shutil.copytree(drawn_set, copies)
    learnt = Overconfident(data=({"name": f"{drawn_set}:train", "terms": "", "role": "train"},))
    with pytest.raises(DataError, match=r"learnt from 'copies': .* more of its"):
        calibrate(learnt, {"copies": open_items(f"{copies}:train")})


def test_the_record_and_the_page_tell_of_reliability_and_risk(found, parts):
    model = Tempered(Overconfident(**found.card.model_dump()))
    evaluation = evaluate(model, parts["test"], question=ALL)
    record = json.loads(json.dumps(to_json(model, {"walls:test": evaluation}, seed=0), allow_nan=False))
    told = record["sets"]["walls:test"]["trust"]["all"]
    assert record["model"]["temperature"] == found.card.temperature
    for region, bins in told["reliability"].items():
        assert len(bins) == 15
        assert sum(each["pixels"] for each in bins) == 12 * 48 * 64 or region == "near"
    review = told["review"]
    risk = [1 - f1(model, item) for item in parts["test"]]
    assert review["scores"]["mean_risk"]["value"] == pytest.approx(np.mean(risk), abs=1e-6)
    assert review["curve"][-1] == [1, pytest.approx(np.mean(risk), abs=1e-6)]
    assert review["scores"]["aurc"]["low"] < review["scores"]["aurc"]["value"] < review["scores"]["aurc"]["high"]
    assert 0 <= review["scores"]["excess_aurc"]["value"] < review["scores"]["aurc"]["value"]
    page = render_page(record, {}, {})
    assert "Can it be trusted?" in page
    assert page.count('class="reliability"') == 1
    assert 'aria-label="Selective risk against coverage"' in page


def f1(model, item):
    """Within 2 px."""
    label = (cv2.imread(str(item.mask.path), cv2.IMREAD_GRAYSCALE) > 127).astype(np.uint8)
    t = tally(model(cv2.imread(str(item.image)))[0] >= model.card.threshold, label)
    p = t.predicted_near_2 / max(1, t.true_positives + t.false_positives)
    r = t.true_near_2 / (t.true_positives + t.false_negatives)
    return 2 * p * r / (p + r) if p + r else 0.0


def test_nothing_is_told_where_nobody_asked(parts):
    model = Overconfident()
    record = to_json(model, {"walls:val": evaluate(model, parts["val"])}, seed=0)
    assert record["sets"]["walls:val"]["trust"] is None
    assert "Can it be trusted?" not in render_page(record, {}, {})


def test_nothing_cannot_be_calibrated_on():
    with pytest.raises(DataError, match="Pixels are calibrated on masks"):
        calibrate(Overconfident(), {})
