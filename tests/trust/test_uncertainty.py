"""Views of one photograph: what they agree on is certain, what they contradict each other on is not."""

from __future__ import annotations

import numpy as np
import pytest

from crackwise.errors import ModelError
from crackwise.predictor import ModelCard
from crackwise.trust.uncertainty import Uncertainty, answers_of, uncertainty


class Fake:
    """A predictor that is a function of the pixels."""

    sha256, runtime, precision = "a" * 64, "drawn", "f32"

    def __init__(self, maps, classes=("crack",)):
        self.maps = maps
        self.card = ModelCard(name="fake", version="1", classes=classes)
        self.seen = []

    def __call__(self, pixels, /):
        self.seen.append(pixels.copy())
        return np.asarray(self.maps(pixels), np.float32)


def brightness(pixels):
    return pixels[None, :, :, 0] / 255


@pytest.fixture
def picture(rng):
    return rng.integers(0, 255, (20, 33, 3)).astype(np.uint8)


def test_the_eight_views_are_the_symmetries_of_the_square(picture):
    model = Fake(brightness)
    list(answers_of(model, picture, 8))
    expected = [np.rot90(flipped, k) for flipped in (picture, picture[:, ::-1]) for k in range(4)]
    assert len({view.tobytes() for view in model.seen}) == 8
    assert {view.tobytes() for view in model.seen} == {np.ascontiguousarray(view).tobytes() for view in expected}


def test_every_answer_is_laid_back_on_the_picture(picture):
    for answer in answers_of(Fake(brightness), picture, 8):
        np.testing.assert_array_equal(answer, brightness(picture).astype(np.float32))


def test_a_model_that_sees_the_same_in_every_view_does_not_disagree(picture):
    found = uncertainty(Fake(brightness), picture)
    assert found.deviation.max() < 1e-6
    assert found.mutual_information.max() < 1e-5
    assert found.disagreement == 0
    np.testing.assert_allclose(found.mean, brightness(picture), atol=1e-6)


def test_a_model_that_knows_left_from_right_disagrees_as_the_formulas_say(picture):
    """Sure of the left half, sure of nothing in the right one: of two views one says 1 - 1e-3, the other 1e-3."""

    def left(pixels):
        maps = np.full((1, *pixels.shape[:2]), 1e-3)
        maps[:, :, : pixels.shape[1] // 2] = 1 - 1e-3
        return maps

    found = uncertainty(Fake(left), picture[:, :32], views=2)
    sure = -(1e-3 * np.log2(1e-3) + 0.999 * np.log2(0.999))
    np.testing.assert_allclose(found.mean, 0.5, atol=1e-6)
    np.testing.assert_allclose(found.deviation, 0.499, atol=1e-6)
    np.testing.assert_allclose(found.entropy, 1, atol=1e-6)
    np.testing.assert_allclose(found.mutual_information, 1 - sure, atol=1e-5)
    assert found.disagreement == pytest.approx(1 - 2 * 0.5 / 1.5, abs=1e-9)  # the mean reaches .5 everywhere


def test_doubt_that_all_views_share_is_entropy_without_contradiction(picture):
    found = uncertainty(Fake(lambda pixels: np.full((1, *pixels.shape[:2]), 0.5)), picture, threshold=0.6)
    np.testing.assert_allclose(found.entropy, 1, atol=1e-6)
    assert found.mutual_information.max() < 1e-6
    assert found.disagreement == 0
    assert found.to_dict() == {
        "views": 8, "disagreement": 0, "mean_entropy_bits": 1, "mean_mutual_information_bits": 0,
    }  # fmt: skip


@pytest.mark.parametrize("views", [0, 1, 9])
def test_there_are_two_to_eight_views(picture, views):
    with pytest.raises(ModelError, match="2 to 8 views"):
        uncertainty(Fake(brightness), picture, views=views)


def test_maps_have_a_plane_for_each_class(picture):
    found = uncertainty(Fake(lambda p: np.concatenate([brightness(p), brightness(p)]), ("a", "b")), picture, views=3)
    assert isinstance(found, Uncertainty)
    assert all(maps.shape == (2, 20, 33) and maps.dtype == np.float32 for maps in found[:4])
