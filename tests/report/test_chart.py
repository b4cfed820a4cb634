"""The histogram counts what it was given."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from crackwise.report.chart import MOST_BARS, WidthCounts, group, width_chart


def counts_of(widths: list[float], mm_per_px: float | None = None) -> WidthCounts:
    counts = WidthCounts(mm_per_px)
    counts.add(widths)
    return counts


def test_nothing_measured_is_no_chart() -> None:
    assert width_chart(WidthCounts(None)) == ""


@pytest.mark.parametrize("scale", [0.05, 1.0, 37.0, 900.0])
def test_bars_hold_every_point_and_are_not_too_many(scale: float, rng: np.random.Generator) -> None:
    widths = rng.gamma(3, scale, 5000)
    steps, bars = group(counts_of(widths.tolist()).steps)
    assert sum(bars) == 5000
    assert len(bars) <= MOST_BARS
    edges = np.arange(len(bars)) * steps * 0.1
    np.testing.assert_array_equal(bars, np.histogram(widths, [*edges, np.inf])[0])


@pytest.mark.parametrize("widths", [[0.0], [3.0], [0.01, 4000.0]])
def test_any_widths_make_a_drawing_with_a_bar(widths: list[float]) -> None:
    drawing = ElementTree.fromstring(str(width_chart(counts_of(widths))))
    bars = drawing.findall(".//rect")
    assert bars
    assert all(float(bar.get("height", "-1")) >= 0 for bar in bars)


def test_millimetres_are_pixels_times_the_scale() -> None:
    chart = width_chart(counts_of([2.0, 4.0], 0.2))
    assert "crack width, mm" in chart
    titles = re.findall(r"<title>(.*?)</title>", chart)
    assert [title for title in titles if "50.0%" in title] == [
        "0.40 to 0.45 mm: 50.0% of the length",
        "0.80 mm or more: 50.0% of the length",
    ]


@pytest.mark.parametrize("mm_per_px", [1e-5, 0.004, 0.2, 1.0, 1e4])
def test_every_scale_tells_widths_apart(mm_per_px: float, rng: np.random.Generator) -> None:
    chart = str(width_chart(counts_of((3 + rng.random(500)).tolist(), mm_per_px)))
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" rx', chart)]
    assert len([height for height in heights if height > 0]) >= 4
