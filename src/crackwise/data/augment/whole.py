"""Views of whole pictures: as they are, or varied as others published it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as VF

from crackwise.data.augment.config import AugmentConfig
from crackwise.data.augment.draws import chance, uniform
from crackwise.data.augment.views import as_planes, from_planes, mirror
from crackwise.data.sample import Sample

__all__ = ["classification", "cracksam", "plain"]

SLIGHT_DEG = (-20, 20)
"""Whole degrees, the upper end left out."""
TURN_DEG = 30.0
NOISE_STD = (0.02, 0.10)


def plain(config: AugmentConfig) -> Callable[[Sample], Sample]:
    """The whole picture as a square of ``crop_px``, nothing varied."""
    return functools.partial(whole_view, side_px=config.crop_px)


def cracksam(config: AugmentConfig) -> Callable[[Sample], Sample]:
    """Half of the pictures turned by right angles and mirrored, a quarter turned slightly, a quarter as they are.

    What CrackSAM's code does (Ge et al., Construction and Building Materials 431, 2024): a slight turn takes the
    nearest pixel and leaves black, crack-free corners. Then the square of ``crop_px``:
    by Catmull-Rom's cubic where that code takes a cubic spline; labels by the nearest pixel.
    """

    def augment(sample: Sample) -> Sample:
        planes = as_planes(sample)
        if chance(0.5):
            turns, axis = int(torch.randint(4, ())), int(torch.randint(1, 3, ()))
            planes = planes.rot90(turns, (1, 2)).flip(axis)
        elif chance(0.5):
            planes = VF.rotate(planes, float(torch.randint(*SLIGHT_DEG, ())))
        return from_planes(square(planes, config.crop_px), sample.name)

    return augment


def classification(config: AugmentConfig) -> Callable[[Sample], Sample]:
    """The square of ``crop_px``; each with probability .5: turned by up to 30 degrees, jittered in colour, noisy.

    What the comparison of ResNet-50 with ViT-B/16 trained with (docs/classification.md); it does not say what comes
    into the corners of a turned picture: here its mirror image. Labels turn along; those of whole pictures stay.
    """
    jitter = v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)

    def augment(sample: Sample) -> Sample:
        planes = VF.resize(as_planes(sample), [config.crop_px, config.crop_px], antialias=True)
        if chance(0.5):
            planes = turned(planes, uniform(-TURN_DEG, TURN_DEG))
        sample = from_planes(planes, sample.name)
        image = jitter(sample.image) if chance(0.5) else sample.image
        if chance(0.5):
            image = (image + uniform(*NOISE_STD) * torch.randn_like(image)).clamp(0, 1)
        return sample._replace(image=image)

    return augment


def turned(planes: Tensor, angle_deg: float) -> Tensor:
    """Square planes (c, s, s) turned about their middle, mirrored at their borders."""
    side_px, angle = planes.shape[-1], math.radians(abs(angle_deg))
    border = math.ceil(side_px * (math.cos(angle) + math.sin(angle) - 1) / 2)
    wide = mirror(planes, (border, border, border, border))
    wide = VF.rotate(wide, angle_deg, interpolation=VF.InterpolationMode.BILINEAR)
    middle: Tensor = VF.center_crop(wide, [side_px, side_px])
    return middle.contiguous()


def whole_view(sample: Sample, side_px: int) -> Sample:
    """The whole picture as a square of this side."""
    return from_planes(VF.resize(as_planes(sample), [side_px, side_px], antialias=True), sample.name)


def square(planes: Tensor, side_px: int) -> Tensor:
    """Picture by cubic interpolation, label planes by the nearest pixel."""
    if planes.shape[1:] == (side_px, side_px):
        return planes.contiguous()
    size, modes = [side_px, side_px], VF.InterpolationMode
    image = VF.resize(planes[:3], size, modes.BICUBIC, antialias=False)
    return torch.cat([image, VF.resize(planes[3:], size, modes.NEAREST_EXACT)])
