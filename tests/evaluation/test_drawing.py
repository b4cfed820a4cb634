from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from crackwise.evaluation.drawing import (
    FALSE_RGB,
    FOUND_RGB,
    MISSED_RGB,
    UNKNOWN_RGB,
    draw_errors,
    jpeg_source,
    png_source,
    side_by_side,
)


def test_every_kind_of_error_has_its_colour():
    pixels = np.full((1, 6, 3), 200, np.uint8)
    target = np.array([[1, 1, 0, 0, 255, 255]], np.uint8)
    predicted = np.array([[True, False, True, False, True, False]])
    drawn = draw_errors(pixels, target, predicted)[0].tolist()
    assert drawn == [[*c] for c in (FOUND_RGB, MISSED_RGB, FALSE_RGB, (200, 200, 200), UNKNOWN_RGB, UNKNOWN_RGB)]
    assert (pixels == 200).all()


@pytest.mark.parametrize(
    ("shape", "drawn"), [((100, 200), (100, 404)), ((900, 600), (300, 404)), ((1, 3000), (1, 604))]
)
def test_panels_stand_side_by_side_and_small(shape, drawn):
    panels = [np.full((*shape, 3), shade, np.uint8) for shade in (10, 90)]
    panel = side_by_side(panels, 300)
    assert panel.shape == (*drawn, 3)
    assert [panel[0, x, 0] for x in (0, drawn[1] // 2, drawn[1] - 1)] == [10, 255, 90]


def test_an_image_source_holds_the_picture():
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[..., 0] = 250
    for source, kind in ((jpeg_source(pixels), "jpeg"), (png_source(pixels), "png")):
        start, _, content = source.partition(",")
        assert start == f"data:image/{kind};base64"
        decoded = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
        assert decoded[8, 8, 2] > 200 > decoded[8, 8, 0]
