import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.drawing import jpeg_source
from crackwise.evaluation.evaluate import Evaluation
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import scores_in
from crackwise.evaluation.page import Example, caption, goodness_of, render_page
from crackwise.evaluation.record import to_json
from crackwise.predictor import ModelCard
from crackwise.tally import tally

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Named:
    card = ModelCard(name="<b>Tom & Jerry</b>", version="1", threshold=0.4)
    sha256 = "c0ffee" * 10 + "abcd"
    runtime = "test"
    precision = "f32"


def row(hit=20, missed=5, false=3):
    truth, predicted = np.zeros((40, 40), np.uint8), np.zeros((40, 40), bool)
    truth[5, : hit + missed] = 1
    predicted[5, :hit] = True
    predicted[30, :false] = True
    return tally(predicted, truth)


@pytest.fixture
def page():
    rows, photographs = [row(), row(30, 2), row(9, 9, 9), row(0, 0, 7)], ["a", "b", "b", "c"]
    leaks = Leaks(frozenset({"walls/test/b1"}), ("walls:train",), ("lost:train",))
    scores = {"all": estimate_scores(rows, photographs), "unleaked": estimate_scores(rows[:2], photographs[:2])}
    sets = {
        "walls:test": Evaluation((), {"mask": tuple(rows)}, scores, leaks, 0.4, "card", Question("crack")),
        "quiet": Evaluation(
            (),
            {"mask": (rows[3],)},
            {"all": estimate_scores(rows[3:], ["c"])},
            Leaks(),
            0.7,
            "given",
            Question("joint", absent=True, noise="blur"),
        ),
    }
    pixels = np.full((8, 30, 3), 90, np.uint8)
    examples = {"walls:test": [Example("walls/test/<i>", "F1 0.5", jpeg_source(pixels))], "quiet": []}
    return render_page(to_json(Named(), sets, seed=0), examples, {})


class Outside(HTMLParser):
    """Every address a page would load."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "action")]


def test_the_page_needs_nothing_but_itself(page):
    parser = Outside()
    parser.feed(page)
    assert parser.addresses
    assert all(address.startswith("data:") for address in parser.addresses)
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "url(" not in page.replace("url(#", "")  # of a clip path
    assert "@import" not in page


def test_names_are_text_and_never_markup(page):
    assert "<b>Tom" not in page
    assert "&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;" in page
    assert "walls/test/&lt;i&gt;" in page


def test_the_page_explains_every_score_and_where_threshold_and_leaks_come_from(page):
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for score in scores_in("mask").values():
        assert score.definition.partition("'")[0] in text
    assert "threshold 0.4 (from the model" in text
    assert "threshold 0.7 (given by the user)" in text
    assert "1 of 4 pictures show a photograph that is also in a training part (walls:train)" in text
    assert "Not at hand, so not looked into: lost:train." in text
    assert "No training part was at hand" in text
    assert "noise “blur”" in text
    assert "nan" not in text.split()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_browser_shows_the_page(page, tmp_path):
    (tmp_path / "report.html").write_text(page)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert shown.count("<tr") == page.count("<tr")
    assert shown.count("<svg") == page.count("<svg") > 0
    assert "Tom &amp; Jerry" in shown


def test_pictures_are_ordered_by_f1_within_2_px_and_silence_on_crack_free_ones():
    rows = [row(20, 0, 0), row(10, 10, 0), row(0, 9, 0), row(0, 0, 0), row(0, 0, 3), row(0, 0, 30)]
    worst_first = sorted(range(6), key=lambda index: goodness_of(rows)[index])
    assert worst_first[:3] == [5, 4, 2]
    assert worst_first[3] == 1
    assert set(worst_first[4:]) == {0, 3}


def test_captions_speak_of_cracks_or_of_their_absence():
    assert caption(row(20, 0, 0)) == "F1 within 2 px 1.00, crack IoU 1.00"
    assert caption(row(0, 0, 7)) == "no crack; 7 px predicted"
