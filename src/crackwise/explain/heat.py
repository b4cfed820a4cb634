"""What an explainer answers with, and what it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.explain.question import Scalar
from crackwise.explain.shapley import Track

__all__ = ["Heat", "Options", "scaled"]


class Heat(NamedTuple):
    """One map over the picture."""

    title: str
    values: NDArray[np.float32]
    """(h, w), as computed: neither clipped nor scaled."""
    signed: bool
    """Zero is neutral, below it speaks against the answer; else zero is the least."""
    facts: Mapping[str, str | int | float | bool]
    """How it was made."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the explainers can be told; each reads what concerns it."""

    layer: str | None = None
    """Of Grad-CAM; None: the last block of the encoder."""
    features: str = "auto"
    """Of KernelSHAP, a name of ``FEATURES``; ``auto``: patches for a network of tokens, superpixels else."""
    segments: int = 40
    """How many superpixels are asked for."""
    baseline: str = "blur"
    """What stands for "not there", a name of ``BASELINES``."""
    samples: int | None = None
    """Evaluations of KernelSHAP; None: all coalitions up to 9 features, 2 k + 512 of k beyond."""
    scalar: Scalar = "probability"
    """What KernelSHAP shares out; gradients always start at the logit."""
    seed: int = 0
    track: Track = iter
    """Of KernelSHAP: sees every coalition before the model is asked."""


def scaled(heat: Heat) -> NDArray[np.float32]:
    """The map for the eye: 0 to 1 by its least and greatest, a signed one -1 to 1 about zero; a flat one is zero."""
    values = np.nan_to_num(heat.values.astype(np.float64))
    if heat.signed:
        reach = float(np.abs(values).max())
        return (values / reach if reach > 0 else values * 0).astype(np.float32)
    least, greatest = float(values.min()), float(values.max())
    return ((values - least) / (greatest - least) if greatest > least else values * 0).astype(np.float32)
