"""The noises are those that were published, to the pixel."""

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from crackwise.errors import DataError
from crackwise.evaluation.noise import NOISES, noise_named


def gaussian(pixels, kernel_px, sigma_px):
    """A separable Gaussian with borders mirrored about the last pixel, in float."""
    x = np.arange(kernel_px) - kernel_px // 2
    kernel = np.exp(-(x**2) / (2 * sigma_px**2))
    rows = convolve1d(pixels.astype(float), kernel / kernel.sum(), axis=0, mode="mirror")
    return convolve1d(rows, kernel / kernel.sum(), axis=1, mode="mirror")


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("shape", [(48, 64, 3), (37, 21, 3), (1, 1, 3)])
def test_a_noisy_photograph_has_the_size_of_the_photograph_and_leaves_it_alone(name, shape, rng):
    photo = rng.integers(0, 256, shape, dtype=np.uint8)
    before = photo.copy()
    noisy = NOISES[name](photo)
    assert (noisy.shape, noisy.dtype) == (shape, np.uint8)
    assert np.array_equal(photo, before)
    assert np.array_equal(noisy, NOISES[name](photo))


def test_darkness_stops_at_black():
    grey = np.full((20, 20, 3), 30, np.uint8)
    assert NOISES["dark"](grey).max() == 0
    assert np.all(NOISES["dark"](grey + 100) == 80)


def test_darkness_takes_50_of_the_brightest_channel_and_keeps_the_colour():
    orange = np.full((20, 20, 3), (200, 100, 50), np.uint8)
    assert np.abs(NOISES["dark"](orange).astype(int) - (150, 75, 37)).max() <= 1


def test_darkness_blurs_by_9_px_with_sigma_1_7(photo):
    bright = photo // 2 + 100  # nothing reaches 0
    grey = np.repeat(bright[..., :1], 3, axis=2)
    assert np.abs(NOISES["dark"](grey) - gaussian(grey - 50.0, 9, 1.7)).max() <= 1.5


def test_blur_is_21_px_with_sigma_3_5(photo):
    """So smooth a picture survives half the size and back within two grey levels, away from the borders."""
    difference = NOISES["blur"](photo) - gaussian(photo, 21, 3.5)
    assert np.abs(difference[4:-4, 4:-4]).max() <= 2
    assert np.abs(NOISES["blur"](photo) - gaussian(photo, 21, 2.5))[4:-4, 4:-4].max() > 4


def test_blur_washes_a_thin_crack_out_and_a_wide_gap_not():
    def depth(width_px):
        wall = np.full((80, 80, 3), 200, np.uint8)
        wall[:, 40 - width_px // 2 : 40 - width_px // 2 + width_px] = 50
        return 200 - int(NOISES["blur"](wall).min())

    thin, middle, wide = (depth(width_px) for width_px in (1, 5, 25))
    assert thin < 25 < middle < 100 < wide


def test_an_unknown_noise_is_one_sentence():
    with pytest.raises(DataError, match="there is dark, blur"):
        noise_named("fog")
