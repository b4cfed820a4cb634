"""Whole pictures, varied as others published it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage

from crackwise.data.augment import AUGMENTATIONS, AugmentConfig, build_augmentation, whole
from crackwise.data.sample import NOT_LABELLED, Sample

SIDE_PX = 24


def lopsided() -> Sample:
    """A picture that no turn and no mirror maps onto itself; red is 1 on its crack, green where nothing is labelled."""
    rng = np.random.default_rng(0)
    target = np.zeros((1, SIDE_PX, SIDE_PX), np.uint8)
    target[0, 4:15, 6:9] = 1
    target[0, 18:21, 3:12] = NOT_LABELLED
    image = rng.uniform(0.1, 0.9, (3, SIDE_PX, SIDE_PX)).astype(np.float32)
    image[0], image[1] = target[0] == 1, target[0] == NOT_LABELLED
    return Sample(torch.from_numpy(image), torch.from_numpy(target), "lopsided")


def right_angles(image: torch.Tensor) -> list[np.ndarray]:
    """The picture as turned by k right angles and then flipped about an axis: sixteen ways, eight results."""
    return [np.flip(np.rot90(image.numpy(), k, (1, 2)), axis) for k in range(4) for axis in (1, 2)]


def slight_turns(image: torch.Tensor) -> list[np.ndarray]:
    """Turned by every whole degree in [-20, 19], nearest pixel, zeros outside: by another library."""
    return [
        ndimage.rotate(image.numpy(), angle, (1, 2), reshape=False, order=0, mode="constant")
        for angle in range(-20, 20)
    ]


def kind_of(view: Sample, sample: Sample) -> str:
    """Which of the three things happened; a rotation's nearest pixels may differ on a rounding."""
    got = view.image.numpy()
    if np.array_equal(got, sample.image.numpy()):
        return "as it is"
    if any(np.array_equal(got, way) for way in right_angles(sample.image)):
        return "right angle"
    turned = max(np.mean(got == way) for way in slight_turns(sample.image))
    return "slight turn" if turned > 0.97 else "unknown"


def test_cracksam_turns_half_by_right_angles_and_a_quarter_slightly() -> None:
    sample, augment = lopsided(), build_augmentation(AugmentConfig(kind="cracksam", crop_px=SIDE_PX))
    torch.manual_seed(0)
    counts = Counter(kind_of(augment(sample), sample) for _ in range(800))
    assert set(counts) == {"as it is", "right angle", "slight turn"}
    assert counts["right angle"] == pytest.approx(400, abs=60)
    assert counts["as it is"] == pytest.approx(200 + 5, abs=50)  # a turn by 0 degrees in forty


def test_cracksam_labels_follow_the_picture_and_corners_are_no_crack() -> None:
    sample, augment = lopsided(), build_augmentation(AugmentConfig(kind="cracksam", crop_px=SIDE_PX))
    torch.manual_seed(1)
    for view in (augment(sample) for _ in range(50)):
        assert view.target[0].eq(1).equal(view.image[0] == 1)
        assert view.target[0].eq(NOT_LABELLED).equal(view.image[1] == 1)


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "varied"])
def test_a_picture_of_any_shape_becomes_the_square(kind: str) -> None:
    augment = build_augmentation(AugmentConfig(kind=kind, crop_px=32))
    sample = Sample(torch.rand(3, 50, 70), torch.randint(0, 2, (2, 50, 70), dtype=torch.uint8), "wide")
    torch.manual_seed(0)
    for _ in range(8):
        view = augment(sample)
        assert view.image.shape == (3, 32, 32)
        assert view.target.shape == (2, 32, 32)
        assert view.image.min() >= 0
        assert view.image.max() <= 1


def test_a_kind_of_its_own_takes_no_settings_beside_it() -> None:
    with pytest.raises(ValidationError, match="cracksam varies pictures in its own way: rotation_deg, light would"):
        AugmentConfig(kind="cracksam", rotation_deg=20, light=0)


def test_every_kind_of_a_recipe_is_a_row() -> None:
    assert set(AugmentConfig.model_fields["kind"].annotation.__args__) == set(AUGMENTATIONS)  # type: ignore[union-attr]


def test_classification_turns_jitters_and_is_noisy_each_half_of_the_time() -> None:
    augment = build_augmentation(AugmentConfig(kind="classification", crop_px=48))
    colours = torch.tensor([0.3, 0.5, 0.6])[:, None, None].expand(3, 48, 48).clone()
    colours[:, 20:24] = 0.1  # a level bar: turned it is not level
    sample = Sample(colours, torch.ones(1, 48, 48, dtype=torch.uint8), "bar")
    torch.manual_seed(0)
    noisy, stds, plain = 0, [], 0
    for _ in range(400):
        view = augment(sample)
        assert view.image.shape == (3, 48, 48)
        assert 0 <= view.image.min() <= view.image.max() <= 1
        assert (view.target == 1).all()
        rough = (view.image[:, :5, 1:] - view.image[:, :5, :-1]).std() / 2**0.5
        noisy += bool(rough > 0.01)
        if rough > 0.01 and not (view.image[:, :5] > 0.95).any():
            stds.append(float(rough))
        plain += torch.equal(view.image, sample.image)
    assert noisy == pytest.approx(200, abs=40)
    assert plain == pytest.approx(50, abs=25)
    assert 0.015 < min(stds) < 0.035
    assert 0.08 < max(stds) < 0.115


def test_classification_turns_by_up_to_thirty_degrees_and_mirrors_at_the_border(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    angles: list[float] = []
    monkeypatch.setattr(whole, "turned", lambda planes, angle: (angles.append(angle), planes)[1])
    augment = build_augmentation(AugmentConfig(kind="classification", crop_px=16))
    sample = Sample(torch.full((3, 16, 16), 0.5), torch.zeros(1, 16, 16, dtype=torch.uint8), "grey")
    torch.manual_seed(0)
    for _ in range(400):
        augment(sample)
    assert len(angles) == pytest.approx(200, abs=40)
    assert -30 <= min(angles) < -28
    assert 28 < max(angles) <= 30


@pytest.mark.parametrize("angle_deg", [-30.0, 7.0, 30.0])
def test_a_turned_square_is_that_of_another_library(angle_deg: float) -> None:
    y, x = np.mgrid[:40, :40] / 39
    smooth = (0.5 + 0.2 * np.sin(5 * x) + 0.2 * np.cos(4 * y + x)).astype(np.float32)[None]
    ours = whole.turned(torch.from_numpy(smooth), angle_deg).numpy()
    theirs = ndimage.rotate(smooth, angle_deg, (1, 2), reshape=False, order=1, mode="mirror")
    assert np.abs(ours - theirs).max() < 0.02
