"""A cheap model in front of a dear one: what it lets through is segmented, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.cascade import Cascade, Triage
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


def classifier(**card: Any) -> Darkness:
    """As a classifier answers: the same number everywhere."""
    return Darkness("classifier", flat=True, **({"tile_px": 64, "threshold": 0.4} | card))


@pytest.fixture
def wall() -> NDArray[np.uint8]:
    """300x300 px, all of it light but for a crack in the upper left corner."""
    pixels = np.full((300, 300, 3), 200, np.uint8)
    pixels[20:24, 10:50] = 30
    return pixels


def test_only_what_the_screen_suspects_is_segmented(wall: NDArray[np.uint8]) -> None:
    screen, segmenter = classifier(), Darkness(overlap_px=16)
    cascade = Cascade(screen, segmenter)
    maps = predict_tiled(cascade, wall)
    tiles = len(split_axis(300, 64, 16)) ** 2
    assert cascade.triage == Triage(tiles, 1)
    assert (len(screen.looks), len(segmenter.looks)) == (tiles, 1)
    assert maps[0, 21, 30] == pytest.approx(1 - 30 / 255)
    assert maps[0, 5, 5] == pytest.approx(1 - 200 / 255)  # in the segmented tile what the segmenter says
    assert not maps[0, 100:].any()


def test_behind_a_screen_that_lets_all_through_nothing_changes(wall: NDArray[np.uint8]) -> None:
    segmenter = Darkness(tile_px=64, overlap_px=16)
    cascade = Cascade(classifier(), segmenter, 0.01)
    assert np.array_equal(predict_tiled(cascade, wall), predict_tiled(segmenter, wall))
    assert cascade.triage.tiles == cascade.triage.segmented


def test_behind_a_screen_that_lets_nothing_through_there_is_no_crack(wall: NDArray[np.uint8]) -> None:
    segmenter = Darkness()
    cascade = Cascade(classifier(), segmenter, 0.99)
    assert not predict_tiled(cascade, wall).any()
    assert segmenter.looks == []


def test_a_tile_at_the_threshold_is_segmented() -> None:
    level = np.float32(1) - np.float32(100) / 255
    cascade = Cascade(classifier(threshold=float(level)), Darkness())
    cascade(np.full((8, 8, 3), 100, np.uint8))
    cascade(np.full((8, 8, 3), 101, np.uint8))
    assert cascade.triage == Triage(2, 1)


def test_tiles_are_as_large_as_the_screens_whatever_the_segmenter_takes(wall: NDArray[np.uint8]) -> None:
    cascade = Cascade(classifier(tile_px=128), Darkness(tile_px=1024, overlap_px=32))
    assert (cascade.card.tile_px, cascade.card.overlap_px) == (128, 32)
    predict_tiled(cascade, wall)
    assert cascade.triage.tiles == len(split_axis(300, 128, 32)) ** 2


def test_a_screen_of_several_classes_is_heard_on_those_the_segmenter_knows() -> None:
    light = np.full((8, 8, 3), 250, np.uint8)
    cascade = Cascade(classifier(classes=("drywall joint", "crack")), Darkness())
    cascade(light)  # a joint is certain, a crack is not
    assert cascade.triage.segmented == 0
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
        data=(DataTerms(name="t:train", terms="y"),),
        kept_apart=("b:test",),
        parameters=5,
        scores={"b:test": {"iou": 0.7}},
        threshold=0.3,
        leakage="b shows a",
    )
    card = Cascade(screen, segmenter).card
    assert (card.name, card.threshold, card.parameters) == ("segmenter behind classifier", 0.3, 15)
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


def test_an_inspection_says_how_many_tiles_of_its_photograph_were_segmented(wall: NDArray[np.uint8]) -> None:
    cascade = Cascade(classifier(), Darkness(threshold=0.5, overlap_px=16))
    for pixels, segmented in ((wall, 1), (wall[100:], 0), (wall, 1)):
        inspection = inspect_image(pixels, cascade)
        result = inspection.to_dict()
        assert result["triage"]["segmented"] == segmented
        assert len(inspection.cracks) == segmented
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
