"""Verdicts: none where there is nothing to tell, the right one where there is, and seldom a false one."""

import numpy as np
import pytest
from scipy.stats import binom

from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.compare.pairs import ALPHA, compare_pairs
from crackwise.tally import Tally

EMPTY = Tally(*[0.0] * len(Tally._fields))
PIXELS = 300


def rows(rng, ease):
    """Tallies whose recall is the ease of each photograph."""
    hits = rng.binomial(PIXELS, np.clip(ease, 0, 1))
    return [EMPTY._replace(true_positives=float(h), false_negatives=float(PIXELS - h), cracked=1.0) for h in hits]


def names(count):
    return [str(i) for i in range(count)]


def compared(models, groups, name="pooled_recall"):
    return compare_pairs(models, groups, [name])[name]


def test_one_crack_among_many_walls_gives_no_verdict():
    found, walls = EMPTY._replace(true_positives=9.0, cracked=1.0), [EMPTY._replace(crack_free=1.0)] * 39
    missed = EMPTY._replace(false_negatives=9.0, cracked=1.0)
    for name in ("pooled_recall", "pooled_crack_iou"):
        (pair,) = compared({"A": [found, *walls], "B": [missed, *walls]}, names(40), name).pairs
        assert (pair.outcome, pair.reason) == ("no verdict", "one photograph says nothing about others")


def test_models_that_do_not_differ_are_seldom_said_to():
    rng, false, photographs = np.random.default_rng(0), 0, 9
    for _ in range(40):
        ease = rng.normal(0.6, 0.15, photographs)
        models = {name: rows(rng, ease + rng.normal(0, 0.05, photographs)) for name in "ABC"}
        false += any(pair.outcome in ("above", "below") for pair in compared(models, names(photographs)).pairs)
    assert false <= binom.ppf(0.99, 40, ALPHA)


def test_a_better_model_is_above():
    rng = np.random.default_rng(1)
    ease = rng.normal(0.6, 0.1, 25)
    models = {"A": rows(rng, ease + 0.1), "B": rows(rng, ease), "C": rows(rng, ease)}
    a_b, a_c, b_c = compared(models, names(25)).pairs
    assert (a_b.verdict, a_c.verdict) == ("A above B", "A above C")
    assert b_c.verdict == "no difference shown between B and C"
    assert a_b.difference.low < 0.1 < a_b.difference.high
    assert a_b.p <= a_b.p_holm <= ALPHA
    assert compared({"B": models["B"], "A": models["A"]}, names(25)).pairs[0].verdict == "B below A"


def test_differences_are_paired_so_hard_photographs_do_not_hide_them():
    rng = np.random.default_rng(2)
    ease = rng.uniform(0.1, 0.9, 30)
    rivals = compared({"A": rows(rng, ease + 0.05), "B": rows(rng, ease)}, names(30))
    assert rivals.estimates["B"].high > rivals.estimates["A"].low
    assert rivals.pairs[0].verdict == "A above B"


def test_crops_of_one_photograph_are_one_witness():
    rng = np.random.default_rng(3)
    easier = np.repeat(rng.normal(0, 0.1, 6), 20)
    models = {"A": rows(rng, 0.5 + easier), "B": rows(rng, np.full(120, 0.5))}
    crops = compared(models, [str(i // 20) for i in range(120)]).pairs[0]
    alone = compared(models, names(120)).pairs[0]
    assert crops.difference.photographs == 6
    assert crops.p > alone.p


def test_estimates_are_those_of_evaluate():
    rng = np.random.default_rng(4)
    counts = rows(rng, np.full(9, 0.5))
    rivals = compared({"A": counts, "B": counts}, names(9))
    assert rivals.estimates["A"] == estimate_scores(counts, names(9))["pooled_recall"]


@pytest.mark.parametrize(("photographs", "why"), [(1, "one photograph"), (5, "5 photographs are too few")])
def test_so_few_photographs_give_no_verdict(photographs, why):
    rng = np.random.default_rng(5)
    models = {"A": rows(rng, np.full(photographs, 0.9)), "B": rows(rng, np.full(photographs, 0.1))}
    (pair,) = compared(models, names(photographs)).pairs
    assert pair.outcome == "no verdict"
    assert pair.verdict.startswith(f"no verdict on A and B: {why}")


def test_what_is_enough_for_two_models_is_not_for_ten():
    rng = np.random.default_rng(6)
    models = {str(i): rows(rng, np.full(7, 0.1 + 0.08 * i)) for i in range(10)}
    assert compared({name: models[name] for name in "09"}, names(7)).pairs[0].outcome == "below"
    assert {pair.outcome for pair in compared(models, names(7)).pairs} == {"no verdict"}


def test_a_score_that_is_not_defined_gives_no_verdict():
    rng = np.random.default_rng(7)
    models = {name: rows(rng, np.full(9, 0.5)) for name in "AB"}
    (pair,) = compared(models, names(9), "false_alarm_share").pairs
    assert pair.verdict == "no verdict on A and B: the score is not defined on these pictures"
    assert np.isnan(pair.p)
