"""Corruptions of the light on a wall, and of how a camera meets it."""

from __future__ import annotations

import numpy as np

from crackwise.evaluation.corruptions.linear import to_light, to_pixels
from crackwise.evaluation.corruptions.row import Noise, Pixels
from crackwise.evaluation.corruptions.texture import smooth_field

__all__ = ["LIGHT"]

BANDS = 3
SKY = np.array([0.92, 1.0, 1.1], np.float32)
"""Light in a shadow comes from the sky: a little blue."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def expose(pixels: Pixels, stops: float, _rng: np.random.Generator) -> Pixels:
    """The light times 2 to the power of ``stops``."""
    return to_pixels(to_light(pixels) * np.float32(2**stops))


def flatten(pixels: Pixels, factor: float, _rng: np.random.Generator) -> Pixels:
    """Stored values drawn towards the mean grey of the photograph."""
    grey = pixels.mean(dtype=np.float64)
    return np.asarray(np.rint(grey + factor * (pixels - grey)), np.uint8)


def cast(pixels: Pixels, stops: float, rng: np.random.Generator) -> Pixels:
    """Red against blue, or blue against red, by so many stops; grey keeps its luminance."""
    half = stops / 2 if rng.random() < 0.5 else -stops / 2
    gains = np.array([2**half, 1, 2**-half], np.float32)
    return to_pixels(to_light(pixels) * (gains / (gains @ LUMINANCE)))


def shade(pixels: Pixels, left: float, rng: np.random.Generator) -> Pixels:
    """Parallel bands of shadow, as posts, beams and railings cast them, in which ``left`` of the light is left."""
    h, w = pixels.shape[:2]
    longest = float(np.hypot(h, w))
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    across = (x - w / 2) * np.float32(np.cos(angle)) + (y - h / 2) * np.float32(np.sin(angle))
    across += np.float32(0.002 * longest) * smooth_field((h, w), rng, coarse=3, octaves=2)
    shadow = np.zeros((h, w), np.float32)
    for place in (np.arange(BANDS) + rng.uniform(0.2, 0.8, BANDS)) / BANDS - 0.5:
        half, penumbra = rng.uniform(0.025, 0.075) * longest, max(1.0, rng.uniform(0.004, 0.012) * longest)
        inside = half - np.abs(across - np.float32(0.8 * place * longest))
        shadow = np.maximum(shadow, np.clip(inside / penumbra + 0.5, 0, 1).astype(np.float32))
    dark = 1 - shadow[..., None] * (1 - np.float32(left) * SKY)
    return to_pixels(to_light(pixels) * dark)


LIGHT: dict[str, Noise] = {
    "under_exposure": Noise(
        expose,
        {1: -0.6, 2: -1.2, 3: -1.8, 4: -2.5, 5: -3.3},
        "stops",
        "light",
        "linear light x 2^stops, stored in 8 bits again",
    ),
    "over_exposure": Noise(
        expose,
        {1: 0.4, 2: 0.8, 3: 1.2, 4: 1.6, 5: 2.0},
        "stops",
        "light",
        "linear light x 2^stops; what is brighter than white is lost",
    ),
    "low_contrast": Noise(
        flatten,
        {1: 0.7, 2: 0.5, 3: 0.35, 4: 0.25, 5: 0.15},
        "factor",
        "light",
        "m + factor (v - m), v the stored values, m their mean over the photograph",
    ),
    "colour_cast": Noise(
        cast,
        {1: 0.4, 2: 0.8, 3: 1.2, 4: 1.7, 5: 2.3},
        "stops between red and blue",
        "light",
        "linear light of red x 2^(stops / 2) and of blue x 2^(-stops / 2), or the reverse, at the luminance of before",
    ),
    "shadow": Noise(
        shade,
        {1: 0.6, 2: 0.42, 3: 0.28, 4: 0.18, 5: 0.1},
        "share of the light left",
        "light",
        "three parallel bands, 5-15 % of the diagonal wide, edges soft over 0.4-1.2 % of it, a little blue inside",
    ),
}
