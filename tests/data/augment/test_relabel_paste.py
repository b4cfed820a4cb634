"""Labels brought to the crack; two photographs in one keep what each of them shows."""

from __future__ import annotations

import pytest
import torch

from crackwise.data.augment import lay_relief, move_labels, narrow, paste_crack
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


@pytest.mark.parametrize(("right_px", "down_px"), [(-2, -3), (2, 3), (0, 5), (-4, 0), (0, 0)])
def test_labels_move_and_what_comes_in_is_unknown(right_px: int, down_px: int) -> None:
    target = torch.zeros(1, 20, 30, dtype=torch.uint8)
    target[0, 10, 15] = 1
    moved = move_labels(Sample(torch.rand(3, 20, 30), target, "wall"), right_px, down_px).target[0]
    assert torch.nonzero(moved == 1).tolist() == [[10 + down_px, 15 + right_px]]
    assert int((moved == NOT_LABELLED).sum()) == 600 - (20 - abs(down_px)) * (30 - abs(right_px))


def test_a_joint_laid_over_a_crack_darkens_the_picture_and_labels_stay() -> None:
    sample, joint = line(4, 4), line(6, 0).image.transpose(1, 2)
    laid = lay_relief(sample, joint)
    assert torch.equal(laid.target, sample.target)
    assert float((laid.image / sample.image)[:, 40, 5].mean()) < 0.6
    assert float((laid.image / sample.image)[:, 2, 5].mean()) == pytest.approx(1, abs=0.02)
    assert torch.allclose(lay_relief(sample, joint, strength=0).image, sample.image)


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
