"""What every family of counts promises, and every row of the table of scores."""

import itertools
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from answers import blank, line, of_masks, soft_answer, together
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Viewed
from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.evaluate import count
from crackwise.evaluation.metrics import FAMILIES, SCORES, refuse_unknown, scores_in, scores_of
from crackwise.evaluation.pictures import Verdict
from crackwise.evaluation.protocols.answer import Answer


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_without_any_label_counts_nothing(family):
    unknown = Answer(np.ones((9, 12), np.float32), np.ones((9, 12), bool), np.full((9, 12), 255, np.uint8))
    assert not any(np.any(field) for field in FAMILIES[family](unknown))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_has_no_label_counts_nowhere(family):
    one = soft_answer(1)
    noise = np.random.default_rng(0).random(one.target.shape, dtype=np.float32)
    probability = np.where(one.labelled, one.probability, noise)
    other = Answer(probability, probability >= 0.4, one.target)
    for a, b in zip(FAMILIES[family](one), FAMILIES[family](other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("crack", [True, False])
def test_counts_say_what_kind_of_picture_it_is_and_can_be_sent_to_another_process(family, crack):
    counts = FAMILIES[family](soft_answer(2, crack=crack))
    assert (counts.cracked, counts.crack_free) == (crack, not crack)
    assert type(pickle.loads(pickle.dumps(counts))) is type(counts)


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_of_many_sums_are_those_of_each(family):
    counts = [FAMILIES[family](soft_answer(seed, crack=seed % 3 > 0)) for seed in range(6)]
    stacked = scores_of(type(counts[0])(*(np.stack(field) for field in zip(*counts, strict=True))), family)
    for index, each in enumerate(counts):
        single = {name: float(value) for name, value in scores_of(each, family).items()}
        assert {n: float(values[index]) for n, values in stacked.items()} == pytest.approx(single, nan_ok=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_estimated_over_photographs(family):
    counts = [FAMILIES[family](soft_answer(seed, crack=seed % 4 > 0)) for seed in range(12)]
    estimates = estimate_scores(counts, [str(i // 2) for i in range(12)], family=family)
    assert estimates.keys() == scores_in(family).keys()
    sums = scores_of(together(counts), family)
    for name, estimate in estimates.items():
        assert estimate.value == pytest.approx(float(sums[name]), nan_ok=True), name
        assert np.isnan(estimate.low) or estimate.low <= estimate.value <= estimate.high, name
    assert estimate_scores([], [], family=family).keys() == estimates.keys()


def test_every_score_is_of_one_family_and_has_a_protocol_of_its_own():
    of_single_pictures = {"review"}  # risk and coverage are of pictures one by one
    assert Counter(score.family for score in SCORES.values()).keys() == FAMILIES.keys() - of_single_pictures
    assert list(SCORES) == [name for family in FAMILIES for name in scores_in(family)]
    for one, other in itertools.combinations(SCORES.values(), 2):
        assert (one.title, one.protocol) != (other.title, other.protocol)
    assert all(score.definition for score in SCORES.values())


def test_every_score_is_in_the_documentation():
    docs = Path(__file__).parents[2] / "docs"
    page = "".join((docs / f"{name}.md").read_text() for name in ("protocols", "calibration"))
    for name, score in SCORES.items():
        described = f"`{name}`" in page or (score.family == "widths" and f"{name.split('_', 3)[3]}" in page)
        assert described, name


def test_families_are_counted_beside_each_other_as_one_by_one():
    one = soft_answer(4)
    pixels = np.zeros((*one.target.shape, 3), np.uint8)
    counts = count(Viewed(pixels, one.target, one.probability, one.predicted, Verdict(1.0, 1)), tuple(FAMILIES))
    assert list(counts) == list(FAMILIES)
    for name, family in FAMILIES.items():
        for a, b in zip(counts[name], family(soft_answer(4)), strict=True):
            np.testing.assert_array_equal(a, b)


def corner(shape=(40, 60)):
    mask = blank(shape)
    mask[:3, :4] = True
    return mask


ERRORS = ("false_alarm", "pixel_brier")
"""Shares of which 0 is the best."""
MASKS = {
    "empty": blank(),
    "full": ~blank(),
    "pixel": line(7, start=9, stop=10),
    "corner": corner(),
    "edge": line(39),
    "line": line(20, width=3),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("found", "truth"), [*itertools.product(MASKS, MASKS)])
def test_odd_masks_have_scores_within_their_range_and_equal_ones_the_best(family, found, truth):
    scores = scores_of(FAMILIES[family](of_masks(MASKS[found], MASKS[truth])), family)
    for name, score in scores_in(family).items():
        value = float(scores[name])
        assert not np.isinf(value), name
        if score.is_share:
            assert np.isnan(value) or 0 <= value <= 1, name
            best = 0 if name.startswith(ERRORS) else 1
            assert found != truth or np.isnan(value) or value == best, name


def test_a_picture_of_one_pixel_or_one_row_is_a_picture():
    for shape in ((1, 1), (1, 30), (30, 1)):
        for family, count_one in FAMILIES.items():
            scores = scores_of(count_one(of_masks(np.ones(shape), np.ones(shape))), family)
            for name, value in scores.items():
                if scores_in(family)[name].is_share and not name.startswith(ERRORS):
                    assert np.isnan(value) or value == 1, (name, shape)


@pytest.mark.parametrize(("name", "near"), [("iou", "pooled_crack_iou"), ("f1@3", "f1@2"), ("?", next(iter(SCORES)))])
def test_an_unknown_score_is_answered_with_near_ones(name, near):
    refuse_unknown(SCORES)
    with pytest.raises(DataError, match=rf"No score {re.escape(repr(name))}; near it are .*{near}"):
        refuse_unknown([name])
