"""Channel-wise distillation against its check value and a plain version."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crackwise.distillation import channel_wise, two_channels


def plainly(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """Position by position, in double precision."""
    total = 0.0
    for s, t in zip(student.reshape(-1, 16), teacher.reshape(-1, 16), strict=True):
        p_s = np.exp(s / temperature) / np.exp(s / temperature).sum()
        p_t = np.exp(t / temperature) / np.exp(t / temperature).sum()
        total += float((p_t * np.log(p_t / p_s)).sum())
    return temperature**2 * total / (student.shape[0] * student.shape[1])


def test_the_published_check_value() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 2, 4, 4), torch.randn(2, 2, 4, 4)
    assert channel_wise(student, teacher, 3) == pytest.approx(1.21606, abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 3.0, 5.0])
def test_it_is_what_a_plain_version_computes(temperature: float) -> None:
    torch.manual_seed(1)
    student, teacher = torch.randn(3, 2, 4, 4) * 4, torch.randn(3, 2, 4, 4) * 4
    expected = plainly(student.double().numpy(), teacher.double().numpy(), temperature)
    assert channel_wise(student, teacher, temperature).item() == pytest.approx(expected, rel=1e-5)


def test_a_student_that_says_the_same_but_for_a_constant_has_nothing_to_learn() -> None:
    teacher = torch.randn(2, 2, 8, 8)
    assert channel_wise(teacher + 7, teacher, 3) == pytest.approx(0, abs=1e-5)


def test_only_the_student_learns() -> None:
    student, teacher = (torch.randn(1, 2, 4, 4, requires_grad=True) for _ in range(2))
    channel_wise(student, teacher, 3).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_a_student_of_another_size_is_resampled() -> None:
    teacher = torch.zeros(1, 2, 8, 8)
    assert channel_wise(torch.zeros(1, 2, 4, 4), teacher, 3) == 0


def test_a_sure_teacher_does_not_overflow() -> None:
    sure = torch.full((1, 2, 448, 448), -80.0)
    sure[..., 5] = 80
    loss = channel_wise(-sure, sure, 1.0)
    assert loss.isfinite()
    assert loss > 100


def test_two_channels_differ_by_the_logit() -> None:
    logits = torch.randn(2, 3, 4, 4)
    pair = two_channels(logits)
    assert pair.shape == (2, 6, 4, 4)
    torch.testing.assert_close(pair[:, 1::2] - pair[:, 0::2], logits)
    torch.testing.assert_close(pair.unflatten(1, (3, 2)).softmax(2)[:, :, 1], logits.sigmoid())
