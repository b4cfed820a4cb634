"""Picture and labels stay together under every view; nothing leaves its range."""

from __future__ import annotations

import pytest
import torch

from crackwise.data.augment import AugmentConfig, build_augmentation, draw_joints, random_view
from crackwise.data.sample import NOT_LABELLED, Sample


def striped(size_px: int = 96) -> Sample:
    """A white picture whose black pixels are exactly its crack."""
    target = torch.zeros(1, size_px, size_px, dtype=torch.uint8)
    target[0, size_px // 2 - 6 : size_px // 2 + 6] = 1
    target[0, :, size_px // 3 : size_px // 3 + 10] = 1
    return Sample(1 - target.float().expand(3, -1, -1).clone(), target, "striped")


@pytest.mark.parametrize("seed", range(12))
def test_labels_follow_the_picture_under_zoom_rotation_and_flip(seed: int) -> None:
    torch.manual_seed(seed)
    view = random_view(striped(), AugmentConfig(crop_px=80, scale=(0.7, 1.5)))
    assert view.image.shape == (3, 80, 80)
    labelled = view.target[0] != NOT_LABELLED
    dark = view.image[0] < 0.5
    disagree = (dark != (view.target[0] == 1)) & labelled
    assert disagree.float().mean() < 0.03  # only pixels on an edge


@pytest.mark.parametrize("seed", range(20))
def test_every_augmentation_keeps_shape_and_range(seed: int) -> None:
    torch.manual_seed(seed)
    p = dict.fromkeys(("grey_p", "gamma_p", "shadow_p", "blur_p", "noise_p", "jpeg_p", "joints_p"), 1.0)
    view = build_augmentation(AugmentConfig(crop_px=64, **p))(striped(50))
    assert view.image.shape == (3, 64, 64)
    assert view.target.shape == (1, 64, 64)
    assert view.image.min() >= 0
    assert view.image.max() <= 1
    assert set(view.target.unique().tolist()) <= {0, 1, NOT_LABELLED}


def test_one_seed_gives_one_view() -> None:
    augment = build_augmentation(AugmentConfig(crop_px=48))
    views = []
    for _ in range(2):
        torch.manual_seed(5)
        views.append(augment(striped()))
    assert torch.equal(views[0].image, views[1].image)
    assert torch.equal(views[0].target, views[1].target)


def test_drawn_joints_are_no_cracks_and_spare_the_cracks() -> None:
    torch.manual_seed(0)
    before = striped()._replace(image=torch.full((3, 96, 96), 0.5))
    after = draw_joints(before)
    assert torch.equal(after.target, before.target)
    changed = (after.image != before.image).any(0)
    assert changed.any()
    assert not changed[before.target[0] == 1].any()


def test_a_picture_smaller_than_the_crop_is_mirrored() -> None:
    torch.manual_seed(0)
    view = random_view(striped(20), AugmentConfig(crop_px=100, scale=(1.0, 1.0), rotation_deg=0))
    assert view.image.shape == (3, 100, 100)
    assert 0.2 < (view.target == 1).float().mean() < 0.9
