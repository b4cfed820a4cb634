"""Models under a suite of conditions: what is summed up, kept and shown."""

import csv
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from crackwise.data.folder import open_items
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.robustness.bench import measure_robustness
from crackwise.evaluation.robustness.kept import open_kept
from crackwise.evaluation.robustness.run import look_at
from crackwise.evaluation.robustness.suite import Plan, conditions_of
from crackwise.predictor import ModelCard


class DarkIsCrack:
    """A predictor that takes darkness for cracks; it may be stopped after so many pictures."""

    runtime = "test"
    precision = "f32"

    def __init__(self, threshold=0.6, stops_after=None):
        self.card = ModelCard(name="<dark>", version="1", threshold=threshold)
        self.sha256 = f"{threshold:064}"
        self.seen = 0
        self.stops_after = stops_after

    def __call__(self, pixels):
        if self.seen == self.stops_after:
            raise KeyboardInterrupt
        self.seen += 1
        return (1 - pixels.mean(axis=2, dtype=np.float32) / 255)[None]


@pytest.fixture
def items(drawn_set):
    return open_items(f"{drawn_set}:val")


PLAN = Plan(
    conditions_of("corruptions", ("fog", "rotation", "dark"), (1, 5)), ("pooled_crack_iou", "false_alarm_share")
)


def test_a_suite_holds_every_noise_at_every_level():
    assert len(conditions_of("corruptions")) == 16 * 5
    assert len(conditions_of("corruptions", severities=(1, 3, 5))) == 16 * 3
    with pytest.raises(DataError, match="no severity 9; severities are 1, 2, 3, 4, 5"):
        conditions_of("corruptions", severities=(1, 9))
    assert [each.name for each in conditions_of("cracksam", severities=(2,))] == ["dark", "blur"]
    assert [each.level for each in conditions_of("blur", severities=(2,))] == list(range(1, 22, 2))
    assert [each.name for each in conditions_of("blur", ("dark", "fog:2", "jpeg"), (4,))] == ["dark", "fog:2", "jpeg:4"]
    with pytest.raises(DataError, match="write one of fog:1"):
        conditions_of("corruptions", ("fog:6",))
    with pytest.raises(DataError, match="No noise named 'mist'"):
        conditions_of("corruptions", ("mist",))


def test_scores_are_those_of_evaluate_under_the_same_noise(items, tmp_path):
    record = measure_robustness({"m": DarkIsCrack()}, {"walls": items}, PLAN, tmp_path)
    scores = record["sets"]["walls"]["models"]["m"]["scores"]["pooled_crack_iou"]
    clean = evaluate(DarkIsCrack(), items).scores["all"]["pooled_crack_iou"]
    assert scores["clean"] == {name: round(value, 6) for name, value in clean._asdict().items()}
    for name in ("fog:1", "rotation:5", "dark"):
        worse = evaluate(DarkIsCrack(), items, question=Question(noise=name)).scores["all"]["pooled_crack_iou"]
        assert scores["conditions"][name]["value"] == round(worse.value, 6)
        assert scores["conditions"][name]["relative"]["value"] == pytest.approx(worse.value / clean.value, abs=1e-5)


def test_scores_of_any_family_can_be_asked_for(items, tmp_path):
    plan = Plan(conditions_of("cracksam", ("dark",)), ("ods", "breaks_per_crack"))
    asked = Question(noise="dark", families=("levels", "connectivity"))
    worse = evaluate(DarkIsCrack(), items, question=asked).scores["all"]
    for _ in ("asked", "kept"):
        record = measure_robustness({"m": DarkIsCrack()}, {"walls": items}, plan, tmp_path)
        scores = record["sets"]["walls"]["models"]["m"]["scores"]
        for name in plan.scores:
            assert scores[name]["conditions"]["dark"]["value"] == round(worse[name].value, 6)
        assert scores["breaks_per_crack"]["mean"]["relative"] is None


def test_the_mean_is_over_levels_then_noises_and_relative_to_clean(items, tmp_path):
    record = measure_robustness({"m": DarkIsCrack()}, {"walls": items}, PLAN, tmp_path)
    scores = record["sets"]["walls"]["models"]["m"]["scores"]["pooled_crack_iou"]
    at = {name: held["value"] for name, held in scores["conditions"].items()}
    fog, rotation = (at["fog:1"] + at["fog:5"]) / 2, (at["rotation:1"] + at["rotation:5"]) / 2
    assert scores["noises"]["fog"]["value"] == pytest.approx(fog, abs=1e-6)
    assert scores["mean"]["value"] == pytest.approx((fog + rotation + at["dark"]) / 3, abs=1e-6)
    assert scores["mean"]["relative"]["value"] == pytest.approx(
        scores["mean"]["value"] / scores["clean"]["value"], abs=1e-5
    )
    assert scores["mean"]["low"] <= scores["mean"]["value"] <= scores["mean"]["high"]
    assert scores["corruption_error"] is None
    alarms = record["sets"]["walls"]["models"]["m"]["scores"]["false_alarm_share"]
    assert (alarms["clean"]["value"], alarms["conditions"]["dark"]["value"]) == (0, 0)
    assert alarms["mean"]["relative"] is None


def test_the_corruption_error_is_relative_to_the_first_model(items, tmp_path):
    models = {"first": DarkIsCrack(), "again": DarkIsCrack(), "other": DarkIsCrack(0.45)}
    record = measure_robustness(models, {"walls": items}, PLAN, tmp_path)
    assert record["baseline"] == "first"
    of = {name: each["scores"]["pooled_crack_iou"] for name, each in record["sets"]["walls"]["models"].items()}
    assert of["first"]["corruption_error"]["value"] == of["again"]["corruption_error"]["value"] == 1
    errors = [
        sum(1 - of["other"]["conditions"][name]["value"] for name in names)
        / sum(1 - of["first"]["conditions"][name]["value"] for name in names)
        for names in (("fog:1", "fog:5"), ("rotation:1", "rotation:5"), ("dark",))
    ]
    assert of["other"]["corruption_error"]["value"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_an_unharmed_model_has_a_ratio_of_one_without_doubt(items, tmp_path):
    class Knows(DarkIsCrack):
        def __call__(self, pixels):
            return np.full((1, *pixels.shape[:2]), 0.9, np.float32)

    plan = Plan(conditions_of("cracksam"), ("pooled_crack_iou",))
    record = measure_robustness({"m": Knows()}, {"walls": items}, plan, tmp_path)
    mean = record["sets"]["walls"]["models"]["m"]["scores"]["pooled_crack_iou"]["mean"]
    assert mean["relative"]["value"] == 1
    assert (mean["relative"]["low"], mean["relative"]["high"]) in ((1, 1), (None, None))
    assert mean["low"] < mean["value"] < mean["high"]


def test_a_run_that_was_killed_goes_on_and_ends_as_an_unbroken_one(items, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    measure_robustness({"m": DarkIsCrack()}, {"walls": items}, PLAN, whole)
    with pytest.raises(KeyboardInterrupt):
        measure_robustness({"m": DarkIsCrack(stops_after=9)}, {"walls": items}, PLAN, broken)
    assert not (broken / "robustness.json").exists()
    model, told = DarkIsCrack(), []
    measure_robustness({"m": model}, {"walls": items}, PLAN, broken, told=lambda: told.append(1))
    assert len(told) == 4 * 6
    assert model.seen == 4 * 6 - 9
    for name in ("robustness.json", "robustness.csv", "report.html"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()


def test_only_what_is_missing_is_asked_for(items, tmp_path):
    def asked(plan, threshold=0.6):
        model = DarkIsCrack(threshold)
        look_at(model, items[:2], plan, kept_in=tmp_path)
        return model.seen

    assert asked(PLAN) == 2 * 6
    assert asked(PLAN) == 0
    assert asked(PLAN._replace(conditions=(*PLAN.conditions, *conditions_of("blur", ("jpeg:3",))))) == 2
    assert asked(PLAN, threshold=0.5) == 2 * 6
    assert asked(PLAN._replace(seed=1)) == 2 * 6
    of_other_families = PLAN._replace(conditions=PLAN.conditions[:1], scores=("ods", "pooled_cldice"))
    assert asked(of_other_families) == 2 * 2
    assert asked(of_other_families) == 0


def test_a_label_that_was_corrected_is_looked_at_again(items, tmp_path):
    model = DarkIsCrack()
    look_at(model, items, PLAN, kept_in=tmp_path)
    path = items[1].mask.path
    cv2.imwrite(str(path), np.zeros_like(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    looks = look_at(model, items, PLAN, kept_in=tmp_path)
    assert model.seen == 5 * 6
    assert sum(each.crack_free for each in looks.clean) == 2


def test_a_kept_file_that_something_else_has_written_counts_for_nothing(tmp_path):
    kept = open_kept(tmp_path, {"picture": "a"})
    for content in ("", "[]", '{"key": {"picture": "a"}, "counts": {"clean": {"mask": [1, 2]}}}'):
        kept.path.write_text(content)
        assert open_kept(tmp_path, {"picture": "a"}).counts == {}


def test_the_files_hold_every_condition_and_what_was_asked(items, tmp_path):
    plan = PLAN._replace(pictures=3)
    models = {"one": DarkIsCrack(), "two": DarkIsCrack(0.5)}
    record = measure_robustness(models, {"walls": items}, plan, tmp_path)
    assert record == json.loads((tmp_path / "robustness.json").read_text())
    assert record["schema"] == "crackwise.robustness/1"
    of_set = record["sets"]["walls"]
    assert (len(of_set["pictures"]), of_set["pictures_in_set"], of_set["photographs"]) == (3, 4, 3)
    assert record["conditions"]["fog:5"] == {"noise": "fog", "level": 5, "parameter": 1.7}
    assert record["conditions"]["dark"]["parameter"] is None
    rows = list(csv.DictReader((tmp_path / "robustness.csv").read_text().splitlines()))
    named = [row["condition"] for row in rows if (row["model"], row["score"]) == ("two", "pooled_crack_iou")]
    assert named[:2] == ["clean", "fog:1"]
    assert named[-4:] == ["mean of fog", "mean of rotation", "mean of dark", "mean"]
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2 - (of_set["crack_free"] == 0)
    assert page.count("data:image/jpeg") == 3
    assert "&lt;dark&gt;" in page
    assert "<dark>" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_a_set_that_is_not_labelled_pixel_by_pixel_is_refused(items, tmp_path):
    whole = [item._replace(mask=replace(item.mask, kind="somewhere", path=item.image)) for item in items]
    with pytest.raises(DataError, match="labelled pixel by pixel"):
        measure_robustness({"m": DarkIsCrack()}, {"walls": whole}, PLAN, tmp_path)
    with pytest.raises(DataError, match="no picture"):
        measure_robustness({"m": DarkIsCrack()}, {"walls": []}, PLAN, tmp_path)
