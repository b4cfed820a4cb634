"""Thin, faint cracks drawn over a picture: wandering, branching lines a little darker than the ground's own grain.

Annotated sets hold many bold cracks and few faint ones, and few grounds; a network trained on them passes over thin
cracks on ground it never met. Drawn ones are as faint as the grain lets the eye follow, on every ground there is, and
their labels are exact.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from crackwise.data.augment.draws import chance, log_uniform, uniform
from crackwise.data.augment.joints import smooth_noise
from crackwise.data.sample import Sample

__all__ = ["draw_cracks"]

Plane: TypeAlias = NDArray[np.float32]

FINENESS = 4
"""Lines are drawn this many times finer than a pixel and averaged: coverage instead of steps."""


def draw_cracks(sample: Sample) -> Sample:
    """The sample with one to three cracks of 1.2 to 4 px drawn over it, and into the first plane of its labels."""
    h, w = sample.image.shape[-2:]
    canvas = np.zeros((h * FINENESS, w * FINENESS), np.uint8)
    for _ in range(1 + int(torch.randint(3, ()))):
        start = (uniform(0, w), uniform(0, h))
        draw_branch(canvas, start, uniform(0, 2 * math.pi), log_uniform(0.25, 1.5) * max(h, w), log_uniform(1.2, 4.0))
    coverage = cv2.resize(canvas, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    shade = torch.from_numpy(cv2.GaussianBlur(coverage, (0, 0), uniform(0.3, 1.0)))
    depth = min(0.8, max(0.12, log_uniform(1.2, 5.0) * grain(sample.image.mean(0).numpy())))
    wear = (0.8 + 0.4 * smooth_noise(h, w, log_uniform(8, 40))).clamp(0.2, 1.2) if chance(0.7) else 1.0
    target = sample.target.clone()
    target[0][torch.from_numpy(coverage >= 0.4)] = 1
    return sample._replace(image=(sample.image * (1 - depth * wear * shade)).clamp(0, 1), target=target)


def draw_branch(
    canvas: NDArray[np.uint8], start_px: tuple[float, float], angle: float, length_px: float, width_px: float
) -> None:
    """Draw one wandering line of varying width from ``start_px`` (x, y), and up to two thinner ones that leave it."""
    step_px = uniform(3, 8)
    count = max(3, round(length_px / step_px))
    bends = (torch.randn(count) * uniform(0.15, 0.6)).numpy()
    angles = angle + bends + 0.3 * np.cumsum(bends) * uniform(0, 1)
    steps = np.stack([np.cos(angles), np.sin(angles)], 1) * step_px
    points = np.array(start_px) + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
    widths = width_px * np.exp(0.35 * torch.randn(count).numpy()).clip(0.5, 1.6)
    fine = np.round(points * FINENESS).astype(np.int32)
    for a, b, px in zip(fine[:-1], fine[1:], widths, strict=True):
        cv2.line(canvas, a.tolist(), b.tolist(), 255, max(FINENESS, round(float(px) * FINENESS)))
    if length_px < 60:
        return
    for _ in range(int(torch.randint(3, ()))):
        fork = int(torch.randint(count, ()))
        side = uniform(0.4, 1.5) * (1 if chance(0.5) else -1)
        start = (float(points[fork, 0]), float(points[fork, 1]))
        draw_branch(canvas, start, angles[fork] + side, length_px * uniform(0.2, 0.6), max(1.2, width_px * 0.75))


def grain(grey: Plane) -> float:
    """How far the ground's own grain departs from its local mean, relative to it: root mean square over (h, w)."""
    level = cv2.GaussianBlur(grey, (0, 0), 4.0)
    return float(np.sqrt(np.mean(np.square(grey - level) / np.square(np.maximum(level, 0.05)))))
