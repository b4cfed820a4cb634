"""Corruptions that a sensor adds, and the file it is kept in."""

from __future__ import annotations

import cv2
import numpy as np

from crackwise.evaluation.corruptions.linear import to_light, to_pixels
from crackwise.evaluation.corruptions.row import Noise, Pixels
from crackwise.imaging.overlay import encode_jpeg

__all__ = ["SENSOR"]


def gaussian_noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Independent noise of every stored value; the draws are those of every other sigma, scaled."""
    noisy = pixels + np.float32(sigma) * rng.standard_normal(pixels.shape, np.float32)
    return np.asarray(np.rint(noisy.clip(0, 255)), np.uint8)


def shot_noise(pixels: Pixels, electrons: float, rng: np.random.Generator) -> Pixels:
    """Every value a count of electrons (Poisson), of which white has so many."""
    counted = rng.poisson(to_light(pixels).astype(np.float64) * electrons)
    return to_pixels((counted / electrons).astype(np.float32))


def jpeg(pixels: Pixels, quality: float, _rng: np.random.Generator) -> Pixels:
    """Written as JPEG and read again."""
    content = np.frombuffer(encode_jpeg(pixels, quality=int(quality)), np.uint8)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[:, :, ::-1], np.uint8)


SENSOR: dict[str, Noise] = {
    "gaussian_noise": Noise(
        gaussian_noise,
        {1: 5, 2: 10, 3: 17, 4: 26, 5: 38},
        "grey levels of 255 (sigma)",
        "sensor",
        "v + sigma n, n standard normal, for every pixel and colour by itself",
    ),
    "shot_noise": Noise(
        shot_noise,
        {1: 800, 2: 300, 3: 120, 4: 50, 5: 20},
        "electrons of a white pixel",
        "sensor",
        "Poisson(electrons x linear light) / electrons",
    ),
    "jpeg": Noise(
        jpeg,
        {1: 50, 2: 30, 3: 18, 4: 11, 5: 6},
        "quality",
        "sensor",
        "written as JPEG (libjpeg, 4:2:0) and read again",
    ),
}
