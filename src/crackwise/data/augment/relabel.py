"""Labels drawn wider than the crack, narrowed to what the grey values show.

The same photographs carry strokes of different width in different sets (annotators' habit, or masks drawn at a lower
resolution); a network trained on all of them learns no width at all. Inside a wide label the crack is where the picture
is at least half as dark, against the ground beside the label, as the darkest point nearby (full width at half maximum),
and one pixel around that, where its blurred edge lies. The rest of the label is marked as not labelled, so that neither
answer is punished there.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from crackwise.data.sample import NOT_LABELLED, Sample

__all__ = ["move_labels", "narrow"]

GROUND_SIGMA_PX = 12.0
NEIGHBOURHOOD_PX = 15
LEAST_CONTRAST = 0.03


def narrow(sample: Sample) -> Sample:
    """The sample with wide labels replaced by the dark core of the crack, the remainder 'not labelled'."""
    label = (sample.target == 1).any(0).numpy()
    if not label.any():
        return sample
    darkness = darkness_within(sample.image.numpy().mean(0), label)
    depth = cv2.dilate(darkness, np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), np.uint8))
    dark = ((darkness > 0.5 * depth) & (depth > LEAST_CONTRAST)).astype(np.uint8)
    core = torch.from_numpy(cv2.dilate(dark, np.ones((3, 3), np.uint8)).astype(bool))
    target = sample.target.clone()
    target[(target == 1) & ~core] = NOT_LABELLED
    return sample._replace(target=target)


def move_labels(sample: Sample, right_px: int, down_px: int) -> Sample:
    """The sample with its labels moved over the picture; what comes in from outside is 'not labelled'."""
    moved = torch.full_like(sample.target, NOT_LABELLED)
    h, w = sample.target.shape[-2:]
    if abs(right_px) >= w or abs(down_px) >= h:
        return sample._replace(target=moved)
    to = moved[..., max(0, down_px) : h + min(0, down_px), max(0, right_px) : w + min(0, right_px)]
    to.copy_(sample.target[..., max(0, -down_px) : h + min(0, -down_px), max(0, -right_px) : w + min(0, -right_px)])
    return sample._replace(target=moved)


def darkness_within(grey: NDArray[np.float32], label: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much darker than the ground beside the label each labelled pixel is, 0..1; 0 elsewhere. All (h, w)."""
    ground = 1.0 - cv2.dilate(label.astype(np.float32), np.ones((3, 3), np.uint8))
    level = blur(grey * ground, GROUND_SIGMA_PX) / np.maximum(blur(ground, GROUND_SIGMA_PX), 1e-3)
    return np.asarray(np.maximum(level - blur(grey, 0.7), 0) * label, dtype=np.float32)


def blur(plane: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Gaussian blur, mirrored at the borders."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px))
