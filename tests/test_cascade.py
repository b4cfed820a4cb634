"""A cheap model in front of a dear one: what it suspects is segmented with its surroundings, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.cascade import Cascade, Triage, parts_of
from crackwise.errors import ModelError
from crackwise.imaging.tiles import predict_tiled, split_axis
from crackwise.inspection import inspect_image
from crackwise.predictor import DataTerms, ModelCard


class Darkness:
    """Probability by darkness, a map for each class, and a count of its looks."""

    runtime, precision = "test", "f32"

    def __init__(self, name: str = "segmenter", *, flat: bool = False, **card: Any) -> None:
        self.card = ModelCard(name=name, version="1", **card)
        self.sha256 = name[0].encode().hex() * 32
        self.flat = flat
        self.looks: list[tuple[int, ...]] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.looks.append(pixels.shape[:2])
        dark = 1 - pixels.mean(axis=2, dtype=np.float32) / 255
        plane = np.full_like(dark, dark.max()) if self.flat else dark
        return np.stack([plane if name == "crack" else np.ones_like(dark) for name in self.card.classes])


class Relative(Darkness):
    """Its answer at a pixel depends on all that it sees."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return super().__call__(pixels) * np.float32(pixels.mean() / 255)


def classifier(**card: Any) -> Darkness:
    """As a classifier answers: the same number everywhere."""
    return Darkness("classifier", flat=True, **({"tile_px": 64, "threshold": 0.4} | card))


def light_wall(height: int, width: int, *dark: tuple[int, int]) -> NDArray[np.uint8]:
    """All of it light but for a dark pixel at each (row, column)."""
    pixels = np.full((height, width, 3), 200, np.uint8)
    for row, column in dark:
        pixels[row, column] = 30
    return pixels


def segmented(maps: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is not zero, which must fill its window: the segmenter says zero nowhere."""
    rows, columns = (np.flatnonzero(maps[0].any(axis=axis)) for axis in (1, 0))
    window = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert maps[0, window[0] : window[1], window[2] : window[3]].all()
    return window


@pytest.mark.parametrize(
    ("dark", "expected", "suspected"),
    [
        ([(5, 9)], (0, 64 + 10, 0, 64 + 10), 1),  # in a corner: a margin where there is room
        ([(299, 399)], (224, 300, 320, 400), 1),  # parts 236 to 300 and 336 to 400, less 10, down to the grid
        ([(100, 70), (140, 160)], (32, 192 + 10, 32, 192 + 10), 2),  # neighbours by a corner: one window
        ([(100, 70), (101, 72)], (32, 128 + 10, 32, 128 + 10), 1),  # 64 less 10 is 54, down to 32
        ([(200, 200), (70, 70), (140, 140)], (32, 256 + 10, 32, 256 + 10), 3),  # what joins two joins all
    ],
)
def test_the_window_lies_around_what_the_screen_suspects(
    dark: list[tuple[int, int]], expected: tuple[int, int, int, int], suspected: int
) -> None:
    screen, segmenter = classifier(tile_px=64), Darkness(overlap_px=10)
    pixels = light_wall(300, 400, *dark)
    cascade = Cascade(screen, segmenter)
    maps = cascade(pixels)
    top, bottom, left, right = expected
    assert segmented(maps) == expected
    assert segmenter.looks == [(bottom - top, right - left)]
    assert np.array_equal(maps[:, top:bottom, left:right], Darkness()(pixels)[:, top:bottom, left:right])
    assert cascade.triage == Triage(5 * 7, suspected, 300 * 400, (bottom - top) * (right - left))


def test_what_lies_far_apart_is_segmented_apart() -> None:
    segmenter = Relative(overlap_px=10)
    pixels = light_wall(300, 400, (100, 70), (140, 330))
    cascade = Cascade(classifier(tile_px=64), segmenter)
    maps = cascade(pixels)
    seen = [(slice(32, 138), slice(32, 138)), (slice(96, 202), slice(288, 394))]
    assert segmenter.looks == [(106, 106), (106, 106)]
    for rows, columns in seen:
        assert np.array_equal(maps[:, rows, columns], Relative()(pixels[rows, columns]))
        maps[:, rows, columns] = 0
    assert not maps.any()
    assert cascade.triage == Triage(35, 2, 120_000, 2 * 106 * 106)


def test_where_nothing_is_suspected_nothing_is_segmented() -> None:
    segmenter = Darkness(classes=("crack", "drywall joint"))
    cascade = Cascade(classifier(), segmenter)
    maps = cascade(light_wall(300, 400))
    assert (maps.shape, maps.dtype, maps.any()) == ((2, 300, 400), np.float32, False)
    assert segmenter.looks == []
    assert cascade.triage == Triage(35, 0, 120_000, 0)


def test_every_pixel_is_in_a_part_and_parts_are_of_one_size() -> None:
    for height, width in ((20, 97), (300, 400), (257, 1025), (1023, 96)):
        screen = classifier(tile_px=64)
        rows, columns = parts_of(height, 64), parts_of(width, 64)
        assert set(range(width)) == {pixel for start, stop in columns for pixel in range(start, stop)}
        Cascade(screen, Darkness())(light_wall(height, width))
        assert len(screen.looks) == len(rows) * len(columns)
        assert len(set(screen.looks)) == 1


def test_a_screen_that_suspects_everything_changes_nothing() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (500, 700, 3), np.uint8)
    alone, behind = (Relative(tile_px=256, overlap_px=32) for _ in range(2))
    cascade = Cascade(classifier(), behind, 0.01)
    assert np.array_equal(predict_tiled(cascade, drawn), predict_tiled(alone, drawn))
    assert behind.looks == alone.looks
    assert len(alone.looks) > 4
    assert cascade.triage.suspected == cascade.triage.parts
    assert cascade.triage.segmented_px == cascade.triage.pixels == sum(h * w for h, w in alone.looks)


def test_tiles_are_the_segmenters_whatever_the_screen_takes() -> None:
    screen, segmenter = classifier(), Darkness(tile_px=256, overlap_px=32)
    cascade = Cascade(screen, segmenter)
    assert (cascade.card.tile_px, cascade.card.overlap_px) == (256, 32)
    maps = predict_tiled(cascade, light_wall(500, 500, (480, 20)))
    assert cascade.triage.pixels == sum(stop - start for start, stop in split_axis(500, 256, 32)) ** 2
    assert len(segmenter.looks) == 1
    assert maps[0, 480, 20] == pytest.approx(1 - 30 / 255)
    assert 0 < cascade.triage.share == cascade.triage.segmented_px / cascade.triage.pixels < 0.2


def test_a_part_at_the_threshold_is_suspected() -> None:
    level = np.float32(1) - np.float32(100) / 255
    cascade = Cascade(classifier(threshold=float(level)), Darkness())
    cascade(np.full((8, 8, 3), 100, np.uint8))
    cascade(np.full((8, 8, 3), 101, np.uint8))
    assert cascade.triage == Triage(2, 1, 128, 64)
    assert cascade.triage.to_dict() == {"parts": 2, "suspected": 1, "segmented_share": 0.5}
    assert Triage().share == 0


def test_a_screen_of_several_classes_is_heard_on_those_the_segmenter_knows() -> None:
    light = np.full((8, 8, 3), 250, np.uint8)
    cascade = Cascade(classifier(classes=("drywall joint", "crack")), Darkness())
    cascade(light)  # a joint is certain, a crack is not
    assert cascade.triage.suspected == 0
    Cascade(classifier(classes=("crack", "drywall joint")), two := Darkness(classes=("drywall joint", "crack")))(light)
    assert len(two.looks) == 1


def test_a_screen_for_something_else_is_refused() -> None:
    with pytest.raises(ModelError, match="classifier looks for 'drywall joint', segmenter for 'crack'"):
        Cascade(classifier(classes=("drywall joint",)), Darkness())


@pytest.mark.parametrize("threshold", [0, 1, float("nan")])
def test_a_threshold_that_is_none_is_refused(threshold: float) -> None:
    with pytest.raises(ModelError, match="between 0 and 1"):
        Cascade(classifier(), Darkness(), threshold)


def test_the_card_speaks_of_both() -> None:
    first = {"kept_apart": ("a:test", "b:test"), "parameters": 10, "licence": "MIT", "limits": ("Not for wood.",)}
    screen = classifier(data=(DataTerms(name="s:train", terms="x"),), **first)
    segmenter = Darkness(
        tile_px=512,
        data=(DataTerms(name="t:train", terms="y"),),
        kept_apart=("b:test",),
        parameters=5,
        scores={"b:test": {"iou": 0.7}},
        threshold=0.3,
        leakage="b shows a",
    )
    card = Cascade(screen, segmenter).card
    assert (card.name, card.threshold, card.parameters) == ("segmenter behind classifier", 0.3, 15)
    assert (card.tile_px, card.overlap_px) == (512, 64)
    assert [terms.name for terms in card.data] == ["t:train", "s:train"]
    assert card.kept_apart == ("b:test",)
    assert card.licence == "Apache-2.0 and MIT"
    assert card.scores == {}  # those of the segmenter alone would promise too much
    assert card.limits == ("What classifier passes over is never segmented.", "Not for wood.")
    assert card.leakage == "b shows a"
    assert Cascade(classifier(), segmenter).card.parameters is None


def test_its_hash_changes_with_either_file_and_with_the_threshold() -> None:
    one, other, screen = Darkness("one"), Darkness("two"), classifier()
    cascades = [Cascade(screen, one), Cascade(screen, other), Cascade(one, screen), Cascade(screen, one, 0.41)]
    assert len({cascade.sha256 for cascade in cascades}) == 4
    assert Cascade(screen, one, 0.4).sha256 == cascades[0].sha256


def test_runtimes_are_named_once_or_in_order() -> None:
    screen, segmenter = classifier(), Darkness()
    assert Cascade(screen, segmenter).runtime == "test"
    segmenter.runtime = "torch"
    assert Cascade(screen, segmenter).runtime == "test then torch"
    assert Cascade(screen, segmenter).precision == "f32"


def test_an_inspection_says_how_much_of_its_photograph_was_segmented() -> None:
    cascade = Cascade(classifier(), Darkness(threshold=0.5, overlap_px=16))
    wall = light_wall(300, 300)
    wall[20:24, 10:50] = 30
    for pixels, suspected, share in ((wall, 1, 80 * 80 / 300**2), (wall[100:], 0, 0), (wall, 1, 80 * 80 / 300**2)):
        inspection = inspect_image(pixels, cascade)
        result = inspection.to_dict()
        assert result["triage"]["suspected"] == suspected
        assert result["triage"]["segmented_share"] == pytest.approx(share, abs=1e-4)
        assert len(inspection.cracks) == suspected
        assert result["triage"]["screen"] == {
            "name": "classifier",
            "version": "1",
            "sha256": "63" * 32,
            "threshold": 0.4,
        }
        assert result["triage"]["segmenter"]["sha256"] == "73" * 32
    assert cascade.triage == Triage()
    assert inspect_image(wall, Darkness()).to_dict()["triage"] is None


def test_a_cascade_of_model_files_needs_no_torch() -> None:
    program = "import sys, crackwise.cascade; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
