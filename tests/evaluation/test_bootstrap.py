import numpy as np
import pytest
from scipy.stats import binom

from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.tally import Tally

EMPTY = Tally(*[0.0] * len(Tally._fields))


def crops(rng, photographs, crops_each, spread=0.15):
    """Tallies of crops; all crops of one photograph are equally easy."""
    ease = np.repeat(np.clip(rng.normal(0.6, spread, photographs), 0.05, 0.95), crops_each)
    size = rng.integers(200, 400, len(ease))
    hit = rng.binomial(size, ease)
    tallies = [
        EMPTY._replace(true_positives=h, false_negatives=s - h, cracked=1.0) for h, s in zip(hit, size, strict=True)
    ]
    return tallies, [f"photo {i // crops_each}" for i in range(len(ease))]


def alarms(count, of):
    return [EMPTY._replace(crack_free=1.0, crack_free_px=100.0, large_alarms=float(i < count)) for i in range(of)]


@pytest.mark.parametrize("photographs", [8, 30])
def test_intervals_hold_the_truth_as_often_as_they_promise(photographs):
    rng, holds = np.random.default_rng(0), 0
    for seed in range(200):
        recall = estimate_scores(*crops(rng, photographs, 3), seed=seed)["pooled_recall"]
        holds += recall.low <= 0.6 <= recall.high
    low, high = binom.interval(0.999, 200, 0.95)
    assert low - 4 <= holds <= high


def test_crops_of_one_photograph_say_less_than_as_many_photographs():
    tallies, groups = crops(np.random.default_rng(1), 20, 10)
    clustered = estimate_scores(tallies, groups)["pooled_recall"]
    naive = estimate_scores(tallies, [str(i) for i in range(len(tallies))])["pooled_recall"]
    assert clustered.value == naive.value
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)
    assert (clustered.pictures, clustered.photographs) == (200, 20)


def test_copies_of_a_picture_do_not_narrow_the_interval():
    tallies, groups = crops(np.random.default_rng(2), 15, 1)
    assert estimate_scores(tallies * 5, groups * 5)["pooled_recall"][:3] == pytest.approx(
        estimate_scores(tallies, groups)["pooled_recall"][:3]
    )


def test_a_seed_gives_the_same_interval_in_any_order_of_pictures_and_another_seed_a_similar_one():
    tallies, groups = crops(np.random.default_rng(3), 25, 2)
    first = estimate_scores(tallies, groups, seed=4)["pooled_recall"]
    assert estimate_scores(tallies[::-1], groups[::-1], seed=4)["pooled_recall"] == pytest.approx(first)
    other = estimate_scores(tallies, groups, seed=5)["pooled_recall"]
    assert other != first
    assert other == pytest.approx(first, abs=0.02)


def test_every_score_lies_in_its_interval():
    rng = np.random.default_rng(6)
    tallies = [Tally(*rng.integers(1, 50, len(Tally._fields)).astype(float)) for _ in range(12)]
    for name, estimate in estimate_scores(tallies, [str(i // 2) for i in range(12)]).items():
        assert estimate.low < estimate.value < estimate.high, name


def test_one_photograph_gives_a_value_and_no_interval():
    tallies, _ = crops(np.random.default_rng(7), 1, 4)
    recall = estimate_scores(tallies, ["a"] * 4)["pooled_recall"]
    assert recall.value > 0
    assert np.isnan([recall.low, recall.high]).all()


def test_no_picture_gives_nothing():
    for estimate in estimate_scores([], []).values():
        assert np.isnan(estimate[:3]).all()
        assert estimate[3:] == (0, 0)


def test_no_alarm_on_42_photographs_is_no_proof_that_there_never_is_one():
    share = estimate_scores(alarms(0, 42), [str(i) for i in range(42)])["false_alarm_share_50px"]
    assert (share.value, share.low) == (0, 0)
    assert binom.cdf(0, 42, share.high) == pytest.approx(0.025)


def test_an_alarm_on_every_photograph_is_no_proof_that_there_always_is_one():
    share = estimate_scores(alarms(9, 9), [str(i) for i in range(9)])["false_alarm_share_50px"]
    assert (share.value, share.high) == (1, 1)
    assert binom.pmf(9, 9, share.low) == pytest.approx(0.025)


def test_perfect_scores_of_few_photographs_leave_room_for_worse():
    tallies = [EMPTY._replace(true_positives=9.0, cracked=1.0, cracked_iou=1.0, cracked_f1=1.0)] * 4
    estimates = estimate_scores(tallies, list("abcd"))
    for name in ("pooled_crack_iou", "pooled_f1", "per_image_crack_iou", "cracked_f1"):
        assert estimates[name][:3] == (1, pytest.approx(0.025 ** (1 / 4)), 1)


def test_a_score_without_an_upper_end_gets_no_interval_from_photographs_that_are_all_at_the_lower_one():
    tallies = [EMPTY._replace(false_negatives=9.0, cracked=1.0)] * 4
    ratio = estimate_scores(tallies, list("abcd"))["area_ratio"]
    assert ratio.value == 0
    assert np.isnan([ratio.low, ratio.high]).all()


def test_scores_rest_on_the_pictures_they_look_at():
    tallies, groups = crops(np.random.default_rng(8), 5, 2)
    both = estimate_scores(tallies + alarms(1, 3), [*groups, "wall", "wall", "other wall"])
    counted = {name: both[name][3:] for name in both}
    assert counted["cracked_recall"] == (10, 5)
    assert counted["per_image_recall"] == (13, 7)
    assert counted["pooled_recall"] == (13, 5)
    assert counted["false_alarm_share_50px"] == (3, 2)
    assert both["false_alarm_share_50px"].value == pytest.approx(1 / 3)


def test_walls_without_a_crack_are_no_evidence_of_how_many_cracks_are_found():
    missed = EMPTY._replace(false_negatives=9.0, cracked=1.0)
    groups = [str(i) for i in range(40)]
    estimates = estimate_scores([missed, *alarms(0, 39)], groups)
    for name in ("pooled_crack_iou", "pooled_recall", "pooled_f1", "f1@2"):
        assert (estimates[name].value, estimates[name].photographs) == (0, 1)
        assert np.isnan([estimates[name].low, estimates[name].high]).all()
    spotted = [each._replace(false_positives=5.0) for each in alarms(3, 3)]
    with_alarms = estimate_scores([missed._replace(true_positives=4.0), *spotted, *alarms(0, 36)], groups)
    assert (with_alarms["pooled_crack_iou"].photographs, with_alarms["pooled_recall"].photographs) == (4, 1)
    assert estimates["false_alarm_share_50px"].photographs == 39
