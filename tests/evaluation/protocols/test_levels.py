import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from answers import blank, line, of_masks, soft_answer, together
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.levels import LEVELS, count_levels

GRID = np.arange(1, 100) / 100


def answers(levels=None):
    return [soft_answer(seed, shape=(30, 40), crack=seed != 1, levels=levels) for seed in range(3)]


def pooled(those):
    """Labels and probabilities of all labelled pixels."""
    parts = [(each.target[each.labelled], each.probability[each.labelled]) for each in those]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def scores(those):
    return scores_of(together([count_levels(each) for each in those]), "levels")


def test_ods_is_the_best_f1_of_scikit_learn_over_all_pixels():
    truth, probability = pooled(answers())
    best = max(f1_score(truth, probability >= np.float32(t)) for t in GRID)
    assert scores(answers())["ods"] == pytest.approx(best, abs=1e-12)


def test_ods_and_ois_per_image_are_those_of_scikit_learn_with_the_rule_for_empty_pictures():
    table = []
    for each in answers():
        truth, probability = each.target[each.labelled], each.probability[each.labelled]
        found = [probability >= np.float32(t) for t in GRID]
        table.append([f1_score(truth, f) if truth.any() else float(not f.any()) for f in found])
    got, cracked = scores(answers()), [each.truth.any() for each in answers()]
    assert got["per_image_ods"] == pytest.approx(np.mean(table, axis=0).max())
    assert got["ois"] == pytest.approx(np.max(table, axis=1).mean())
    assert got["cracked_ois"] == pytest.approx(np.max(table, axis=1)[cracked].mean())


def test_average_precision_is_that_of_scikit_learn_on_probabilities_of_as_many_levels():
    those = answers(levels=LEVELS)
    assert scores(those)["pixel_average_precision"] == pytest.approx(average_precision_score(*pooled(those)), abs=1e-12)


def test_average_precision_of_finer_probabilities_is_that_of_scikit_learn_on_their_floors():
    truth, probability = pooled(answers())
    reference = average_precision_score(truth, np.floor(probability.astype(np.float64) * LEVELS))
    assert scores(answers())["pixel_average_precision"] == pytest.approx(reference, abs=1e-12)


def test_every_level_holds_its_own_floor_as_a_float32():
    floors = (np.arange(LEVELS + 1) / LEVELS).astype(np.float32)
    for probability in (floors, np.nextafter(floors[1:], np.float32(0))):
        each = Answer(probability[None], probability[None] >= 0.5, np.ones((1, len(probability)), np.uint8))
        at = count_levels(each).true_at[: len(probability)]
        assert (at == 1).all()


@pytest.mark.parametrize(
    ("found", "truth", "value"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)], ids=["silent", "alarm", "missed", "hit"]
)
def test_ois_of_empty_pictures(found, truth, value):
    each = of_masks(line(5) if found else blank(), line(5) if truth else blank())
    assert scores([each])["ois"] == value


def test_without_a_crack_pooled_scores_are_undefined():
    got = scores([of_masks(line(5), blank())])
    assert np.isnan([got["ods"], got["pixel_average_precision"], got["cracked_ois"]]).all()
