"""KernelSHAP of pictures: exact for a linear model, right about the corner, honest about its baseline."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError
from crackwise.explain.features import BASELINES, baseline_of, cells, mix, superpixels
from crackwise.explain.heat import Options
from crackwise.explain.kernelshap import kernelshap, parts_of, side_of
from crackwise.explain.question import ask_whole
from crackwise.explain.subject import Subject
from crackwise.models import build_model
from crackwise.predictor import ModelCard
from known_networks import CornerNet, as_subject, corner_mask, dark_corner


@dataclass
class LinearPredictor:
    """The same probability everywhere: a weighted sum of the first channel."""

    weights: NDArray[np.float64]
    card: ModelCard = field(default_factory=lambda: ModelCard(name="linear", version="1"))
    sha256: str = "0" * 64
    runtime: str = "numpy"
    precision: str = "f32"

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        value = float((self.weights * pixels[..., 0]).sum())
        return np.full((1, *pixels.shape[:2]), value, np.float32)


def test_a_linear_model_is_shared_out_exactly(rng: np.random.Generator) -> None:
    weights = rng.uniform(0, 1, (32, 48)) / (255 * 32 * 48)
    subject = Subject("linear", LinearPredictor(weights), None)
    pixels = rng.integers(0, 255, (32, 48, 3), np.uint8)
    (heat,) = kernelshap(subject, ask_whole(subject, pixels), Options(features="patches", baseline="zeros"))
    assert heat.signed
    assert heat.facts["features"] == 6
    assert heat.facts["exact"]
    for row in range(2):
        for column in range(3):
            place = np.s_[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            expected = float((weights[place] * pixels[(*place, 0)]).sum())
            np.testing.assert_allclose(heat.values[place], expected, rtol=1e-4)
    each = heat.values[::16, ::16].astype(float)
    assert each.sum() == pytest.approx(float(heat.facts["score"]) - float(heat.facts["score_of_baseline"]), rel=1e-4)


@pytest.mark.parametrize("scalar", ["probability", "logit"])
def test_the_corner_that_counts_gets_all_and_the_other_nothing(scalar: str) -> None:
    subject = as_subject(CornerNet())
    options = Options(features="patches", baseline="mean", samples=200, scalar=scalar)
    (heat,) = kernelshap(subject, ask_whole(subject, dark_corner()), options)
    corner = corner_mask()
    assert heat.values[corner].min() > 0.2
    np.testing.assert_allclose(heat.values[~corner], 0, atol=1e-6)


def test_parts_are_tokens_where_there_are_some_and_superpixels_else() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    tokens = as_subject(build_model("vit_b16", size="tiny", input_px=64).eval(), "vit_b16")
    assert parts_of(tokens, pixels, Options()).max() + 1 == 16
    channels = as_subject(CornerNet())
    assert (parts_of(channels, pixels, Options(segments=9)) == superpixels(pixels, 9)).all()
    with pytest.raises(CrackwiseError, match="No features 'pieces'; there are auto, superpixels, patches"):
        parts_of(channels, pixels, Options(features="pieces"))


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_keeps_the_size_and_a_flat_wall(name: str) -> None:
    wall = np.full((40, 52, 3), 130, np.uint8)
    assert baseline_of(name, wall).dtype == np.uint8
    assert (baseline_of(name, wall) == (0 if name == "zeros" else 130)).all()


def test_blur_is_the_mean_of_16_px_squares_and_the_median_takes_the_crack_away() -> None:
    pixels = np.full((48, 64, 3), 200, np.uint8)
    pixels[:, 20:23] = 20
    squares = baseline_of("blur", pixels)
    assert (squares[:, 16:32] == round((3 * 20 + 13 * 200) / 16)).all()
    assert (squares[:, 32:] == 200).all()
    assert (baseline_of("median", pixels) == 200).all()
    kept = np.zeros((48, 64), bool)
    kept[:, :32] = True
    assert (mix(pixels, np.zeros_like(pixels), kept)[:, 32:] == 0).all()
    with pytest.raises(CrackwiseError, match="No baseline 'snow'; there are blur, mean, median, zeros"):
        baseline_of("snow", pixels)


def test_parts_cover_the_picture_with_numbers_in_a_row() -> None:
    grid = cells(33, 50, 3, 4)
    assert sorted(np.unique(grid)) == list(range(12))
    assert grid[0, 0] == 0
    assert grid[-1, -1] == 11
    assert cells(2, 3, 14, 14).max() == 5
    parts = superpixels(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8), 8)
    assert sorted(np.unique(parts)) == list(range(parts.max() + 1))


@pytest.mark.parametrize(
    ("grid", "side", "parts"), [((8, 8), 1, 64), ((14, 14), 2, 49), ((15, 9), 2, 40), ((28, 28), 4, 49)]
)
def test_more_tokens_than_samples_can_tell_apart_are_taken_in_squares(
    grid: tuple[int, int], side: int, parts: int
) -> None:
    assert side_of(grid) == side
    taken, each = cells(16 * grid[0], 16 * grid[1], *grid, side=side), cells(16 * grid[0], 16 * grid[1], *grid)
    assert len(np.unique(taken)) == parts == taken.max() + 1
    assert all(len(np.unique(taken[each == token])) == 1 for token in range(grid[0] * grid[1]))
