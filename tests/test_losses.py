"""Losses against hand-worked values and plain versions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import jaccard_score
from torch.nn import functional as F

from crackwise.losses import (
    LOSSES,
    LossConfig,
    LossTerm,
    alarms,
    bce,
    build_loss,
    ce,
    dice,
    dice_per_image,
    dice_squared,
    focal,
    lovasz,
    ohem,
)

HALF = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
HALF[..., :2] = 1


def test_cracksam_check_values_at_probability_one_half() -> None:
    logits = torch.zeros(1, 1, 4, 4)
    assert dice_squared(logits, HALF) == pytest.approx(0.33333, abs=1e-5)
    assert ce(logits, HALF) == pytest.approx(0.69315, abs=1e-5)
    config = LossConfig(terms=(LossTerm(name="ce", weight=0.2), LossTerm(name="dice_squared", weight=0.8)))
    assert build_loss(config)(logits, HALF) == pytest.approx(0.40530, abs=1e-5)


def test_two_channel_softmax_cross_entropy_is_the_sigmoid_of_the_difference() -> None:
    torch.manual_seed(0)
    pair = torch.randn(2, 2, 5, 5)
    target = torch.randint(0, 2, (2, 5, 5))
    expected = F.cross_entropy(pair, target)
    torch.testing.assert_close(ce(pair[:, 1:] - pair[:, :1], target[:, None].to(torch.uint8)), expected)


def test_dice_squared_equals_a_plain_numpy_version() -> None:
    torch.manual_seed(1)
    pair, target = torch.randn(2, 2, 6, 6), torch.randint(0, 2, (2, 6, 6))
    p, t = pair.softmax(1).numpy(), np.stack([1 - target.numpy(), target.numpy()], 1)
    plain = np.mean(
        [
            1 - (2 * (p[:, c] * t[:, c]).sum() + 1e-5) / ((t[:, c] ** 2).sum() + (p[:, c] ** 2).sum() + 1e-5)
            for c in (0, 1)
        ]
    )
    assert dice_squared(pair[:, 1:] - pair[:, :1], target[:, None].to(torch.uint8)) == pytest.approx(plain, abs=1e-6)


def test_dice_is_zero_for_a_perfect_and_one_for_a_disjoint_answer() -> None:
    logits = (HALF.float() - 0.5) * 100
    assert dice(logits, HALF) == pytest.approx(0, abs=1e-5)
    assert dice(-logits, HALF) == pytest.approx(1, abs=1e-5)


def test_dice_per_image_is_the_mean_of_what_each_picture_gives_alone() -> None:
    torch.manual_seed(4)
    logits, target = torch.randn(3, 2, 6, 6), torch.randint(0, 2, (3, 2, 6, 6), dtype=torch.uint8)
    target[1, 0] = 0
    p, t = logits.sigmoid().numpy(), target.numpy().astype(float)
    plain = [
        1 - (2 * (p[b, k] * t[b, k]).sum() + 1e-5) / (p[b, k].sum() + t[b, k].sum() + 1e-5)
        for b in range(3)
        for k in range(2)
    ]
    assert dice_per_image(logits, target) == pytest.approx(np.mean(plain), abs=1e-6)


def plain_ohem(logits: np.ndarray, target: np.ndarray, keep_below: float, at_least: int) -> float:
    """PaddleSeg's OHEM, by sorting."""
    p = 1 / (1 + np.exp(-logits.ravel()))
    t = target.ravel()
    valid = t != 255
    true_p = np.where(t == 1, p, 1 - p)
    keep = valid.copy()
    if valid.sum() > at_least:
        limit = max(keep_below, np.sort(true_p[valid])[at_least - 1])
        keep = valid & (true_p < limit)
    losses = np.where(valid, -np.log(true_p), 0)
    return float((losses * keep).mean() / (keep.mean() + 1e-5))


@pytest.mark.parametrize("at_least", [3, 10, 40, 1000])
def test_ohem_equals_a_plain_version_by_sorting(at_least: int) -> None:
    torch.manual_seed(2)
    logits = torch.randn(2, 1, 8, 8) * 3
    target = torch.randint(0, 2, (2, 1, 8, 8), dtype=torch.uint8)
    target[0, 0, 0] = 255
    expected = plain_ohem(logits.numpy(), target.numpy(), 0.7, at_least)
    assert ohem(logits, target, at_least=at_least) == pytest.approx(expected, rel=1e-5)


def test_ohem_on_a_hand_case_keeps_only_the_hard_pixel() -> None:
    logits = torch.tensor([[[[4.0, -4.0, 0.0, -4.0]]]])
    target = torch.tensor([[[[1, 0, 1, 0]]]], dtype=torch.uint8)
    assert ohem(logits, target, at_least=1) == pytest.approx(np.log(2) * 0.25 / (0.25 + 1e-5), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_pixels_that_are_not_labelled_change_nothing(name: str) -> None:
    torch.manual_seed(3)
    logits = torch.randn(2, 1, 6, 6, requires_grad=True)
    target = torch.randint(0, 2, (2, 1, 6, 6), dtype=torch.uint8)
    target[1] = 0  # a crack-free picture
    target[..., :2] = 255
    loss = LOSSES[name](logits, target)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[..., :2] == 0).all()
    assert (logits.grad[..., 2:] != 0).any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_any_label_gives_a_finite_loss(name: str) -> None:
    target = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    assert torch.isfinite(LOSSES[name](torch.randn(1, 1, 4, 4), target))


def test_alarms_weigh_crack_free_pictures_alone_and_feel_a_few_dozen_pixels() -> None:
    sure = 40.0
    logits = torch.full((4, 1, 20, 20), -sure)
    logits[0, 0, :5, :10] = sure  # 50 false pixels
    logits[1, 0, 0, 0] = sure  # one
    logits[2] = sure  # a picture that shows a crack somewhere
    logits[3] = sure  # a picture without any label
    target = torch.zeros(4, 1, 20, 20, dtype=torch.uint8)
    target[2, 0, 0, 0] = 1
    target[3] = 255
    assert alarms(logits, target) == pytest.approx((50 / 100 + 1 / 51) / 2)
    assert alarms(logits[2:], target[2:]) == 0


@pytest.mark.parametrize("name", ["bce", "ce"])
def test_a_smoothed_truth_leaves_a_floor(name: Literal["bce", "ce"]) -> None:
    loss = build_loss(LossConfig(terms=(LossTerm(name=name, smoothing=0.1),)))
    logits = torch.linspace(-8, 8, 16001)
    values = torch.stack([loss(torch.full((1, 1, 1, 2), float(x)), HALF[..., :1, :2]) for x in logits[::400]])
    assert (values >= 0.19852).all()
    best = torch.full((1, 1, 1, 2), float(np.log(0.95 / 0.05)))
    assert loss(best, HALF[..., :1, :2]) == pytest.approx(0.19852, abs=1e-5)
    assert loss(-best, 1 - HALF[..., :1, :2]) == pytest.approx(0.19852, abs=1e-5)
    pair, target = torch.randn(8, 2), torch.randint(0, 2, (8,))
    expected = F.cross_entropy(pair, target, label_smoothing=0.1)
    ours = loss((pair[:, 1] - pair[:, 0]).view(8, 1, 1, 1), target.view(8, 1, 1, 1).to(torch.uint8))
    torch.testing.assert_close(ours, expected)


def test_a_smoothed_truth_elsewhere_is_refused() -> None:
    with pytest.raises(ValidationError, match="smoothing would do nothing to dice"):
        LossTerm(name="dice", smoothing=0.1)


def test_bce_is_the_mean_over_labelled_pixels() -> None:
    logits = torch.tensor([[[[0.0, 100.0]]]])
    target = torch.tensor([[[[1, 255]]]], dtype=torch.uint8)
    assert bce(logits, target) == pytest.approx(np.log(2))


def plain_focal(logits: np.ndarray, target: np.ndarray, alpha: float, gamma: float) -> float:
    """Eq. 5 of the paper, mean over labelled pixels."""
    p, t, known = 1 / (1 + np.exp(-logits)), target == 1, target != 255
    true_p, weight = np.where(t, p, 1 - p), np.where(t, alpha, 1 - alpha)
    return float((-weight * (1 - true_p) ** gamma * np.log(true_p))[known].mean())


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2), (0.75, 0.5), (0.5, 0)])
def test_focal_is_its_formula(alpha: float, gamma: float) -> None:
    torch.manual_seed(5)
    logits, target = torch.randn(2, 2, 6, 6), torch.randint(0, 2, (2, 2, 6, 6), dtype=torch.uint8)
    target[0, :, :2] = 255
    term = LossTerm(name="focal", alpha=alpha, gamma=gamma)
    expected = plain_focal(logits.numpy(), target.numpy(), alpha, gamma)
    assert build_loss(LossConfig(terms=(term,)))(logits, target) == pytest.approx(expected, rel=1e-5)


def test_focal_at_probability_one_half() -> None:
    assert focal(torch.zeros(1, 1, 4, 4), HALF) == pytest.approx(np.log(2) / 4 / 2)


def plain_lovasz(p: np.ndarray, target: np.ndarray) -> float:
    """The Lovász extension by its definition: sets that grow by the pixel of the next largest error."""
    terms = []
    for crack_p, label in zip(p.reshape(-1, p[0, 0].size), target.reshape(-1, target[0, 0].size), strict=True):
        for t, q in ((label == 1, crack_p), (label == 0, 1 - crack_p)):
            errors = np.abs(t - q)
            known = [i for i in np.argsort(-errors) if label[i] != 255]
            if not t.any():
                continue
            wrong: set[int] = set()
            value = before = 0.0
            for i in known:
                wrong.add(i)
                after = len(wrong) / len(wrong | set(np.flatnonzero(t)))  # Eq. 3: what is wrong, of what is either
                value, before = value + errors[i] * (after - before), after
            terms.append(value)
    return float(np.mean(terms))


def test_lovasz_is_the_extension_of_one_less_iou() -> None:
    torch.manual_seed(6)
    logits, target = torch.randn(3, 2, 5, 6), torch.randint(0, 2, (3, 2, 5, 6), dtype=torch.uint8)
    target[0, 0, :2] = 255
    target[1, 0] = 0
    target[2, 1] = 255
    assert lovasz(logits, target) == pytest.approx(plain_lovasz(logits.sigmoid().numpy(), target.numpy()), rel=1e-5)


def test_lovasz_of_sure_answers_is_one_less_iou() -> None:
    torch.manual_seed(7)
    answer, target = (torch.randint(0, 2, (1, 1, 9, 9), dtype=torch.uint8) for _ in range(2))
    iou = jaccard_score(target.ravel(), answer.ravel(), average="macro")
    assert lovasz((answer.float() - 0.5) * 200, target) == pytest.approx(1 - iou, abs=1e-6)


def test_every_loss_has_a_name_in_recipes() -> None:
    for name in LOSSES:
        assert torch.isfinite(build_loss(LossConfig(terms=(LossTerm(name=name),)))(torch.zeros(1, 1, 4, 4), HALF))
