"""What is explained: a pixel, a piece, all that is predicted; sentences where there is nothing."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError, ImageError, ModelError
from crackwise.explain.question import Place, ask, ask_whole, score_of
from crackwise.explain.subject import Subject
from crackwise.predictor import ModelCard


@dataclass
class Darkness:
    """Probability is darkness."""

    card: ModelCard = field(default_factory=lambda: ModelCard(name="dark", version="1", tile_px=64))
    sha256: str = "0" * 64
    runtime: str = "numpy"
    precision: str = "f32"

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        return (1 - pixels[None, ..., 0] / np.float32(255)).astype(np.float32)


SUBJECT = Subject("dark", Darkness(), None)


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """A piece of 4 px that comes first and one of 12 px."""
    pixels = np.full((40, 50, 3), 255, np.uint8)
    pixels[5, 10:14] = 0
    pixels[20:24, 30:33] = 51
    return pixels


def test_m_is_all_that_is_predicted_or_a_piece_the_largest_first(picture: NDArray[np.uint8]) -> None:
    everything = ask(SUBJECT, picture)
    assert everything.region.sum() == 16
    assert everything.about == "the 16 px predicted crack"
    assert ask(SUBJECT, picture, Place(component=1)).region[20:24, 30:33].all()
    second = ask(SUBJECT, picture, Place(component=2))
    assert second.region.sum() == 4
    assert second.about == "component 2 of 2, 4 px"
    assert score_of(SUBJECT, picture, second, "probability") == 1
    assert score_of(SUBJECT, picture, everything, "probability") == pytest.approx((4 + 12 * 0.8) / 16)
    assert score_of(SUBJECT, picture, ask(SUBJECT, picture, Place(component=1)), "logit") == pytest.approx(np.log(4))


def test_a_pixel_counts_from_the_left_and_from_the_top(picture: NDArray[np.uint8]) -> None:
    region = ask(SUBJECT, picture, Place(pixel=(12, 5))).region
    assert region.sum() == 1
    assert region[5, 12]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place(pixel=(50, 5)), "--pixel 50,5 is outside of a picture of 50 x 40 px"),
        (Place(component=3), "components 1 to 2, the largest first; not 3"),
    ],
)
def test_a_place_that_is_not_there_is_said_so(place: Place, message: str, picture: NDArray[np.uint8]) -> None:
    with pytest.raises(CrackwiseError, match=message):
        ask(SUBJECT, picture, place)


def test_nothing_predicted_a_strange_class_and_a_large_picture_are_said_so(picture: NDArray[np.uint8]) -> None:
    white = np.full_like(picture, 255)
    with pytest.raises(CrackwiseError, match="predicts no crack at its threshold"):
        ask(SUBJECT, white)
    assert ask_whole(SUBJECT, white).region.all()
    with pytest.raises(ModelError, match="knows no class 'joint'; it knows crack"):
        ask(SUBJECT, picture, class_name="joint")
    with pytest.raises(ImageError, match=r"97 x 20 px is seen in tiles.*at most 96 px a side"):
        ask(SUBJECT, np.zeros((20, 97, 3), np.uint8))
