"""What two models say of the same photographs is compared pixel by pixel, crack by crack and width by width."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.backends.graph import GraphPredictor, PictureToMaps
from crackwise.backends.parity import LIMITS, Reference, measure_parity, refuse_difference
from crackwise.backends.shown import Picture, Shown, cut_to, drawn, drawn_photo
from crackwise.errors import ModelError
from crackwise.predictor import ModelCard, Parity

CARD = ModelCard(name="darkness", version="1", tile_px=256)
Pixels = NDArray[np.uint8]


def darkness(pixels: Pixels) -> NDArray[np.float32]:
    """Sure of what is darker than half."""
    return np.clip((100 - pixels.mean(axis=2, dtype=np.float32)) / 80 + 0.5, 0, 1)[None].astype(np.float32)


def compared(other: PictureToMaps, shown: Shown, *, one: PictureToMaps = darkness, card: ModelCard = CARD) -> Parity:
    exported = GraphPredictor(other, card, "0" * 64, runtime="test", precision="f32")
    return measure_parity(Reference(one, card, "numpy f32"), exported, shown)


def test_a_model_is_at_parity_with_itself() -> None:
    parity = compared(darkness, drawn(3))
    assert parity.largest_difference == 0
    assert (parity.mask_agreement, parity.clear_agreement, parity.found_again) == (1, 1, 1)
    assert parity.cracks[0] == parity.cracks[1] >= 3
    assert parity.median_width_px is not None
    assert parity.median_width_px[0] == parity.median_width_px[1] > 1
    assert parity.width_changes == (0, 0)
    assert (parity.photographs, parity.pictures) == ("3 drawn", 3)
    refuse_difference(parity, "f32", "file")


def test_every_pixel_counts_but_those_near_the_threshold_are_told_apart() -> None:
    def level(value: float) -> PictureToMaps:
        def flat(pixels: Pixels) -> NDArray[np.float32]:
            maps = np.full((1, *pixels.shape[:2]), 0.4, np.float32)
            maps[0, 0, :2] = 0.49995, 0.3
            return maps + np.float32(value) * (maps > 0.45)

        return flat

    shown = Shown("one", [lambda: Picture(drawn_photo(10, 10, seed=0), None)])
    parity = compared(level(0.2), shown, one=level(0))
    assert parity.largest_difference == pytest.approx(0.2, abs=1e-6)
    assert (parity.mask_agreement, parity.clear_agreement) == (0.99, 1)
    with pytest.raises(
        ModelError, match=r"differs from numpy f32: probabilities by 0\.2 \(allowed 0\.0001\)\. Nothing"
    ):
        refuse_difference(parity, "f32", "file")


def test_widths_that_change_and_cracks_that_are_lost_are_refused() -> None:
    def half(pixels: Pixels) -> NDArray[np.float32]:
        maps = darkness(pixels)
        maps[..., maps.shape[2] // 2 :] = 0
        return maps

    parity = compared(half, drawn(3))
    assert 0.3 < parity.found_again < 0.7
    assert "of the cracks' length is found again (at least 90.0%)" in refused(parity, "int8")
    wider = parity.model_copy(update={"median_width_px": (3.0, 3.07), "found_again": 1.0})
    assert "the median width by 2.33% (allowed 2.00%)" in refused(wider, "int8")


def refused(parity: Parity, precision: str) -> str:
    with pytest.raises(ModelError) as caught:
        refuse_difference(parity, precision, "file")
    return str(caught.value)


def test_f1_is_of_all_labelled_pixels_together() -> None:
    def labelled() -> Picture:
        photo = drawn_photo(60, 80, seed=2)
        target = (darkness(photo) >= 0.5).astype(np.uint8)
        target[:, :, 40:] = 255
        return Picture(photo, target)

    def less(pixels: Pixels) -> NDArray[np.float32]:
        maps = darkness(pixels)
        maps[..., :20] = 0
        return maps

    parity = compared(less, Shown("labelled", [labelled]))
    assert parity.f1 is not None
    assert parity.f1[0] == 1
    assert 0.5 < parity.f1[1] < 0.8
    assert "F1 falls from 1.0000 to" in refused(parity, "bf16")


def test_int8_needs_labels_that_would_tell() -> None:
    assert "no labelled cracks were shown" in refused(compared(darkness, drawn(1)), "int8")


@pytest.mark.parametrize("label", [0, 255])
def test_labels_without_cracks_tell_nothing_of_int8(label: int) -> None:
    photo = drawn_photo(60, 80, seed=2)
    empty = Picture(photo, np.full((1, 60, 80), label, np.uint8))
    parity = compared(darkness, Shown("empty", [lambda: empty]).filled())
    assert parity.median_width_px is not None
    assert parity.f1 is None
    assert "no labelled cracks were shown" in refused(parity, "int8")
    refuse_difference(parity, "f16", "file")


def test_labelled_cracks_that_the_model_does_not_find_tell_nothing_of_int8() -> None:
    photo = drawn_photo(60, 80, seed=2)
    elsewhere = Picture(photo, (darkness(photo) < 0.1).astype(np.uint8))
    parity = compared(darkness, Shown("elsewhere", [lambda: elsewhere]))
    assert parity.f1 == (0, 0)
    assert "no labelled cracks were shown" in refused(parity, "int8")


def test_what_is_marked_all_over_has_no_widths() -> None:
    parity = compared(
        lambda pixels: np.ones((1, *pixels.shape[:2]), np.float32),
        drawn(1),
        one=lambda pixels: np.ones((1, *pixels.shape[:2]), np.float32),
    )
    assert (parity.cracks, parity.median_width_px, parity.width_changes) == ((0, 0), None, None)
    refuse_difference(parity, "f32", "file")


def test_maps_of_another_shape_are_no_parity() -> None:
    with pytest.raises(ModelError, match="were expected"):
        compared(lambda pixels: darkness(pixels)[:, 1:], drawn(1))


def test_cracks_of_two_classes_are_not_compared_with_each_other() -> None:
    card = CARD.model_copy(update={"classes": ("crack", "seam")})

    def first(pixels: Pixels) -> NDArray[np.float32]:
        return np.concatenate([darkness(pixels), darkness(pixels) * 0])

    parity = compared(lambda pixels: first(pixels)[::-1], drawn(2), one=first, card=card)
    assert parity.cracks[0] == parity.cracks[1] > 0
    assert (parity.found_again, parity.median_width_px) == (0, None)


def test_every_precision_has_limits_and_less_precise_ones_wider() -> None:
    assert LIMITS["f32"].clear_agreement == 0.9999
    assert LIMITS["int8"][2] == 0.02
    assert LIMITS["int8"].f1_loss == 0.005
    agreements = [LIMITS[name].clear_agreement for name in ("f32", "f16", "bf16", "int8")]
    assert agreements == sorted(agreements, reverse=True)


@pytest.mark.parametrize("size", [(20, 200), (200, 20), (20, 20), (64, 48), (100, 300)])
def test_a_photograph_is_cut_or_filled_up_with_its_label(size: tuple[int, int]) -> None:
    photo = drawn_photo(*size, seed=6)
    picture = cut_to(Picture(photo, photo.max(axis=2)[None] // 2), (64, 48))
    assert picture.pixels.shape == (64, 48, 3)
    assert picture.target is not None
    known = picture.target != 255
    assert known.sum() == min(size[0], 64) * min(size[1], 48)
    assert np.array_equal(picture.target[known], (picture.pixels.max(axis=2)[None] // 2)[known])
