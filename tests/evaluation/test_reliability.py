"""The reliability diagram: its bins, and that the drawing shows them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from crackwise.evaluation.classification import BINS, count_pictures, picture_scores
from crackwise.evaluation.reliability import LEFT, SIDE, TOP, reliability, reliability_chart


def bins_of(scores, labels):
    return reliability(count_pictures(np.array(scores), np.array(labels), 0.5))


def test_a_bin_holds_its_lower_end_and_the_last_one_the_upper_too():
    bins = bins_of([0.0, 1 / 15, 0.5, 1.0, 14 / 15], [0, 1, 1, 1, 0])
    assert [each.pictures for each in bins] == [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2]
    assert bins[-1].mean_score == pytest.approx((1 + 14 / 15) / 2)
    assert bins[-1].cracked_share == 0.5
    assert np.isnan([bins[2].mean_score, bins[2].cracked_share]).all()


def test_the_calibration_error_is_the_mean_distance_of_dots_and_diagonal():
    rng = np.random.default_rng(1)
    scores, labels = rng.random(200), rng.integers(0, 2, 200)
    counts = count_pictures(scores, labels, 0.5)
    distance = sum(b.pictures * abs(b.mean_score - b.cracked_share) for b in reliability(counts) if b.pictures) / 200
    assert picture_scores(counts)["calibration_error"] == pytest.approx(distance)


def test_the_drawing_is_a_bar_a_dot_and_a_count_for_every_bin_with_pictures():
    bins = bins_of([0.02, 0.03, 0.5, 0.9], [0, 1, 1, 1])
    drawing = ET.fromstring(reliability_chart(bins))
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in drawing.iter("circle")]
    assert dots == [(pytest.approx(LEFT + x * SIDE, abs=0.1), pytest.approx(TOP + (1 - y) * SIDE, abs=0.1))
                    for x, y in ((0.025, 0.5), (0.5, 1), (0.9, 1))]  # fmt: skip
    bars = [r for r in drawing.iter("rect") if r.get("class") == "share"]
    assert [float(r.get("height")) for r in bars] == [SIDE / 2, SIDE, SIDE]
    assert all(float(r.get("width")) == pytest.approx(SIDE / BINS - 2, abs=0.11) for r in bars)
    heights = [float(r.get("height")) for r in drawing.iter("rect") if r.get("class") == "count"]
    assert heights[0] == 2 * heights[1] == 2 * heights[2]
    titles = [t.text for t in drawing.iter("title")]
    assert "score 0.00 to 0.07: 2 pictures, mean score 0.025, 50.0% cracked" in titles
    assert not re.search("nan", reliability_chart(bins))


def test_without_pictures_there_is_no_drawing():
    assert reliability_chart(bins_of([], np.array([], int))) == ""
