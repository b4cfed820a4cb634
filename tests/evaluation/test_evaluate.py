import csv
import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from crackwise.data.folder import Item, open_items
from crackwise.data.masks import Mask
from crackwise.errors import CrackwiseError, DataError, ImageError, ModelError
from crackwise.evaluation.answers.view import Question, view
from crackwise.evaluation.compare.kept import read_kept
from crackwise.evaluation.evaluate import evaluate, evaluate_each
from crackwise.evaluation.leaks import Leaks, find_leaks
from crackwise.evaluation.metrics import SCORES, scores_in
from crackwise.evaluation.noise import noise_named
from crackwise.evaluation.sets import evaluate_sets
from crackwise.predictor import DataTerms, ModelCard


class DarkIsCrack:
    """A predictor that takes darkness for cracks."""

    sha256 = "0" * 64
    runtime = "test"
    precision = "f32"

    def __init__(self, card=None):
        self.card = card or ModelCard(name="dark", version="1", classes=("joint", "crack"), threshold=0.6)

    def __call__(self, pixels):
        darkness = 1 - pixels.mean(axis=2, dtype=np.float32) / 255
        return np.stack([np.zeros_like(darkness), darkness])


def draw(folder, part, stem, *, crack=True, stain=False, seed=0):
    """A wall of 60x80 px, its crack 3 px wide, perhaps a dark stain of 8x8 px that is none."""
    pixels = np.random.default_rng(seed).integers(190, 210, (60, 80, 3), dtype=np.uint8)
    label = np.zeros((60, 80), np.uint8)
    if crack:
        pixels[30:33] = 20
        label[30:33] = 255
    if stain:
        pixels[5:13, 10:18] = 20
    for kind, content in (("images", pixels), ("masks", label)):
        (folder / kind / part).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / part / f"{stem}.png"), content)


def item(folder, stem, group, part="test"):
    images, masks = folder / "images" / part, folder / "masks" / part
    return Item(images / f"{stem}.png", Mask("png", masks / f"{stem}.png"), f"walls/{part}/{stem}", group)


@pytest.fixture
def walls(tmp_path):
    """Five pictures of four photographs: perfect, perfect, with a stain, silent, and a stain only."""
    folder = tmp_path / "walls"
    draw(folder, "test", "a1", seed=1)
    draw(folder, "test", "a2", seed=2)
    draw(folder, "test", "b", stain=True, seed=3)
    draw(folder, "test", "c", crack=False, seed=4)
    draw(folder, "test", "d", crack=False, stain=True, seed=5)
    return folder


@pytest.fixture
def items(walls):
    return [item(walls, "a1", "a"), item(walls, "a2", "a"), *(item(walls, stem, stem) for stem in "bcd")]


def test_a_predictor_is_scored_on_the_pictures_of_a_folder(items):
    scores = evaluate(DarkIsCrack(), items).scores["all"]
    true_px, stain_px = 3 * 240, 64
    assert scores["pooled_crack_iou"].value == pytest.approx(true_px / (true_px + 2 * stain_px))
    assert scores["pooled_recall"].value == 1
    assert scores["area_ratio"].value == pytest.approx(1 + 2 * stain_px / true_px)
    assert scores["per_image_crack_iou"].value == pytest.approx((1 + 1 + 240 / 304 + 1 + 0) / 5)
    assert scores["cracked_crack_iou"].value == pytest.approx((1 + 1 + 240 / 304) / 3)
    assert scores["false_alarm_share_50px"].value == 0.5
    assert scores["false_alarm_px_per_megapixel"].value == pytest.approx(1e6 * 64 / 9600)
    assert (scores["pooled_f1"].pictures, scores["pooled_f1"].photographs) == (5, 3)


def test_the_threshold_is_the_cards_unless_one_is_given(items):
    by_card, given = evaluate(DarkIsCrack(), items), evaluate(DarkIsCrack(), items, threshold=0.99)
    assert (by_card.threshold, by_card.threshold_source) == (0.6, "card")
    assert (given.threshold, given.threshold_source) == (0.99, "given")
    assert given.scores["all"]["pooled_recall"].value == 0


def test_a_pixel_at_the_threshold_is_crack(items):
    class Flat(DarkIsCrack):
        def __call__(self, pixels):
            return np.full((2, *pixels.shape[:2]), 0.6, np.float32)

    assert evaluate(Flat(), items).scores["all"]["pooled_recall"].value == 1


def test_the_class_that_the_set_labels_is_scored_or_the_one_asked_for(items):
    class AllJoint(DarkIsCrack):
        def __call__(self, pixels):
            return np.stack([np.ones(pixels.shape[:2], np.float32), np.zeros(pixels.shape[:2], np.float32)])

    joints = [i._replace(mask=replace(i.mask, label="joint")) for i in items]
    assert evaluate(AllJoint(), items).question.class_name == "crack"
    assert evaluate(AllJoint(), joints).question.class_name == "joint"
    assert evaluate(AllJoint(), joints).scores["all"]["pooled_recall"].value == 1
    with pytest.raises(ModelError, match="knows no class 'stain'"):
        evaluate(AllJoint(), items, question=Question("stain"))


def test_a_negative_prompt_counts_all_that_is_drawn_as_false(items):
    asked = Question("crack", absent=True)
    scores = evaluate(DarkIsCrack(), items, question=asked).scores["all"]
    assert scores["false_alarm_share_50px"].value == 4 / 5
    assert scores["false_alarm_share_50px"].pictures == 5


def test_opened_and_closed_masks_lose_what_is_thin_and_stand_beside_the_plain(items, tmp_path):
    class Thin(DarkIsCrack):
        def __call__(self, pixels):
            maps = super().__call__(pixels)
            maps[:, 32] = 0  # two of three rows are left
            return maps

    evaluations = evaluate_sets(Thin(), {"walls": items}, tmp_path / "out", question=Question(open_close=True))
    assert list(evaluations) == ["walls", "walls, opened and closed 3x3"]
    plain, opened = (evaluation.scores["all"]["pooled_recall"].value for evaluation in evaluations.values())
    assert plain == pytest.approx(2 / 3)
    assert opened == 0


class Reader:
    """A predictor whose map of a class or phrase is as bright as its number says, and that counts its looks."""

    sha256, runtime, precision = "0" * 64, "test", "f32"

    def __init__(self, maps, prompts):
        self.levels = list(maps.values())
        self.card = ModelCard(name="reads", version="1", classes=tuple(maps), prompts=prompts, threshold=0.5)
        self.looks = 0

    def __call__(self, pixels):
        self.looks += 1
        darkness = 1 - pixels.mean(axis=2, dtype=np.float32) / 255
        return np.stack([np.minimum(darkness, level) for level in self.levels])


PROMPTS = {"joint": ("seam",), "crack": ("segment crack", "segment wall crack")}


def test_every_phrase_of_the_class_is_scored_beside_it(items, tmp_path):
    reads = Reader({"joint": 0, "crack": 1}, PROMPTS)
    phrases = Reader({"seam": 0, "segment crack": 1, "segment wall crack": 0.4}, {})
    asked = Question(open_close=True)
    evaluations = evaluate_sets(reads, {"walls": items}, tmp_path / "out", question=asked, by_phrase=phrases)
    recalls = {name: evaluation.scores["all"]["pooled_recall"].value for name, evaluation in evaluations.items()}
    assert recalls == {
        "walls": 1,
        "walls, opened and closed 3x3": 1,
        'walls, "segment crack"': 1,
        'walls, "segment crack", opened and closed 3x3': 1,
        'walls, "segment wall crack"': 0,
        'walls, "segment wall crack", opened and closed 3x3': 0,
    }
    record = json.loads((tmp_path / "out" / "scores.json").read_text())["sets"]
    assert [(each["class"], each["phrase"], each["open_close"]) for each in record.values()] == [
        ("crack", phrase, twice) for phrase in (None, *PROMPTS["crack"]) for twice in (False, True)
    ]


def test_a_negative_prompt_is_asked_phrase_by_phrase(items, tmp_path):
    reads = Reader({"joint": 0, "crack": 0}, PROMPTS)
    phrases = Reader({"seam": 1, "segment crack": 1, "segment wall crack": 0}, {})
    evaluations = evaluate_sets(
        reads, {"walls": items}, tmp_path / "out", question=Question("crack", absent=True), by_phrase=phrases
    )
    assert [each.scores["all"]["false_alarm_share_50px"].value for each in evaluations.values()] == [0, 4 / 5, 0]


def test_several_questions_take_one_look_at_each_picture(items):
    reads = Reader({"joint": 0, "crack": 1}, PROMPTS)
    questions = [Question(), Question(open_close=True), Question("crack", absent=True), Question("joint")]
    answers = evaluate_each(reads, iter(items), questions)
    assert reads.looks == len(items)
    assert [answer.question for answer in answers] == [questions[0]._replace(class_name="crack")] + [
        question._replace(class_name=question.class_name or "crack") for question in questions[1:]
    ]
    for question, answer in zip(questions, answers, strict=True):
        assert answer.tallies == evaluate(reads, items, question=question).tallies


def test_a_phrase_that_the_model_was_not_asked_is_named(items):
    with pytest.raises(ModelError, match="knows no class 'seam'; there is 'crack'"):
        evaluate(Reader({"crack": 1}, {}), items, question=Question("crack", phrase="seam"))


def test_noise_reaches_the_predictor_and_not_the_label(items):
    plain, dark = (view(DarkIsCrack(), items[0], 0.6, Question("crack", noise=noise)) for noise in (None, "dark"))
    assert np.array_equal(dark.target, plain.target)
    assert np.array_equal(dark.pixels, noise_named("dark").pixels(plain.pixels, items[0].name))
    scores = evaluate(DarkIsCrack(), items, question=Question(noise="blur")).scores["all"]
    assert scores["pooled_recall"].value == 0  # a crack of 3 px is no longer dark
    with pytest.raises(DataError, match="No noise named 'mist'"):
        evaluate(DarkIsCrack(), items, question=Question(noise="mist"))


def test_a_label_turns_with_its_photograph(items):
    turned = [
        view(DarkIsCrack(), items[0], 0.6, Question("crack", noise="rotation:5", noise_seed=n)) for n in (0, 0, 1)
    ]
    assert set(np.unique(turned[0].target)) == {0, 1, 255}
    truth = turned[0].target == 1
    assert (turned[0].predicted & truth).sum() > 0.8 * truth.sum()
    assert np.array_equal(turned[0].target, turned[1].target)
    foggy = [view(DarkIsCrack(), items[0], 0.6, Question("crack", noise="fog:1", noise_seed=n)) for n in (0, 1)]
    assert not np.array_equal(foggy[0].pixels, foggy[1].pixels)


def test_a_set_that_is_labelled_for_something_else_is_refused(items):
    seams = [item._replace(mask=replace(item.mask, label="seam")) for item in items]
    with pytest.raises(DataError, match="labelled for 'crack': nothing to score"):
        evaluate(DarkIsCrack(), seams)
    evaluate(DarkIsCrack(), seams, question=Question("crack", absent=True))


def test_pictures_are_read_one_at_a_time_as_they_come(items):
    assert evaluate(DarkIsCrack(), iter(items)).scores["all"]["pooled_f1"].pictures == 5


def test_without_pictures_there_is_nothing_to_evaluate():
    with pytest.raises(DataError, match="no picture"):
        evaluate(DarkIsCrack(), [])


def test_a_damaged_picture_stops_the_evaluation(items):
    items[2].image.write_bytes(items[2].image.read_bytes()[:200])
    with pytest.raises(ImageError, match=r"b\.png"):
        evaluate(DarkIsCrack(), items)


def test_leaking_pictures_are_in_one_subset_and_not_in_the_other(items):
    leaks = Leaks(frozenset({"walls/test/b", "elsewhere/test/x"}), ("walls:train",))
    evaluation = evaluate(DarkIsCrack(), items, leaks=leaks)
    assert evaluation.leaks.names == {"walls/test/b"}
    assert evaluation.scores["all"] == evaluate(DarkIsCrack(), items).scores["all"]
    rest = evaluate(DarkIsCrack(), [i for i in items if i.name != "walls/test/b"])
    assert evaluation.scores["unleaked"] == rest.scores["all"]
    assert set(rest.scores) == {"all"}


def test_a_picture_leaks_when_its_own_sets_training_part_shows_it_under_another_name(walls):
    draw(walls, "train", "copy of b", stain=True, seed=3)
    draw(walls, "train", "another", seed=9)
    leaks = find_leaks(open_items(f"{walls}:test"), f"{walls}:test", DarkIsCrack().card)
    assert leaks == Leaks(frozenset({"walls/test/b"}), (f"{walls}:train",), ())


def test_a_training_part_is_not_compared_with_itself_unless_the_card_names_it(walls):
    draw(walls, "train", "t", seed=9)
    train = f"{walls}:train"
    assert find_leaks(open_items(train), train, DarkIsCrack().card) == Leaks()
    card = ModelCard(name="dark", version="1", data=(DataTerms(name=train, terms="mine"),))
    assert find_leaks(open_items(train), train, card).names == {"walls/train/t"}


def test_a_picture_leaks_when_the_card_names_a_set_that_shows_its_photograph(walls, tmp_path):
    other = tmp_path / "other"
    draw(other, "train", "z", stain=True, crack=False, seed=5)
    data = (
        DataTerms(name=f"{other}:train", terms="mine"),
        DataTerms(name=f"{tmp_path}/lost:train", terms="mine"),
        DataTerms(name=f"{walls}:test", terms="mine", role="test"),
    )
    card = ModelCard(name="dark", version="1", data=data)
    leaks = find_leaks(open_items(f"{walls}:test"), f"{walls}:test", card)
    assert leaks == Leaks(frozenset({"walls/test/d"}), (f"{other}:train",), (f"{tmp_path}/lost:train",))


def test_a_set_that_was_kept_apart_in_training_does_not_leak(walls):
    draw(walls, "train", "copy of b", stain=True, seed=3)
    data = (DataTerms(name=f"{walls}:train", terms="mine"),)
    card = ModelCard(name="dark", version="1", data=data)
    test = f"{walls}:test"
    assert find_leaks(open_items(test), test, card).names == {"walls/test/b"}
    apart = card.model_copy(update={"kept_apart": (test,)})
    assert find_leaks(open_items(test), test, apart) == Leaks(checked=(f"{walls}:train",))


@pytest.fixture
def written(items, tmp_path):
    leaks = {"walls:test": Leaks(frozenset({"walls/test/b"}), ("walls:train",))}
    sets = {"walls:test": items, "quiet": items[3:4]}
    evaluations = evaluate_sets(DarkIsCrack(), sets, tmp_path / "out", leaks=leaks, seed=3)
    return evaluations, tmp_path / "out"


def test_the_record_says_what_was_scored_how_and_on_what(written):
    evaluations, out = written
    record = json.loads((out / "scores.json").read_text())
    assert record["schema"] == "crackwise.scores/1"
    assert record["sets"]["walls:test"]["class"] == "crack"
    assert record["intervals"]["seed"] == 3
    assert set(record["protocols"]) == set(SCORES)
    assert record["protocols"]["f1@2"]["tolerance_px"] == 2
    walls = record["sets"]["walls:test"]
    assert (walls["threshold"], walls["threshold_source"]) == (0.6, "card")
    assert walls["leaks"] == {"pictures": ["walls/test/b"], "checked": ["walls:train"], "absent": []}
    assert (walls["subsets"]["all"]["pictures"], walls["subsets"]["unleaked"]["pictures"]) == (5, 4)
    assert walls["subsets"]["all"]["crack_free_pictures"] == 2
    for subset, scores in evaluations["walls:test"].scores.items():
        for name, estimate in scores.items():
            row = walls["subsets"][subset]["scores"][name]
            assert list(row) == ["value", "low", "high", "pictures", "photographs"]
            assert row["value"] == pytest.approx(estimate.value, abs=1e-6)
    assert record["sets"]["quiet"]["subsets"]["all"]["scores"]["pooled_f1"]["value"] is None


def test_the_table_has_a_row_per_set_subset_and_score_with_the_numbers_of_the_record(written):
    _, out = written
    record = json.loads((out / "scores.json").read_text())
    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(scores_in("mask"))
    for row in rows:
        known = record["sets"][row["set"]]["subsets"][row["subset"]]["scores"][row["score"]]
        for key in ("value", "low", "high"):
            assert row[key] == ("" if known[key] is None else str(known[key]))
        assert row["averaging"] == SCORES[row["score"]].protocol.averaging


def test_the_same_seed_writes_the_same_bytes(items, tmp_path):
    for name in ("one", "two"):
        evaluate_sets(DarkIsCrack(), {"walls": items}, tmp_path / name)
    for file in ("scores.json", "scores.csv", "report.html", "counts.npz", "masks/walls/walls/test/b.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_output_folder_that_cannot_be_written_is_refused(items, tmp_path):
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        with pytest.raises(CrackwiseError, match=r"Cannot write into .*file' is a file. Choose another folder"):
            evaluate_sets(DarkIsCrack(), {"walls": items}, tmp_path / out)


def test_labels_in_the_output_folder_are_left_alone(items, walls):
    with pytest.raises(CrackwiseError, match="masks' was left by no evaluation, and may be labels"):
        evaluate_sets(DarkIsCrack(), {"walls": items}, walls)
    assert sorted(path.name for path in walls.iterdir()) == ["images", "masks"]
    assert len(list((walls / "masks").rglob("*.png"))) == 5


def test_while_results_are_written_nothing_can_be_read_there(items, tmp_path, monkeypatch):
    evaluate_sets(DarkIsCrack(), {"walls": items}, tmp_path / "out")
    monkeypatch.setattr("crackwise.evaluation.sets.keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        evaluate_sets(DarkIsCrack(), {"walls": items}, tmp_path / "out", threshold=0.9)
    with pytest.raises(DataError, match="evaluate again"):
        read_kept(tmp_path / "out")
    monkeypatch.undo()
    evaluate_sets(DarkIsCrack(), {"walls": items}, tmp_path / "out", threshold=0.9)
    assert read_kept(tmp_path / "out").sets["walls"].threshold == 0.9


def test_scoring_a_model_file_needs_no_torch():
    program = "import sys, crackwise.evaluation.sets, crackwise.evaluation.leaks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.real
def test_the_official_deepcrack_test_part_leaks_three_photographs_and_one_copy(shared_data):
    items = open_items("deepcrack:test", shared_data)
    leaks = find_leaks(items, "deepcrack:test", DarkIsCrack().card, shared_data)
    assert "deepcrack/test/11216" in leaks.names
    assert len({item.group for item in items if item.name in leaks.names}) == 4
    assert len(leaks.names) == 20


@pytest.mark.real
def test_held_out_walls_do_not_leak(shared_data):
    trained = tuple(
        DataTerms(name=f"{name}:train", terms="")
        for name in ("conglomerate_walls", "rissbilder", "volker", "noncrack_walls")
    )
    card = ModelCard(name="walls", version="1", data=trained)
    for terms in trained:
        reference = terms.name.replace("train", "test")
        leaks = find_leaks(open_items(reference, shared_data), reference, card, shared_data)
        assert leaks.names == set(), reference
        assert set(leaks.checked) == {terms.name for terms in trained}
