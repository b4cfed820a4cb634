"""Intervals over photographs and seeds hold the truth as often as they promise."""

import numpy as np
import pytest
from scipy.stats import binom, t

from crackwise.evaluation.bootstrap import draw_pictures, estimate_pictures, estimate_scores
from crackwise.evaluation.metrics import scores_in
from crackwise.evaluation.repeats import estimate_difference, estimate_mean, mean_of
from crackwise.tally import Tally

EMPTY = Tally(*[0.0] * len(Tally._fields))
PIXELS = 300


def runs_of(rng, ease, seeds, between_seeds):
    """Tallies of several runs whose recall is the ease of each photograph, shifted by the luck of each seed."""
    luck = rng.normal(0, between_seeds, seeds)
    hits = rng.binomial(PIXELS, np.clip(ease + luck[:, None], 0, 1))
    return [
        [EMPTY._replace(true_positives=float(h), false_negatives=float(PIXELS - h), cracked=1.0) for h in run]
        for run in hits
    ]


def names(count):
    return [str(i) for i in range(count)]


def alarms(pattern):
    return [EMPTY._replace(crack_free=1.0, crack_free_px=100.0, large_alarms=float(alarm)) for alarm in pattern]


@pytest.mark.parametrize(("photographs", "between_seeds"), [(40, 0.0), (40, 0.03), (40, 0.15), (10, 0.05)])
def test_means_are_covered_as_promised(photographs, between_seeds):
    rng, holds = np.random.default_rng(0), 0
    for _ in range(150):
        runs = runs_of(rng, rng.normal(0.5, 0.1, photographs), 3, between_seeds)
        recall = estimate_mean(runs, names(photographs))["pooled_recall"]
        holds += recall.low <= 0.5 <= recall.high
    assert holds >= binom.ppf(0.01, 150, 0.95)


def test_differences_are_covered_as_promised():
    rng, holds = np.random.default_rng(1), 0
    for _ in range(150):
        ease = rng.normal(0.5, 0.1, 30)
        easier = ease + 0.1 + rng.normal(0, 0.02, 30)
        difference = estimate_difference(runs_of(rng, easier, 3, 0.03), runs_of(rng, ease, 3, 0.03), names(30))
        holds += difference["pooled_recall"].low <= 0.1 <= difference["pooled_recall"].high
    assert holds >= binom.ppf(0.01, 150, 0.95)


def test_photographs_alone_would_promise_too_much():
    rng, holds = np.random.default_rng(2), 0
    for _ in range(100):
        runs = runs_of(rng, rng.normal(0.5, 0.1, 40), 3, 0.15)
        pooled = estimate_scores([tally for run in runs for tally in run], names(40) * 3)["pooled_recall"]
        holds += pooled.low <= 0.5 <= pooled.high
    assert holds < 60


def test_with_one_kind_of_spread_it_is_the_textbook_interval():
    same = [EMPTY._replace(true_positives=float(h), false_negatives=10.0 - h, cracked=1.0) for h in (4, 5, 6, 8)]
    shares = [0.5, 0.6, 0.8]
    seeds_differ = [[same[0]._replace(true_positives=10 * s, false_negatives=10 - 10 * s)] * 12 for s in shares]
    recall = estimate_mean(seeds_differ, names(12))["pooled_recall"]
    reach = t.ppf(0.975, 2) * np.std(shares, ddof=1) / np.sqrt(3)
    assert recall[:3] == pytest.approx(
        (np.mean(shares), max(0, np.mean(shares) - reach), min(1, np.mean(shares) + reach))
    )
    photographs_differ = estimate_mean([same * 5] * 3, names(20))["pooled_recall"]
    rates = np.array([t_.true_positives / 10 for t_ in same * 5])
    reach = t.ppf(0.975, 19) * rates.std(ddof=1) / np.sqrt(20)
    assert photographs_differ.high - photographs_differ.value == pytest.approx(reach, rel=0.06)


def test_the_same_photographs_make_a_difference_sharper_than_two_intervals():
    rng = np.random.default_rng(3)
    ease = rng.normal(0.5, 0.15, 30)
    better, worse = runs_of(rng, ease + 0.05, 3, 0.002), runs_of(rng, ease, 3, 0.002)
    first, second = (estimate_mean(runs, names(30))["pooled_recall"] for runs in (better, worse))
    difference = estimate_difference(better, worse, names(30))["pooled_recall"]
    assert difference.value == pytest.approx(first.value - second.value)
    assert difference.low > 0
    assert first.low < second.high


def test_a_run_against_itself_differs_by_nothing():
    runs = runs_of(np.random.default_rng(4), np.full(10, 0.5), 3, 0.1)
    nothing = estimate_difference(runs, runs, names(10))["pooled_recall"]
    assert nothing.value == 0
    assert np.isnan([nothing.low, nothing.high]).all()


def test_no_alarm_in_any_run_is_no_proof_that_there_never_is_one():
    share = estimate_mean([alarms([0] * 42)] * 3, names(42))["false_alarm_share_50px"]
    assert (share.value, share.low) == (0, 0)
    assert binom.cdf(0, 42, share.high) == pytest.approx(0.025)


def test_a_share_stays_a_share():
    share = estimate_mean([alarms([0] * 19 + [i]) for i in (0, 1, 1)], names(20))["false_alarm_share_50px"]
    assert 0 == share.low < share.value < share.high < 1


def test_what_is_undefined_stays_so():
    estimates = estimate_mean([alarms([0, 1, 0])] * 3, names(3))
    assert estimates.keys() == scores_in("mask").keys()
    assert np.isnan(estimates["pooled_crack_iou"][:3]).all()
    one = estimate_mean([alarms([0, 1, 0])], names(3))["false_alarm_share_50px"]
    assert one.value == pytest.approx(1 / 3)
    assert np.isnan([one.low, one.high]).all()


def judged(labels, shifts, groups):
    """Runs that score pictures around their labels, each shifted by the luck of its seed."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.3, len(labels))
    scores = [np.clip(0.2 + 0.6 * labels + noise + shift, 0, 1) for shift in shifts]
    return scores, mean_of([draw_pictures(each, labels, groups, threshold=0.5) for each in scores])


def test_scores_of_whole_pictures_are_averaged_alike():
    labels = np.arange(60) % 2
    scores, mean = judged(labels, [-0.2, 0.0, 0.2], names(60))
    alone = [estimate_pictures(each, labels, names(60), threshold=0.5) for each in scores]
    for name, estimate in mean.items():
        assert estimate.value == pytest.approx(np.mean([run[name].value for run in alone])), name
        assert 0 <= estimate.low < estimate.value < estimate.high <= 1, name
    widths = [[run[name].high - run[name].low for run in [mean, *alone]] for name in ("crack_free_recall", "recall")]
    assert all(width > max(others) for width, *others in widths)  # the seeds disagree
    assert mean["precision"].pictures == min((each >= 0.5).sum() for each in scores)


def test_equal_runs_of_whole_pictures_vary_by_photograph_alone():
    labels = np.arange(40) % 2
    _, mean = judged(labels, [0.0] * 3, names(40))
    accuracy = mean["accuracy"]
    p, reach = accuracy.value, (accuracy.high - accuracy.low) / 2
    assert reach == pytest.approx(t.ppf(0.975, 39) * np.sqrt(p * (1 - p) / 39), rel=0.06)
