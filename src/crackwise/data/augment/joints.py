"""Joints of bricks, tiles, slabs and planks, drawn over a picture: dark straight lines that are no cracks.

They are straight and regular where a crack is neither; everything else about them varies: pitch, bond, width, depth of
shadow, a lit edge, how worn they are, and the tone of each brick.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from crackwise.data.augment.draws import chance, log_uniform, uniform
from crackwise.data.sample import Sample

__all__ = ["draw_joints"]


def draw_joints(sample: Sample) -> Sample:
    """The sample with joints drawn over its ground; its cracks stay as they are."""
    h, w = sample.image.shape[-2:]
    angle = uniform(0, math.pi)
    y, x = torch.meshgrid(torch.arange(h, dtype=torch.float32), torch.arange(w, dtype=torch.float32), indexing="ij")
    waver = smooth_noise(h, w, log_uniform(6, 40)) * uniform(0, 1.5)
    along = x * math.cos(angle) + y * math.sin(angle) + waver
    across = y * math.cos(angle) - x * math.sin(angle) + waver
    pitch_px = log_uniform(24, 300)
    width_px = log_uniform(1.0, min(9.0, pitch_px / 5))
    course, from_bed_px = cells(across, pitch_px, uniform(0, 1))
    lines, edges = profile(from_bed_px, width_px)
    brick = course
    if chance(0.7):
        head_pitch_px = pitch_px * uniform(1.0, 3.0)
        stagger = uniform(0.3, 0.5) if chance(0.6) else 0.0
        column, from_head_px = cells(along + stagger * course * head_pitch_px, head_pitch_px, uniform(0, 1))
        heads, head_edges = profile(from_head_px, width_px * uniform(0.6, 1.0))
        lines, edges = torch.maximum(lines, heads), torch.maximum(edges, head_edges)
        brick = brick + 57 * column
    wear = (0.6 + 0.8 * smooth_noise(h, w, log_uniform(10, 80))).clamp(0.1, 1) if chance(0.6) else torch.ones(h, w)
    tone = uniform(0.2, 0.8) if chance(0.75) else uniform(1.15, 1.5)
    light = 1 + (tone - 1) * lines * wear
    if chance(0.4):
        light = light * (1 + uniform(0.05, 0.3) * edges * (1 - lines))
    if chance(0.5):
        tones = 1 + 0.1 * torch.randn(64) * uniform(0, 1)
        light = light * tones[brick.long() % 64]
    ground = 1 - (sample.target == 1).any(0).float()
    return sample._replace(image=(sample.image * (1 + (light - 1) * ground)).clamp(0, 1))


def cells(position_px: Tensor, pitch_px: float, start: float) -> tuple[Tensor, Tensor]:
    """Number of the cell that each pixel lies in, and its signed distance (px) from the nearest border of cells."""
    turns = position_px / pitch_px + start
    number = torch.floor(turns + 0.5)
    return torch.floor(turns), (turns - number) * pitch_px


def profile(distance_px: Tensor, width_px: float) -> tuple[Tensor, Tensor]:
    """Coverage (0..1) of a joint of this width, and of the edge that catches the light on one side of it."""
    softness_px = uniform(0.2, 0.5)
    line = torch.sigmoid((width_px / 2 - distance_px.abs()) / softness_px)
    edge = torch.sigmoid((width_px / 3 + 0.5 - (distance_px - 0.8 * width_px).abs()) / softness_px)
    return line, edge


def smooth_noise(h: int, w: int, grain_px: float) -> Tensor:
    """Noise (h, w) of about unit deviation whose grains are about ``grain_px`` across."""
    rows, columns = max(2, round(h / grain_px)), max(2, round(w / grain_px))
    return F.interpolate(torch.randn(1, 1, rows, columns), (h, w), mode="bicubic", align_corners=False)[0, 0]
