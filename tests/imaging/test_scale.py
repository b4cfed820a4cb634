"""A scale is millimetres per pixel, however it is written."""

from __future__ import annotations

import math

import pytest

from crackwise.errors import ScaleUnknownError
from crackwise.imaging.scale import check_scale, parse_scale

SCALES = {
    "0.2mm": 0.2, "0.2": 0.2, " 0.2 mm ": 0.2, "200um": 0.2, "200 µm": 0.2, "200μm": 0.2, "0.02cm": 0.2, "2e-4m": 0.2,
    "0.2 mm/px": 0.2, "0.2mm/pixel": 0.2, ".5MM": 0.5, "+1mm": 1.0, "3": 3.0,
}  # fmt: skip


@pytest.mark.parametrize("text", SCALES)
def test_a_scale_is_understood(text: str) -> None:
    assert parse_scale(text) == pytest.approx(SCALES[text], rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "mm", "0", "0mm", "-0.2mm", "nan", "inf", "1e999mm", "0.2in", "0,2mm", "1.2.3mm", "0.2mm0.3mm", "two"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScaleUnknownError, match=r"for example 0\.2mm"):
        parse_scale(text)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_number_that_is_no_scale_is_refused(value: float) -> None:
    with pytest.raises(ScaleUnknownError):
        check_scale(value)


def test_an_unknown_scale_stays_unknown() -> None:
    assert check_scale(None) is None
    assert check_scale(0.25) == 0.25
