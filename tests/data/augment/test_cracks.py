"""Drawn cracks are dark where their label is, nowhere else, and as faint as the ground's grain."""

import pytest
import torch

from crackwise.data.augment import draw_cracks
from crackwise.data.feed import DataConfig
from crackwise.data.sample import NOT_LABELLED, Sample


def ground(*, grain: float, side_px: int = 160) -> Sample:
    """A grey plane of this relative grain; nothing on it, its last rows not labelled."""
    image = (0.6 * (1 + grain * torch.randn(1, side_px, side_px))).clamp(0, 1).expand(3, -1, -1).clone()
    target = torch.zeros(2, side_px, side_px, dtype=torch.uint8)
    target[:, -8:] = NOT_LABELLED
    return Sample(image, target, "ground")


@pytest.mark.parametrize("seed", range(8))
def test_a_drawn_crack_is_dark_and_labelled_in_the_first_plane(seed: int) -> None:
    torch.manual_seed(seed)
    before = ground(grain=0.02)
    after = draw_cracks(before)
    crack = after.target[0] == 1
    assert 20 < crack.sum() < 0.25 * crack.numel()
    assert (after.image - before.image)[:, crack].mean() < -0.02
    near = torch.nn.functional.max_pool2d(crack[None, None].float(), 11, 1, 5)[0, 0] > 0
    torch.testing.assert_close(after.image[:, ~near], before.image[:, ~near])
    assert torch.equal(after.target[1], before.target[1])
    assert torch.equal(after.target[0][~crack], before.target[0][~crack])


def test_on_a_coarse_ground_it_is_deeper() -> None:
    depths = []
    for grain in (0.01, 0.15):
        torch.manual_seed(1)
        before = ground(grain=grain)
        torch.manual_seed(2)
        after = draw_cracks(before)
        depths.append(((before.image - after.image) / before.image)[:, after.target[0] == 1].mean())
    assert depths[1] > 1.3 * depths[0]


def test_the_same_seed_draws_the_same() -> None:
    sample = ground(grain=0.05)
    drawn = []
    for _ in range(2):
        torch.manual_seed(4)
        drawn.append(draw_cracks(sample))
    assert torch.equal(drawn[0].image, drawn[1].image)
    assert torch.equal(drawn[0].target, drawn[1].target)


def test_cracks_are_not_drawn_into_another_class() -> None:
    values = {"train": ["a"], "val": ["b"], "classes": ["joint"], "augment": {"cracks_p": 0.5}}
    with pytest.raises(ValueError, match=r"cracks_p draws cracks, the first of the classes is 'joint'"):
        DataConfig.model_validate(values)
