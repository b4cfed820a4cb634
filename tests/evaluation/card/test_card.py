from __future__ import annotations

import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import precision_score, recall_score

from crackwise.data.catalog import DATASETS
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.card.card import card_record, groups
from crackwise.evaluation.card.curves import curve_of, recall_chart, width_chart
from crackwise.evaluation.card.published import (
    NOT_SWEPT,
    OTHER_PICTURES,
    SWEPT,
    Study,
    name_of,
    obstacle_to,
    published_for,
    read_studies,
)
from crackwise.evaluation.evaluate import Evaluation
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import FAMILIES, SCORES
from crackwise.evaluation.page import render_page
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.record import set_record, to_json
from crackwise.predictor import ModelCard

SOURCES = ("card", "given", "default", "chosen on other pictures", "swept on the test set")


CRACKS = Question("crack")


class Named:
    card = ModelCard(name="drawn", version="1")
    sha256, runtime, precision = "c0ffee" * 10 + "abcd", "test", "f32"


def answer(seed):
    rng = np.random.default_rng(seed)
    target = np.zeros((40, 60), np.uint8)
    target[10 + seed : 14 + seed, 5:55] = 1
    probability = np.clip(target * 0.5 + rng.random(target.shape) * 0.5, 0, 1).astype(np.float32)
    return Answer(probability, probability >= 0.6, target)


def evaluation(source="card", question=CRACKS, families=("mask", "levels", "widths")):
    answers = [answer(seed) for seed in range(3)]
    counts = {family: tuple(FAMILIES[family](each) for each in answers) for family in families}
    scores = {}
    for family in families:
        scores |= estimate_scores(counts[family], ["a", "b", "c"], family=family)
    return Evaluation((), counts, {"all": scores}, Leaks(), 0.6, source, question)


def test_every_score_stands_under_one_heading():
    names = list(itertools.chain(*groups().values()))
    assert sorted(names) == sorted(SCORES)
    assert all(groups().values())


def test_published_numbers_are_of_known_sets_and_lie_between_0_and_1():
    for study in read_studies():
        assert name_of(study.set) in DATASETS
        assert all(0 < value < 1 for method in study.methods.values() for value in method.scores.values())


def test_a_score_that_is_not_ours_is_no_published_number():
    study = {"set": "cfd", "threshold": "fixed", "source": "x", "read": "at the source"}
    study["methods"] = {"a": {"scores": {"miou": 0.8}}}
    with pytest.raises(ValidationError, match="no score named miou"):
        Study.model_validate(
            {
                "set": "cfd",
                "threshold": "fixed",
                "source": "x",
                "read": "at the source",
                "methods": {"a": {"scores": {"miou": 0.8}}},
            }
        )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "reference", ["deepcrack:test", "khanhha:test", "crackseg9k:test", "cfd", "crack500:test", "own"]
)
def test_a_number_of_another_protocol_never_stands_beside_ours(reference, source):
    found = published_for(reference, source)
    of_set = [study for study in read_studies() if name_of(study.set) == name_of(reference)]
    total = sum(len(method.scores) for study in of_set for method in study.methods.values())
    assert sum(map(len, found.beside.values())) + sum(found.left_out.values()) == total
    for score, numbers in found.beside.items():
        for number in numbers:
            study = next(s for s in of_set if s.source == number["source"] and number["method"] in s.methods)
            assert study.set == reference
            assert study.methods[number["method"]].scores[score] == number["value"]
            if SCORES[score].protocol.thresholds == "one":
                assert study.threshold != "unknown"
                assert (study.threshold == "swept on the test set") == (source == "swept on the test set")


def test_a_threshold_swept_on_the_test_is_compared_with_its_like_alone():
    swept, fixed = published_for("deepcrack:test", "swept on the test set"), published_for("deepcrack:test", "card")
    assert {"pooled_f1", "two_class_miou", "per_image_ods", "ois"} == swept.beside.keys()
    assert fixed.beside.keys() == {"per_image_ods", "ois"}
    assert fixed.left_out[SWEPT] > 0
    assert [each["value"] for each in swept.beside["pooled_f1"]] == sorted(
        (each["value"] for each in swept.beside["pooled_f1"]), reverse=True
    )
    assert published_for("khanhha:test", "swept on the test set").left_out == {NOT_SWEPT: 12}
    assert published_for("deepcrack:train", "card").left_out.keys() == {OTHER_PICTURES}


def test_other_questions_have_no_published_answer():
    for question in (Question("crack", noise="blur"), Question("crack", absent=True), Question("joint")):
        assert card_record("deepcrack:test", evaluation(question=question))["beside"] == {}
    assert card_record("deepcrack:test", evaluation())["left_out"]
    assert obstacle_to(read_studies()[0], "pooled_f1", "deepcrack:test", "given") == SWEPT


def test_what_was_not_counted_has_nothing_beside_it():
    masks = card_record("deepcrack:test", evaluation(families=("mask",)))
    assert masks["curve"] is None
    assert masks["beside"].keys() <= {name for name, score in SCORES.items() if score.family == "mask"}


def test_the_curve_is_that_of_scikit_learn():
    answers = [answer(seed) for seed in range(3)]
    curve = curve_of([FAMILIES["levels"](each) for each in answers])
    truth = np.concatenate([each.target.ravel() for each in answers])
    probability = np.concatenate([each.probability.ravel() for each in answers])
    for threshold, precision, recall in curve[::13]:
        predicted = probability >= np.float32(threshold)
        assert precision == pytest.approx(precision_score(truth, predicted), abs=1e-5)
        assert recall == pytest.approx(recall_score(truth, predicted), abs=1e-5)


def test_there_is_no_curve_without_a_crack():
    empty = Answer(np.zeros((9, 9), np.float32), np.zeros((9, 9), bool), np.zeros((9, 9), np.uint8))
    assert curve_of([FAMILIES["levels"](empty)]) is None


def test_plots_show_every_set_that_has_a_crack():
    made = evaluation()
    record = set_record(made) | {"card": card_record("cfd", made)}
    nothing = record | {"card": record["card"] | {"curve": None}}
    for chart in (recall_chart, width_chart):
        svg = str(chart({"cfd": record, "../walls/own": record, "quiet": nothing}))
        assert ">cfd<" in svg
        assert ">own<" in svg
        assert ">quiet<" not in svg


def test_published_numbers_stand_on_the_page_and_those_left_out_are_counted():
    made = evaluation()
    page = render_page(to_json(Named(), {"deepcrack:test": made}, seed=0), {"deepcrack:test": []}, {})
    assert "0.925 SCRWKV" in page
    assert "0.936 SCRWKV" not in page
    assert f"left out: {SWEPT}" in page
    assert "README of SCRWKV (ICML 2026) (pictures prepared in their own way)" in page
    swept = evaluation("swept on the test set")
    page = render_page(to_json(Named(), {"deepcrack:test": swept}, seed=0), {"deepcrack:test": []}, {})
    assert "0.936 SCRWKV" in page
    assert "chosen on the very pictures that are scored" in page
