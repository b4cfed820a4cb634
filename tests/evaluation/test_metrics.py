import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from crackwise.evaluation.metrics import scores_in, scores_of
from crackwise.tally import Tally, tally

SCORES = scores_in("mask")
REFERENCES = {"crack_iou": jaccard_score, "f1": f1_score, "precision": precision_score, "recall": recall_score}


def pictures(seed, count=6, shape=(37, 53)):
    """Predictions and targets as blobs that overlap in part, one target empty, a band of each not labelled."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        truth = ndimage.gaussian_filter(rng.normal(size=shape), 2) > (0.12 if number else 9)
        predicted = ndimage.gaussian_filter(truth + 0.7 * rng.normal(size=shape), 1.2) > 0.42
        target = truth.astype(np.uint8)
        target[:, rng.integers(0, 40) :][:, :5] = 255
        yield predicted, target


def added(pairs):
    return Tally(*np.sum([tally(predicted, target) for predicted, target in pairs], axis=0))


def mask(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def target(*rows):
    return np.array([[{"#": 1, ".": 0, "?": 255}[pixel] for pixel in row] for row in rows], np.uint8)


def flat(pairs):
    """All labelled pixels of the pictures in one row: truth and prediction."""
    return tuple(np.concatenate(rows) for rows in zip(*((t[t < 255], p[t < 255]) for p, t in pairs), strict=True))


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("seed", range(5))
def test_pooled_scores_are_those_of_scikit_learn_over_all_labelled_pixels(name, seed):
    pairs = list(pictures(seed))
    assert scores_of(added(pairs))[f"pooled_{name}"] == pytest.approx(REFERENCES[name](*flat(pairs)), abs=1e-12)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("seed", range(5))
def test_scores_per_image_are_means_of_those_of_scikit_learn(name, seed):
    pairs = list(pictures(seed))
    by_picture = [REFERENCES[name](*flat([pair]), zero_division=0) for pair in pairs[1:]]
    silent = float(not flat(pairs[:1])[1].any())
    scores = scores_of(added(pairs))
    assert scores[f"cracked_{name}"] == pytest.approx(np.mean(by_picture), abs=1e-12)
    assert scores[f"per_image_{name}"] == pytest.approx(np.mean([silent, *by_picture]), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_two_class_miou_is_the_macro_average_of_scikit_learn(seed):
    pairs = list(pictures(seed))
    reference = jaccard_score(*flat(pairs), average="macro")
    assert scores_of(added(pairs))["two_class_miou"] == pytest.approx(reference, abs=1e-12)


def near_by_hand(these, those, tolerance_px):
    """How many pixels of one mask have one of the other at most so far away, pair by pair."""
    a, b = np.argwhere(these), np.argwhere(those)
    return sum(any((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 <= tolerance_px**2 for q in b) for p in a)


@pytest.mark.parametrize("tolerance_px", [2, 5])
def test_tolerant_scores_are_those_counted_pair_by_pair(tolerance_px):
    pairs = list(pictures(7, count=3, shape=(24, 30)))
    masks = [(p & (t < 255), t == 1) for p, t in pairs]
    precision = sum(near_by_hand(p, t, tolerance_px) for p, t in masks) / sum(p.sum() for p, _ in masks)
    recall = sum(near_by_hand(t, p, tolerance_px) for p, t in masks) / sum(t.sum() for _, t in masks)
    scores = scores_of(added(pairs))
    assert scores[f"precision@{tolerance_px}"] == pytest.approx(precision)
    assert scores[f"recall@{tolerance_px}"] == pytest.approx(recall)
    assert scores[f"f1@{tolerance_px}"] == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("tolerance_px", [2, 5])
def test_tolerant_counts_are_those_of_an_exact_distance_transform(tolerance_px):
    for p, t in pictures(11, shape=(90, 140)):
        predicted, truth, counted = p & (t < 255), t == 1, tally(p, t)
        far = np.inf
        to_truth = ndimage.distance_transform_edt(~truth) if truth.any() else np.full(truth.shape, far)
        to_predicted = ndimage.distance_transform_edt(~predicted) if predicted.any() else np.full(truth.shape, far)
        assert getattr(counted, f"predicted_near_{tolerance_px}") == (predicted & (to_truth <= tolerance_px)).sum()
        assert getattr(counted, f"true_near_{tolerance_px}") == (truth & (to_predicted <= tolerance_px)).sum()


@pytest.mark.parametrize(
    ("offset", "within_2", "within_5"), [((0, 2), 1, 1), ((1, 2), 0, 1), ((3, 4), 0, 1), ((1, 5), 0, 0)]
)
def test_tolerance_is_a_round_disk_that_holds_its_rim(offset, within_2, within_5):
    truth, predicted = np.zeros((20, 20), np.uint8), np.zeros((20, 20), bool)
    truth[8, 8] = 1
    predicted[8 + offset[0], 8 + offset[1]] = True
    scores = scores_of(tally(predicted, truth))
    assert (scores["f1@2"], scores["f1@5"]) == (within_2, within_5)


def test_a_toy_set_by_hand_pooled_per_image_and_two_class():
    pairs = [
        (mask("##..", "...."), target("#...", "....")),  # TP 1, FP 1
        (mask("....", "...."), target("####", "....")),  # FN 4
        (mask("....", "...."), target("....", "....")),  # silent on a crack-free picture
        (mask("...#", "...."), target("....", "....")),  # FP 1 on a crack-free picture
    ]
    scores = scores_of(added(pairs))
    expected = {
        "pooled_crack_iou": 1 / 7,
        "pooled_f1": 2 / 8,
        "pooled_precision": 1 / 3,
        "pooled_recall": 1 / 5,
        "per_image_crack_iou": (1 / 2 + 0 + 1 + 0) / 4,
        "per_image_f1": (2 / 3 + 0 + 1 + 0) / 4,
        "per_image_precision": (1 / 2 + 0 + 1 + 0) / 4,
        "per_image_recall": (1 + 0 + 1 + 0) / 4,
        "cracked_crack_iou": (1 / 2 + 0) / 2,
        "cracked_f1": (2 / 3 + 0) / 2,
        "cracked_precision": (1 / 2 + 0) / 2,
        "cracked_recall": (1 + 0) / 2,
        "two_class_miou": (1 / 7 + 25 / 31) / 2,
        "f1@2": 2 * (2 / 3) * (1 / 5) / (2 / 3 + 1 / 5),
        "precision@2": 2 / 3,
        "recall@2": 1 / 5,
        "f1@5": 2 * (2 / 3) * (1 / 5) / (2 / 3 + 1 / 5),
        "precision@5": 2 / 3,
        "recall@5": 1 / 5,
        "area_ratio": 3 / 5,
        "false_alarm_share": 1 / 2,
        "false_alarm_share_50px": 0,
        "false_alarm_px_per_megapixel": 1e6 / 16,
    }
    assert set(expected) == set(SCORES)
    assert scores == {name: pytest.approx(value) for name, value in expected.items()}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(
    ("predicted", "truth", "score"), [("..", "..", 1), ("#.", "..", 0), ("..", "#.", 0), ("#.", "#.", 1)]
)
def test_both_empty_counts_one_and_exactly_one_empty_counts_zero(name, predicted, truth, score):
    assert scores_of(tally(mask(predicted), target(truth)))[f"per_image_{name}"] == score


def test_pixels_without_a_label_count_nowhere():
    rng = np.random.default_rng(3)
    predicted, truth = rng.random((30, 40)) < 0.3, (rng.random((30, 40)) < 0.2).astype(np.uint8)
    hidden = truth.copy()
    hidden[:, :10] = 255
    noisy = predicted.copy()
    noisy[:, :10] = rng.random((30, 10)) < 0.5
    assert tally(noisy, hidden) == tally(predicted, hidden)
    assert tally(predicted[:, 10:], truth[:, 10:])[:4] == tally(noisy, hidden)[:4]


def test_a_picture_without_any_label_is_a_tally_of_zeros():
    assert not any(tally(np.ones((4, 4), bool), np.full((4, 4), 255, np.uint8)))


def test_no_false_alarm_grows_out_of_the_part_without_labels():
    predicted, truth = np.ones((10, 20), bool), np.full((10, 20), 255, np.uint8)
    truth[:, :4] = 0
    assert tally(predicted, truth).crack_free_predicted_px == 40
    assert tally(predicted, truth).large_alarms == 0


def test_crack_scores_of_pictures_without_cracks_are_undefined():
    scores = scores_of(tally(mask("#..."), target("....")))
    undefined = {name for name, value in scores.items() if np.isnan(value)}
    over_all = {n for n in SCORES if n.startswith(("pooled_", "cracked_")) or "@" in n}
    assert undefined == over_all | {"two_class_miou", "area_ratio"}


def test_false_alarm_scores_without_a_crack_free_picture_are_undefined():
    scores = scores_of(tally(mask("#..."), target("#...")))
    assert {name for name, value in scores.items() if np.isnan(value)} == {n for n in SCORES if "false_alarm" in n}


def test_predicting_nothing_scores_zero_but_has_no_precision():
    scores = scores_of(tally(mask("...."), target("##..")))
    assert scores["pooled_f1"] == scores["f1@2"] == scores["pooled_recall"] == scores["area_ratio"] == 0
    assert np.isnan([scores["pooled_precision"], scores["precision@2"], scores["precision@5"]]).all()


def test_a_large_alarm_is_a_component_of_50_px_with_8_neighbours_as_scipy_labels_them():
    rng = np.random.default_rng(5)
    for density in (0.05, 0.2, 0.3, 0.35, 0.4, 0.5):
        predicted = rng.random((40, 40)) < density
        parts, _ = ndimage.label(predicted, np.ones((3, 3)))
        large = np.bincount(parts.ravel())[1:].max() >= 50
        assert tally(predicted, np.zeros((40, 40), np.uint8)).large_alarms == large


@pytest.mark.parametrize(("side", "alarm"), [(49, 0), (50, 1)])
def test_a_diagonal_line_is_one_component(side, alarm):
    assert tally(np.eye(60, dtype=bool) & (np.arange(60) < side), np.zeros((60, 60), np.uint8)).large_alarms == alarm


def test_every_score_says_how_it_is_averaged_over_which_pictures_with_what_tolerance():
    for name, score in SCORES.items():
        assert score.protocol.tolerance_px == int(name.partition("@")[2] or 0)
        assert (score.protocol.averaging == "per image") == name.startswith(
            ("per_image", "cracked", "false_alarm_share")
        )
        assert (score.protocol.over == "crack-free") == name.startswith("false_alarm")


def test_pooled_scores_are_those_that_training_chooses_its_threshold_by():
    validation = pytest.importorskip("crackwise.training.validation")
    counts, rng, pairs = validation.SetCounts(), np.random.default_rng(0), []
    for predicted, labels in pictures(4):
        probability = (predicted * rng.uniform(0.4, 1, labels.shape)).astype(np.float32)
        counts.add(probability, labels)
        pairs.append((probability >= 0.6, labels))
    scores = scores_of(added(pairs))
    chosen_by = validation.validation_scores(counts, at=0.6)
    for ours, theirs in (("pooled_crack_iou", "iou"), ("pooled_f1", "f1"), ("f1@2", "f1@2")):
        assert scores[ours] == pytest.approx(chosen_by[theirs])
