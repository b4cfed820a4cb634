"""A scale is millimetres per pixel, however it is written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crackwise.errors import ScaleUnknownError
from crackwise.imaging.scale import check_scale, parse_scale

SCALES = {
    "0.2mm": 0.2, "0.2": 0.2, " 0.2 mm ": 0.2, "200um": 0.2, "200 µm": 0.2, "200μm": 0.2, "0.02cm": 0.2, "2e-4m": 0.2,
    "0.2 mm/px": 0.2, "0.2mm/pixel": 0.2, ".5MM": 0.5, "+1mm": 1.0, "3": 3.0,
    "1m": 1e3, "10m": 1e4, "0.01um": 1e-5,
}  # fmt: skip


@pytest.mark.parametrize("text", SCALES)
def test_a_scale_is_understood(text: str) -> None:
    assert parse_scale(text) == pytest.approx(SCALES[text], rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", "mm", "0", "0mm", "-0.2mm", "nan", "inf", "1e999mm", "0.2in", "0,2mm", "1.2.3mm", "0.2mm0.3mm", "two", ".mm",
     "0.2M", "1e12m", "1e-310mm", "10.1m", "0.009um"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScaleUnknownError, match=r"for example 0\.2mm"):
        parse_scale(text)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, 1e-310, 9e-6, 1.1e4, 1e15, True, np.True_, "0.2"])
def test_what_is_no_scale_is_refused_with_the_limits(value: float) -> None:
    with pytest.raises(ScaleUnknownError, match=r"from 0\.00001 to 10000"):
        check_scale(value)


@pytest.mark.parametrize("value", [np.float32(0.25), np.float64(0.25), 0.25])
def test_any_kind_of_number_becomes_a_plain_one(value: float) -> None:
    checked = check_scale(value)
    assert type(checked) is float
    assert checked == 0.25


def test_an_unknown_scale_stays_unknown() -> None:
    assert check_scale(None) is None
    assert check_scale(0.25) == 0.25
