"""Wide labels shrink to the crack; pasted cracks darken the new ground where they are labelled."""

from __future__ import annotations

import torch

from crackwise.data.augment import narrow, paste_crack, tolerate
from crackwise.data.sample import NOT_LABELLED, Sample


def line(width_px: int, label_px: int, size_px: int = 80) -> Sample:
    """A dark vertical line of one width under a label of another."""
    middle = size_px // 2
    image = torch.full((3, size_px, size_px), 0.7)
    image[:, :, middle - width_px // 2 : middle + (width_px + 1) // 2] = 0.2
    target = torch.zeros(1, size_px, size_px, dtype=torch.uint8)
    target[0, :, middle - label_px // 2 : middle + (label_px + 1) // 2] = 1
    return Sample(image, target, "line")


def test_a_label_three_times_too_wide_shrinks_to_the_dark_line_and_a_pixel_around_it() -> None:
    narrowed = narrow(line(width_px=4, label_px=12)).target[0]
    assert ((narrowed == 1).sum(1) - 6).abs().max() <= 1
    assert ((narrowed != 0).sum(1) == 12).all()


def test_a_label_without_contrast_becomes_unknown_not_crack() -> None:
    sample = line(4, 12)
    flat = sample._replace(image=torch.full_like(sample.image, 0.5))
    assert set(narrow(flat).target.unique().tolist()) == {0, NOT_LABELLED}


def test_two_pixels_beside_a_tolerant_label_are_not_judged_and_nothing_else_changes() -> None:
    sample = line(4, 4)
    target = tolerate(sample).target[0]
    unknown = [NOT_LABELLED] * 2
    assert target[40].tolist()[34:46] == [0, 0, *unknown, 1, 1, 1, 1, *unknown, 0, 0]
    assert ((target == 1) == (sample.target[0] == 1)).all()
    empty = sample._replace(target=torch.zeros(2, 80, 80, dtype=torch.uint8))
    assert torch.equal(tolerate(empty).target, empty.target)


def test_an_empty_label_stays_empty() -> None:
    sample = line(4, 12)._replace(target=torch.zeros(1, 80, 80, dtype=torch.uint8))
    assert torch.equal(narrow(sample).target, sample.target)


def test_a_pasted_crack_keeps_its_contrast_on_a_darker_wall() -> None:
    ground = Sample(torch.full((3, 80, 80), 0.4), torch.zeros(1, 80, 80, dtype=torch.uint8), "wall")
    pasted = paste_crack(ground, line(4, 4))
    assert torch.equal(pasted.target, line(4, 4).target)
    crack = pasted.image[:, pasted.target[0] == 1]
    assert abs(float(crack.mean()) - 0.4 * 0.2 / 0.7) < 0.05
    assert torch.allclose(pasted.image[:, :, :20], ground.image[:, :, :20])
    assert pasted.name == "wall"


def test_strength_zero_leaves_the_ground_alone() -> None:
    ground = Sample(torch.rand(3, 80, 80), torch.zeros(1, 80, 80, dtype=torch.uint8), "wall")
    assert torch.allclose(paste_crack(ground, line(4, 4), strength=0).image, ground.image)
