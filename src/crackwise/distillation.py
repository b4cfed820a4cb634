"""Channel-wise distillation: a student learns where its teacher sees cracks, and how surely.

Shu, Liu, Gao, Yan and Shen, "Channel-wise knowledge distillation for dense prediction", ICCV 2021, arXiv:2011.13256.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.nn import functional as F

from crackwise.processes import joined_sum
from crackwise.strict import Strict

__all__ = ["DistillConfig", "channel_wise", "two_channels"]


class DistillConfig(Strict):
    """Whom a student learns from besides the labels, and how much that counts."""

    teacher: str
    """A run folder, or an exported ``.onnx`` file."""
    temperature: PositiveFloat = 3.0
    weight: PositiveFloat = 5.0
    """Of the distillation beside the terms of the loss; 3.0 and 5.0 are CrackSAM's."""
    keep: Literal["f32", "f16"] | None = None
    """Ask the teacher once per view and keep its answers in this form; for a fixed number of views
    (``data.views_per_picture``). By default it is asked in every step."""


def channel_wise(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 / (B C) times the sum of KL(teacher || student) over pictures and channels.

    Both are channels (B, C, h, w); each is a softmax over its positions. A student of another size is resampled to
    the teacher's. Where processes share a batch, it is that of the whole.
    """
    if student.shape[2:] != teacher.shape[2:]:
        student = F.interpolate(student, teacher.shape[2:], mode="bilinear", align_corners=False)
    log_student = (student / temperature).flatten(2).log_softmax(-1)
    log_teacher = (teacher.detach() / temperature).flatten(2).log_softmax(-1)
    divergence = (log_teacher.exp() * (log_teacher - log_student)).sum()
    channels = divergence.new_tensor(student.shape[0] * student.shape[1])
    if torch.is_grad_enabled():
        divergence, channels = joined_sum(divergence), joined_sum(channels)
    return temperature**2 * divergence / channels


def two_channels(logits: Tensor) -> Tensor:
    """Background and crack (B, 2K, h, w) of one logit per class (B, K, h, w): minus and plus its half.

    A network that ends in two softmax channels has learnt their difference alone; what both share is arbitrary, and so
    left out: this way any network teaches any other.
    """
    return torch.stack([-logits / 2, logits / 2], 2).flatten(1, 2)
