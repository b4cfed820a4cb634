"""Sets judged picture by picture: from labels of pixels or of whole pictures to the three files."""

import csv
import json
import re

import cv2
import numpy as np
import pytest

from crackwise.cascade import Cascade
from crackwise.data.folder import Item, open_items
from crackwise.data.masks import Mask
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.classification import PICTURE_SCORES
from crackwise.evaluation.evaluate import evaluate, evaluate_each
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import scores_in
from crackwise.evaluation.pictures import are_of_whole_pictures, label_of
from crackwise.evaluation.sets import evaluate_sets
from crackwise.predictor import ModelCard

JUDGED = Question(per_picture=True)


class Dark:
    """A classifier by the darkest pixel: its answer is the same everywhere."""

    sha256, runtime, precision = "0" * 64, "test", "f32"

    def __init__(self, **card):
        self.card = ModelCard(name="dark", version="1", **({"threshold": 0.6} | card))

    def __call__(self, pixels):
        level = np.float32(1 - pixels.min() / 255)
        return np.full((len(self.card.classes), *pixels.shape[:2]), level)


def picture(folder, stem, grey):
    """A wall with one pixel of that grey."""
    pixels = np.full((20, 30, 3), 230, np.uint8)
    pixels[4, 5] = grey
    cv2.imwrite(str(folder / f"{stem}.png"), pixels)
    return folder / f"{stem}.png"


def whole(folder, stem, grey, *, cracked):
    path = picture(folder, stem, grey)
    return Item(path, Mask("somewhere" if cracked else "none", path, label="crack"), f"walls/{stem}", stem[0])


def by_mask(folder, stem, grey, label):
    mask = np.full((20, 30), label[0], np.uint8)
    mask[10, 10] = label[1]
    cv2.imwrite(str(folder / f"{stem}-mask.png"), mask)
    return Item(picture(folder, stem, grey), Mask("png", folder / f"{stem}-mask.png"), f"walls/{stem}", stem[0])


@pytest.fixture
def wholes(tmp_path):
    """Two cracked pictures found and one missed, one crack-free one right and one wrong; of four photographs."""
    drawn = [("a1", 0, True), ("a2", 10, True), ("b", 200, True), ("c", 220, False), ("d", 30, False)]
    return [whole(tmp_path, stem, grey, cracked=cracked) for stem, grey, cracked in drawn]


@pytest.fixture
def masked(tmp_path):
    """The same by masks, the crack one pixel, elsewhere than what the model looks at."""
    drawn = [("a1", 0, 255), ("a2", 10, 255), ("b", 200, 255), ("c", 220, 0), ("d", 30, 0)]
    return [by_mask(tmp_path, stem, grey, (0, mark)) for stem, grey, mark in drawn]


def test_a_set_of_whole_pictures_is_judged_and_nothing_else(wholes):
    evaluation = evaluate(Dark(), wholes)
    judgement = evaluation.judgements["all"]
    assert evaluation.scores == {}
    counts = judgement.counts
    assert (counts.true_positives, counts.false_negatives) == (2, 1)
    assert (counts.true_negatives, counts.false_positives) == (1, 1)
    assert judgement.estimates["accuracy"].value == pytest.approx(3 / 5)
    assert judgement.estimates["auroc"].value == pytest.approx(5 / 6)
    assert (judgement.estimates["accuracy"].pictures, judgement.estimates["accuracy"].photographs) == (5, 4)
    assert [verdict.label for verdict in evaluation.verdicts] == [1, 1, 1, 0, 0]
    assert evaluation.verdicts[1].score == pytest.approx(1 - 10 / 255)


def test_a_set_of_masks_is_judged_where_asked_for_beside_its_pixels(masked, wholes):
    plain, asked = evaluate(Dark(), masked), evaluate(Dark(), masked, question=JUDGED)
    assert plain.judgements == {}
    assert asked.scores == plain.scores
    assert asked.judgements["all"].estimates == evaluate(Dark(), wholes).judgements["all"].estimates


def test_the_threshold_is_the_cards_unless_one_is_given(wholes):
    given = evaluate(Dark(), wholes, threshold=0.2)
    assert (given.threshold, given.threshold_source) == (0.2, "given")
    assert given.judgements["all"].estimates["recall"].value == 1


def test_leaking_pictures_are_in_one_subset_and_not_in_the_other(wholes):
    leaks = Leaks(frozenset({"walls/d"}), ("walls:train",))
    judgements = evaluate(Dark(), wholes, leaks=leaks).judgements
    assert judgements["all"].estimates["accuracy"].value == pytest.approx(3 / 5)
    assert judgements["unleaked"].estimates["accuracy"].value == pytest.approx(3 / 4)


def test_negative_prompts_take_every_picture_for_one_without(masked):
    judged = evaluate(Dark(), masked, question=JUDGED._replace(class_name="crack", absent=True)).judgements["all"]
    assert judged.counts.false_positives == 3
    assert judged.undefined["auroc"] == "no picture is cracked"


@pytest.mark.parametrize(
    ("kind", "label", "plane", "expected"),
    [
        ("png", None, [0, 1], 1),
        ("png", None, [255, 1], 1),
        ("png", None, [255, 0], 0),
        ("png", None, [255, 255], None),
        ("none", None, [0, 0], 0),
        ("somewhere", None, [255, 255], 1),
        ("somewhere", "crack", [255, 255], 1),
        ("somewhere", "drywall joint", [255, 255], None),
        ("somewhere", None, [0, 0], 0),
    ],
)
def test_the_label_of_a_picture_follows_from_its_pixels_or_its_kind(tmp_path, kind, label, plane, expected):
    assert label_of(Mask(kind, tmp_path, label=label), np.array([plane], np.uint8), "crack") == expected


def test_a_set_without_a_crack_is_no_set_of_whole_pictures(wholes):
    assert are_of_whole_pictures(wholes)
    assert not are_of_whole_pictures(wholes[3:])
    assert evaluate(Dark(), wholes[3:]).scores["all"]["false_alarm_share"].pictures == 2


def test_the_catalogues_sets_of_whole_pictures_are_opened_and_judged(tmp_path):
    for name, grey in (("Positive", 0), ("Negative", 220)):
        (tmp_path / "ccic" / name).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(tmp_path / "ccic" / name / f"{i:05}.jpg"), np.full((16, 16, 3), grey, np.uint8))
    judged = evaluate(Dark(), open_items("ccic", tmp_path)).judgements["all"]
    assert (judged.counts.true_positives, judged.counts.true_negatives) == (3, 3)


def test_masks_cannot_be_opened_where_there_are_none(wholes, masked, tmp_path):
    with pytest.raises(DataError, match="of whole pictures; leave out --open-close"):
        evaluate(Dark(), wholes, question=Question(open_close=True))
    asked = JUDGED._replace(open_close=True)
    plain, opened = evaluate_sets(Dark(), {"walls": masked}, tmp_path / "out", question=asked).values()
    assert (list(plain.judgements), list(opened.judgements)) == (["all"], [])


def test_what_is_labelled_for_something_else_is_refused(wholes):
    with pytest.raises(DataError, match="labelled for 'drywall joint': nothing to score"):
        evaluate(Dark(classes=("drywall joint",)), [wholes[0]])


@pytest.fixture
def written(wholes, masked, tmp_path):
    leaks = {"whole": Leaks(frozenset({"walls/d"}), ("walls:train",))}
    sets = {"whole": wholes, "masked": masked, "clean": masked[3:]}
    evaluate_sets(Dark(), sets, tmp_path / "out", question=JUDGED, leaks=leaks)
    return tmp_path / "out"


def test_the_record_holds_counts_scores_reasons_and_the_reliability_diagram(written):
    record = json.loads((written / "scores.json").read_text())
    assert set(record["picture_protocols"]) == set(PICTURE_SCORES)
    judged = record["sets"]["whole"]["judgements"]
    assert list(judged) == ["all", "unleaked"]
    assert record["sets"]["whole"]["subsets"] == {}
    whole_set = judged["all"]
    assert whole_set["confusion"] == {
        "true_negatives": 1,
        "false_positives": 1,
        "false_negatives": 1,
        "true_positives": 2,
    }
    assert (whole_set["pictures"], whole_set["photographs"], whole_set["cracked_pictures"]) == (5, 4, 3)
    assert len(whole_set["reliability"]) == 15
    assert sum(each["pictures"] for each in whole_set["reliability"]) == 5
    assert whole_set["reliability"][5]["mean_score"] is None
    clean = record["sets"]["clean"]["judgements"]["all"]
    assert clean["scores"]["auroc"]["value"] is None
    assert clean["undefined"]["auroc"] == "no picture is cracked"
    assert record["cascade"] is None


def test_the_table_has_a_row_for_every_score_of_pixels_and_of_pictures(written):
    record = json.loads((written / "scores.json").read_text())
    with (written / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(scores_in("mask")) + 4 * len(PICTURE_SCORES)
    of_pictures = [row for row in rows if row["averaging"] == "whole pictures"]
    assert len(of_pictures) == 4 * len(PICTURE_SCORES)
    for row in of_pictures:
        known = record["sets"][row["set"]]["judgements"][row["subset"]]["scores"][row["score"]]
        for key in ("value", "low", "high", "pictures", "photographs"):
            assert row[key] == ("" if known[key] is None else str(known[key]))
        assert (row["over"], row["tolerance_px"]) == (PICTURE_SCORES[row["score"]].over, "")


def test_the_page_shows_counts_reasons_charts_and_the_worst_mistakes(written):
    page = (written / "report.html").read_text()
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "is cracked 2 found 1 missed is crack-free 1 false alarms 1 left alone" in text
    assert "AUROC; average precision" in text
    assert page.count('class="reliability"') == 4
    assert "walls/b: cracked, score 0.216" in text
    assert "walls/d: crack-free, score 0.882" in text
    assert text.index("walls/b: cracked") < text.index("walls/d: crack-free")
    for row in PICTURE_SCORES.values():
        assert row.definition in text
    assert "nan" not in text.split()


def test_a_page_of_whole_pictures_alone_speaks_of_no_pixels(wholes, tmp_path):
    evaluate_sets(Dark(), {"whole": wholes[1:4]}, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "crack IoU" not in text
    assert "tolerance" not in text


def test_a_cascade_is_judged_and_says_how_much_it_segmented(wholes, tmp_path):
    cascade = Cascade(Dark(threshold=0.9), Dark())
    both = evaluate_each(cascade, wholes, (Question(), JUDGED))
    assert [evaluation.triage for evaluation in both] == [(5, 2, 5 * 600, 2 * 600)] * 2
    assert both[0].judgements["all"].counts.false_positives == 0
    evaluate_sets(cascade, {"whole": wholes}, tmp_path)
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["cascade"]["screen"]["threshold"] == 0.9
    assert record["sets"]["whole"]["triage"] == {"parts": 5, "suspected": 2, "segmented_share": 0.4}
    text = " ".join((tmp_path / "report.html").read_text().split())
    assert "2 of 5 parts were suspected, 40 % of the area segmented" in text
    assert "on which dark 1 reaches 0.9" in text
