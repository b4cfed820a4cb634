"""Two photographs in one: cracks painted onto crack-free ground, and the relief of crack-free ground laid over cracks.

Only ratios travel: of the crack's grey to the ground beside it, of joints, stains and plants to the wall around them.
So each photograph keeps its own texture and light. It teaches that texture says nothing about cracks, and gives
crack-free walls, of which there are never enough, a second and a third use.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from crackwise.data.sample import NOT_LABELLED, Sample

__all__ = ["lay_relief", "paste_crack"]

GROUND_SIGMA_PX = 9.0


def paste_crack(ground: Sample, donor: Sample, strength: float = 1.0) -> Sample:
    """``ground`` with the cracks of ``donor`` on it; both (3, h, w) of one size.

    ``strength`` bends the darkening: 0 leaves the ground as it is, 1 copies it, 2 squares it.
    """
    crack = donor.target == 1
    reach = cv2.dilate(crack.any(0).numpy().astype(np.float32), np.ones((5, 5), np.uint8))
    weight = torch.from_numpy(cv2.GaussianBlur(reach, (0, 0), 1.2))
    ratio = darkening(donor.image, torch.from_numpy(reach)) ** strength
    image = ground.image * (1 - weight * (1 - ratio))
    target = torch.where(crack, donor.target, ground.target)
    target = torch.where((donor.target == NOT_LABELLED) & (ground.target == 0), donor.target, target)
    return Sample(image.clamp(0, 1), target, ground.name)


def lay_relief(sample: Sample, wall: Tensor, strength: float = 1.0) -> Sample:
    """``sample`` (3, h, w) with the light and dark of a crack-free ``wall`` (3, h, w) over it; labels stay.

    ``strength`` bends the ratio: 0 leaves the sample as it is, 1 copies it, 2 squares it.
    """
    grey = wall.mean(0).numpy()
    ratio = np.clip(grey / np.maximum(cv2.GaussianBlur(grey, (0, 0), GROUND_SIGMA_PX), 0.02), 0.3, 1.5)
    return sample._replace(image=(sample.image * torch.from_numpy(ratio) ** strength).clamp(0, 1))


def darkening(image: Tensor, reach: Tensor) -> Tensor:
    """Picture over its local ground as seen beside the crack, at most 1.1; (3, h, w)."""
    pixels = np.ascontiguousarray(image.numpy().transpose(1, 2, 0))
    free = (1 - reach.numpy())[..., None]
    weight = cv2.GaussianBlur(free, (0, 0), GROUND_SIGMA_PX)[..., None]
    level = cv2.GaussianBlur(pixels * free, (0, 0), GROUND_SIGMA_PX) / np.maximum(weight, 1e-3)
    ratio = np.clip(pixels / np.maximum(level, 0.02), 0.05, 1.1)
    return torch.from_numpy(np.ascontiguousarray(ratio.transpose(2, 0, 1)))
