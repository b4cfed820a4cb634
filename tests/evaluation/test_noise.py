"""The noises are those that were published, to the pixel; every row of the table does what it promises."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import convolve1d

from crackwise.errors import DataError
from crackwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from crackwise.evaluation.corruptions.geometry import moved_label
from crackwise.evaluation.noise import NOISES, blur, dark, noise_named

NAMES = [f"{name}:{level}" if row.levels else name for name, row in NOISES.items() for level in row.levels or [0]]


def gaussian(pixels, kernel_px, sigma_px):
    """A separable Gaussian with borders mirrored about the last pixel, in float."""
    x = np.arange(kernel_px) - kernel_px // 2
    kernel = np.exp(-(x**2) / (2 * sigma_px**2))
    rows = convolve1d(pixels.astype(float), kernel / kernel.sum(), axis=0, mode="mirror")
    return convolve1d(rows, kernel / kernel.sum(), axis=1, mode="mirror")


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def wall():
    """A wall of soft patches, bright and dark, with grain and a crack: every corruption has something to harm."""
    rng = np.random.default_rng(3)
    patches = cv2.resize(rng.uniform(60, 220, (5, 6, 3)), (90, 75), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(patches + rng.normal(0, 6, (75, 90, 1)), 0, 255).astype(np.uint8)
    return cv2.line(pixels, (5, 10), (80, 60), (25, 25, 25), 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(48, 64), (37, 21), (1, 1), (1, 9)])
def test_a_noisy_photograph_has_the_size_of_the_photograph_and_leaves_it_alone(name, shape, rng):
    photo = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    before, condition = photo.copy(), noise_named(name)
    noisy = condition.pixels(photo, "walls/1")
    assert (noisy.shape, noisy.dtype) == (photo.shape, np.uint8)
    assert np.array_equal(photo, before)
    assert np.array_equal(noisy, condition.pixels(photo, "walls/1"))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if CORRUPTIONS[name].warp is None])
def test_a_higher_severity_is_further_from_the_clean_photograph(name, wall):
    for picture in "abc":
        worse = [noise_named(f"{name}:{severity}").pixels(wall, picture) for severity in SEVERITIES]
        distances = [float(np.sqrt(((each.astype(float) - wall) ** 2).mean())) for each in worse]
        assert distances == sorted(distances)
        assert len(set(distances)) == 5
        assert distances[0] > 0


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if CORRUPTIONS[name].warp is not None])
def test_a_higher_severity_moves_a_photograph_further(name):
    y, x = np.mgrid[:75, :90]
    places = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(float)
    for picture in "abc":
        moved = []
        for severity in SEVERITIES:
            condition = noise_named(f"{name}:{severity}")
            there = places @ CORRUPTIONS[name].warp((75, 90), condition.parameter, condition.draws(picture, 0)).T
            moved.append(float(np.hypot(*(there[:, :2] / there[:, 2:] - places[:, :2]).T).mean()))
        assert moved == sorted(moved)
        assert moved[0] > 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_says_what_it_does_in_units(name):
    row = CORRUPTIONS[name]
    assert tuple(row.levels) == SEVERITIES
    assert row.unit
    assert row.definition


def test_there_are_sixteen_corruptions_two_of_which_move_the_picture():
    assert len(CORRUPTIONS) == 16
    assert [name for name, row in CORRUPTIONS.items() if row.warp] == ["rotation", "perspective"]


def test_what_is_drawn_depends_on_the_seed_and_the_picture_alone(wall):
    for name in ("gaussian_noise:3", "stains:3", "perspective:3"):
        one = noise_named(name).pixels(wall, "a", 1)
        assert np.array_equal(one, noise_named(name).pixels(wall, "a", 1))
        assert not np.array_equal(one, noise_named(name).pixels(wall, "b", 1))
        assert not np.array_equal(one, noise_named(name).pixels(wall, "a", 2))


def test_stops_are_powers_of_two_of_linear_light():
    grey = np.full((4, 4, 3), 188, np.uint8)  # half of the light of white
    assert np.all(NOISES["over_exposure"].change(grey, 1.0, None) == 255)
    assert np.all(NOISES["under_exposure"].change(grey, -1.0, None) == 137)  # a quarter


def test_gaussian_noise_has_the_sigma_of_its_level():
    grey = np.full((200, 200, 3), 128, np.uint8)
    for name, sigma in (("gaussian_noise:1", 5), ("gaussian_noise:4", 26)):
        noisy = noise_named(name).pixels(grey, "a").astype(float)
        assert noisy.std() == pytest.approx(sigma, rel=0.02)
        assert noisy.mean() == pytest.approx(128, abs=0.3)


def test_shot_noise_is_that_of_so_many_electrons():
    grey = np.full((200, 200, 3), 188, np.uint8)
    light = np.clip(noise_named("shot_noise:2").pixels(grey, "a") / 255, 0, 1)
    light = ((light + 0.055) / 1.055) ** 2.4
    assert light.mean() == pytest.approx(0.503, abs=0.005)
    assert light.std() == pytest.approx(np.sqrt(0.503 / 300), rel=0.03)


def test_defocus_makes_a_point_a_disk_and_motion_a_line():
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    y, x = np.mgrid[:41, :41] - 20
    lit = noise_named("defocus:5").pixels(point, "a")[..., 0] > 0
    assert lit[np.hypot(x, y) <= 5.8].all()
    assert not lit[np.hypot(x, y) > 7.3].any()
    lit = noise_named("motion_blur:4").pixels(point, "a")[..., 0] > 0
    rows, columns = np.nonzero(lit)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(18, abs=2.5)
    assert lit.sum() < 60


def test_low_contrast_keeps_the_mean_and_a_share_of_the_deviation(wall):
    flat = noise_named("low_contrast:2").pixels(wall, "a").astype(float)
    assert flat.mean() == pytest.approx(wall.mean(), abs=0.5)
    assert flat.std() == pytest.approx(wall.std() / 2, rel=0.02)


def test_a_colour_cast_turns_grey_and_keeps_its_luminance():
    grey = np.full((4, 4, 3), 120, np.uint8)
    cast = noise_named("colour_cast:3").pixels(grey, "a")[0, 0] / 255
    light = ((cast + 0.055) / 1.055) ** 2.4
    assert abs(np.log2(light[0] / light[2])) == pytest.approx(1.2, abs=0.05)
    assert light @ (0.2126, 0.7152, 0.0722) == pytest.approx(((120 / 255 + 0.055) / 1.055) ** 2.4, rel=0.02)


def test_shadow_leaves_its_share_of_the_light_and_the_rest_alone():
    grey = np.full((120, 160, 3), 188, np.uint8)
    shaded = noise_named("shadow:3").pixels(grey, "a")[..., 1] / 255
    light = ((shaded + 0.055) / 1.055) ** 2.4
    assert light.max() == pytest.approx(0.503, abs=0.01)
    assert light.min() == pytest.approx(0.28 * 0.503, abs=0.01)


def test_rain_wets_and_stains_cover_their_share():
    grey = np.full((200, 200, 3), 150, np.uint8)
    wet = noise_named("rain:3").pixels(grey, "a")[..., 1] < 140
    assert wet.mean() == pytest.approx(0.3, abs=0.08)
    stained = np.abs(noise_named("stains:5").pixels(grey, "a").astype(int) - 150).max(2) > 8
    assert 0.35 < stained.mean() < 0.6


def test_fog_takes_what_its_depth_says_from_the_contrast():
    board = np.full((100, 100, 3), 40, np.uint8)
    board[:, ::2] = 200
    light = ((noise_named("fog:3").pixels(board, "a") / 255 + 0.055) / 1.055) ** 2.4
    clean = ((board / 255 + 0.055) / 1.055) ** 2.4
    left = (light[:, ::2] - light[:, 1::2]).mean() / (clean[:, ::2] - clean[:, 1::2]).mean()
    assert left == pytest.approx(np.exp(-0.8), rel=0.1)


@pytest.mark.parametrize("name", ["rotation:2", "rotation:5", "perspective:3", "perspective:5"])
def test_the_label_moves_with_the_picture_and_is_silent_beyond_it(name):
    label = np.zeros((120, 160), np.uint8)
    label[40:80, 50:110] = 1
    photo = np.repeat((label * 200)[..., None], 3, 2)
    moved = noise_named(name).label(label, "a")
    pixels = noise_named(name).pixels(photo, "a")[..., 0]
    assert set(np.unique(moved)) == {0, 1, 255}
    assert pixels[cv2.erode((moved == 1).astype(np.uint8), np.ones((3, 3))) == 1].min() == 200
    assert pixels[cv2.erode((moved == 0).astype(np.uint8), np.ones((3, 3))) == 1].max() == 0


def test_a_quarter_turn_moves_every_pixel_of_a_label():
    label = np.arange(81, dtype=np.uint8).reshape(9, 9)
    turn = CORRUPTIONS["rotation"].warp((9, 9), 90.0, np.random.default_rng(0))
    assert any(np.array_equal(moved_label(label, turn), np.rot90(label, k)) for k in (1, 3))


def test_a_label_stays_where_only_the_light_changes():
    label = np.eye(20, dtype=np.uint8)
    assert all(noise_named(name).label(label, "a") is label for name in ("dark", "fog:5", "gaussian_blur:21"))


def test_darkness_stops_at_black():
    grey = np.full((20, 20, 3), 30, np.uint8)
    assert dark(grey).max() == 0
    assert np.all(dark(grey + 100) == 80)


def test_darkness_takes_50_of_the_brightest_channel_and_keeps_the_colour():
    orange = np.full((20, 20, 3), (200, 100, 50), np.uint8)
    assert np.abs(dark(orange).astype(int) - (150, 75, 37)).max() <= 1


def test_darkness_blurs_by_9_px_with_sigma_1_7(photo):
    bright = photo // 2 + 100  # nothing reaches 0
    grey = np.repeat(bright[..., :1], 3, axis=2)
    assert np.abs(dark(grey) - gaussian(grey - 50.0, 9, 1.7)).max() <= 1.5


def test_blur_is_21_px_with_sigma_3_5(photo):
    """So smooth a picture survives half the size and back within two grey levels, away from the borders."""
    difference = blur(photo) - gaussian(photo, 21, 3.5)
    assert np.abs(difference[4:-4, 4:-4]).max() <= 2
    assert np.abs(blur(photo) - gaussian(photo, 21, 2.5))[4:-4, 4:-4].max() > 4


def test_blur_washes_a_thin_crack_out_and_a_wide_gap_not():
    def depth(width_px):
        wall = np.full((80, 80, 3), 200, np.uint8)
        wall[:, 40 - width_px // 2 : 40 - width_px // 2 + width_px] = 50
        return 200 - int(blur(wall).min())

    thin, middle, wide = (depth(width_px) for width_px in (1, 5, 25))
    assert thin < 25 < middle < 100 < wide


@pytest.mark.parametrize("kernel_px", range(1, 23, 2))
def test_the_sweep_blurs_with_the_sigma_that_opencv_gives_each_kernel(kernel_px, photo):
    sigma_px = 0.3 * ((kernel_px - 1) / 2 - 1) + 0.8
    blurred = noise_named(f"gaussian_blur:{kernel_px}").pixels(photo, "a")
    most = 6 if kernel_px <= 7 else 1.6  # up to 7 px OpenCV has binomial kernels, which that rule comes near
    assert np.abs(blurred - gaussian(photo, kernel_px, sigma_px)).max() <= most
    assert (kernel_px == 1) == np.array_equal(blurred, photo)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mist", "there is dark, blur, gaussian_blur, under_exposure"),
        ("fog", "write one of fog:1, fog:2"),
        ("fog:6", "write one of fog:1, fog:2"),
        ("fog:", "write one of fog:1, fog:2"),
        ("gaussian_blur:8", "gaussian_blur:7, gaussian_blur:9"),
        ("dark:2", "has one level"),
    ],
)
def test_an_unknown_noise_is_one_sentence(name, says):
    with pytest.raises(DataError, match=says):
        noise_named(name)


def test_a_condition_is_called_as_it_is_asked_for():
    assert [noise_named(name).name for name in NAMES] == NAMES
