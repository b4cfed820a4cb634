"""Augmentation of a picture together with its label planes, on torchvision v2.

One geometric step moves picture and labels as one stack of planes, so that they cannot drift apart; labels stay soft
until the end, because nearest-neighbour resampling tears one-pixel cracks. Then light, blur, noise, JPEG and shadows
change the picture alone. All randomness comes from torch's generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import simplejpeg
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as VF

from crackwise.data.augment.config import AugmentConfig
from crackwise.data.augment.cracks import draw_cracks
from crackwise.data.augment.draws import chance, uniform
from crackwise.data.augment.joints import draw_joints
from crackwise.data.sample import NOT_LABELLED, Sample

__all__ = ["as_planes", "from_planes", "random_view", "varied"]


def random_view(sample: Sample, config: AugmentConfig) -> Sample:
    """A random crop of ``crop_px``, zoomed, rotated and flipped; what lies outside is mirrored."""
    zoom = math.exp(uniform(math.log(config.scale[0]), math.log(config.scale[1])))
    angle_deg = uniform(-config.rotation_deg, config.rotation_deg)
    side_px = max(8, round(config.crop_px / zoom))
    if chance(0.4):  # a right angle needs no interpolation: the sharpest views
        planes = torch.rot90(cut(as_planes(sample), side_px), round(angle_deg / 90), (1, 2))
    else:
        turn = abs(math.cos(math.radians(angle_deg))) + abs(math.sin(math.radians(angle_deg)))
        planes = cut(as_planes(sample), math.ceil(side_px * turn))
        planes = VF.rotate(planes, angle_deg, interpolation=VF.InterpolationMode.BILINEAR)
        planes = VF.center_crop(planes, [side_px, side_px])
    if side_px != config.crop_px:
        planes = VF.resize(planes, [config.crop_px, config.crop_px], antialias=True)
    if chance(config.flip_p):
        planes = planes.flip(2)
    return from_planes(planes.contiguous(), sample.name)


def as_planes(sample: Sample) -> Tensor:
    """Picture, soft labels and soft 'not labelled' as one float stack (3 + 2k, h, w)."""
    return torch.cat([sample.image, (sample.target == 1).float(), (sample.target == NOT_LABELLED).float()])


def from_planes(planes: Tensor, name: str) -> Sample:
    """The inverse of ``as_planes``; a crack covering two fifths of a pixel owns it."""
    image, labels = planes[:3].clamp(0, 1), planes[3:]
    present, unknown = labels.chunk(2)
    target = (present >= 0.4).to(torch.uint8)
    target[(unknown > 0.3) & (present < 0.4)] = NOT_LABELLED
    return Sample(image, target, name)


def cut(planes: Tensor, window_px: int) -> Tensor:
    """A random square window; a picture that is too small is mirrored at its borders, label and all."""
    h, w = planes.shape[-2:]
    missing_h, missing_w = max(0, window_px - h), max(0, window_px - w)
    if missing_h or missing_w:
        top, left = missing_h // 2, missing_w // 2
        borders = (left, missing_w - left, top, missing_h - top)
        planes = mirror(planes, borders)
        h, w = planes.shape[-2:]
    top = int(torch.randint(0, h - window_px + 1, ()))
    left = int(torch.randint(0, w - window_px + 1, ()))
    return planes[:, top : top + window_px, left : left + window_px]


def mirror(planes: Tensor, borders: tuple[int, int, int, int]) -> Tensor:
    """Reflect by any number of pixels: torch's own padding allows less than one picture."""
    left, right, top, bottom = borders
    h, w = planes.shape[-2:]
    rows = (
        torch.arange(-top, h + bottom).abs() % (2 * h - 2) if h > 1 else torch.zeros(h + top + bottom, dtype=torch.long)
    )
    columns = (
        torch.arange(-left, w + right).abs() % (2 * w - 2) if w > 1 else torch.zeros(w + left + right, dtype=torch.long)
    )
    rows = torch.where(rows >= h, 2 * h - 2 - rows, rows)
    columns = torch.where(columns >= w, 2 * w - 2 - columns, columns)
    return planes[:, rows][:, :, columns]


def gamma(image: Tensor) -> Tensor:
    """Lighter or darker midtones."""
    return image.clamp_min(1e-6).pow(math.exp(uniform(-0.5, 0.5)))


def shadow(image: Tensor) -> Tensor:
    """A soft-edged straight shadow over part of the picture."""
    h, w = image.shape[-2:]
    angle = uniform(0, 2 * math.pi)
    y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    distance = x * math.cos(angle) + y * math.sin(angle) - uniform(-0.8, 0.8)
    softness = math.exp(uniform(math.log(0.005), math.log(0.2)))
    darkness = uniform(0.2, 0.65)
    shade = torch.sigmoid(distance / softness)
    if chance(0.4):  # a band: the shadow of a pole or a cable
        shade = shade * torch.sigmoid((uniform(0.05, 0.5) - distance) / softness)
    return image * (1 - darkness * shade)


def blur(image: Tensor) -> Tensor:
    """Out of focus: Gaussian, sigma 0.4 to 1.8 px."""
    sigma = uniform(0.4, 1.8)
    blurred: Tensor = VF.gaussian_blur(image, [2 * math.ceil(2.5 * sigma) + 1] * 2, [sigma, sigma])
    return blurred


def noise(image: Tensor) -> Tensor:
    """Sensor noise: sigma up to 10 grey levels, fine or (half the time) a pixel pair coarse."""
    grain = torch.randn_like(image) if chance(0.5) else torch.randn_like(image[:1]).expand_as(image)
    if chance(0.3):
        h, w = image.shape[-2:]
        coarse = grain[None, :, : (h + 1) // 2, : (w + 1) // 2]
        grain = F.interpolate(coarse, (h, w), mode="bilinear", align_corners=False)[0]
    return (image + grain * uniform(0.005, 0.04)).clamp(0, 1)


def jpeg(image: Tensor) -> Tensor:
    """JPEG at quality 30 to 90."""
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    content = simplejpeg.encode_jpeg(pixels, int(uniform(30, 90)), colorsubsampling="420")
    return torch.from_numpy(simplejpeg.decode_jpeg(content)).permute(2, 0, 1).float() / 255


def varied(config: AugmentConfig) -> Callable[[Sample], Sample]:
    """A random view, then light, shadow, blur, noise and JPEG."""
    light = v2.ColorJitter(config.light, config.light, config.light, config.hue)
    grey = v2.RandomGrayscale(config.grey_p)
    after = (
        (config.gamma_p, gamma),
        (config.shadow_p, shadow),
        (config.blur_p, blur),
        (config.noise_p, noise),
        (config.jpeg_p, jpeg),
    )

    def augment(sample: Sample) -> Sample:
        sample = random_view(sample, config)
        if chance(config.joints_p):
            sample = draw_joints(sample)
        if chance(config.cracks_p):
            sample = draw_cracks(sample)
        image = grey(light(sample.image))
        for p, change in after:
            if chance(p):
                image = change(image)
        return sample._replace(image=image)

    return augment
