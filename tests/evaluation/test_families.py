"""What every family of counts promises, and every row of the table of scores."""

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.metrics import FAMILIES, SCORES, scores_in, scores_of
from crackwise.evaluation.protocols.score import Answer


def answer(seed, *, crack=True, shape=(50, 70)):
    """A crack of about 3 px on a slope, found in part, a band of the picture not labelled."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    truth = (np.abs(rows - 20 - 0.3 * columns - seed % 5) < 1.8) & crack
    soft = ndimage.gaussian_filter(truth + rng.normal(0, 0.9, shape), 1.5)
    probability = np.clip(soft, 0, 1).astype(np.float32)
    target = truth.astype(np.uint8)
    target[:, :6] = 255
    return Answer(probability, probability >= 0.4, target)


def together(counts):
    """Sums of each field."""
    return type(counts[0])(*(np.sum(field, axis=0) for field in zip(*counts, strict=True)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_without_any_label_counts_nothing(family):
    unknown = Answer(np.ones((9, 12), np.float32), np.ones((9, 12), bool), np.full((9, 12), 255, np.uint8))
    assert not any(np.any(field) for field in FAMILIES[family](unknown))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_has_no_label_counts_nowhere(family):
    one = answer(1)
    noise = np.random.default_rng(0).random(one.target.shape, dtype=np.float32)
    probability = np.where(one.labelled, one.probability, noise)
    other = Answer(probability, probability >= 0.4, one.target)
    for a, b in zip(FAMILIES[family](one), FAMILIES[family](other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("crack", [True, False])
def test_counts_say_what_kind_of_picture_it_is_and_can_be_sent_to_another_process(family, crack):
    counts = FAMILIES[family](answer(2, crack=crack))
    assert (counts.cracked, counts.crack_free) == (crack, not crack)
    assert type(pickle.loads(pickle.dumps(counts))) is type(counts)


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_of_many_sums_are_those_of_each(family):
    counts = [FAMILIES[family](answer(seed, crack=seed % 3 > 0)) for seed in range(6)]
    stacked = scores_of(type(counts[0])(*(np.stack(field) for field in zip(*counts, strict=True))), family)
    for index, each in enumerate(counts):
        single = {name: float(value) for name, value in scores_of(each, family).items()}
        assert {n: float(values[index]) for n, values in stacked.items()} == pytest.approx(single, nan_ok=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_estimated_over_photographs(family):
    counts = [FAMILIES[family](answer(seed, crack=seed % 4 > 0)) for seed in range(12)]
    estimates = estimate_scores(counts, [str(i // 2) for i in range(12)], family=family)
    assert estimates.keys() == scores_in(family).keys()
    sums = scores_of(together(counts), family)
    for name, estimate in estimates.items():
        assert estimate.value == pytest.approx(float(sums[name]), nan_ok=True), name
        assert np.isnan(estimate.low) or estimate.low <= estimate.value <= estimate.high, name
    assert estimate_scores([], [], family=family).keys() == estimates.keys()


def test_every_score_is_of_one_family_and_has_a_protocol_of_its_own():
    assert Counter(score.family for score in SCORES.values()).keys() == FAMILIES.keys()
    assert list(SCORES) == [name for family in FAMILIES for name in scores_in(family)]
    for one, other in itertools.combinations(SCORES.values(), 2):
        assert (one.title, one.protocol) != (other.title, other.protocol)
    assert all(score.definition for score in SCORES.values())
