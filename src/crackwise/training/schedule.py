"""Learning rate of every step."""

from __future__ import annotations

import math

from crackwise.training.recipe import OptimConfig

__all__ = ["rate_factor"]


def rate_factor(step: int, config: OptimConfig, total_steps: int) -> float:
    """Learning rate of a 0-based step relative to ``config.lr``.

    The warm-up grows linearly from ``warmup_start`` (at least one step's worth, so that the first moves) to 1; then
    cosine, or polynomial decay (Chen et al., DeepLab, 2017), to 0 at the horizon.
    """
    warmup = config.warmup_steps
    if step < warmup:
        start = config.warmup_start
        return max(start + (1 - start) * step / warmup, 0.0 if start else 1 / warmup)
    horizon = config.horizon_steps or max(1, total_steps - warmup)
    progress = min(1.0, (step - warmup) / horizon)
    if config.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return float((1 - progress) ** config.power) if config.schedule == "poly" else 1.0
