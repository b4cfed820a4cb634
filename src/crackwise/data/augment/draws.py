"""Single random numbers, all from torch's generator."""

from __future__ import annotations

import math

import torch

__all__ = ["chance", "log_uniform", "uniform"]


def uniform(low: float, high: float) -> float:
    """One number between ``low`` and ``high``."""
    return low + (high - low) * torch.rand(()).item()


def log_uniform(low: float, high: float) -> float:
    """One number between ``low`` and ``high``, every octave as likely as the next."""
    return math.exp(uniform(math.log(low), math.log(high)))


def chance(p: float) -> bool:
    """True with probability ``p``."""
    return torch.rand(()).item() < p
