"""Corruptions that weather, water and age bring to a wall."""

from __future__ import annotations

import cv2
import numpy as np

from crackwise.evaluation.corruptions.linear import Light, to_light, to_pixels
from crackwise.evaluation.corruptions.row import Noise, Pixels
from crackwise.evaluation.corruptions.texture import Field, covered, smooth_field

__all__ = ["WEATHER"]

FOG = np.array([0.60, 0.63, 0.66], np.float32)
"""Its own light, linear: a pale grey, a little blue."""
WET = np.array([0.46, 0.45, 0.43], np.float32)
"""What a wet wall reflects of what it does when dry."""
SKY = np.array([0.75, 0.8, 0.85], np.float32)
DROPS_PER_MEGAPIXEL = 1100
RUST = np.array([0.62, 0.34, 0.17], np.float32)
SOOT = np.array([0.22, 0.21, 0.20], np.float32)
ALGAE = np.array([0.38, 0.44, 0.24], np.float32)
DARKENING = (RUST, SOOT, ALGAE)
"""What a stain lets through of red, green and blue."""
LIME = np.array([0.66, 0.65, 0.61], np.float32)
"""What a crust of lime reflects; the wall shows through it."""
LIME_OPACITY = 0.6


def fog(pixels: Pixels, depth: float, rng: np.random.Generator) -> Pixels:
    """Light of the wall lost in fog of an optical depth, and light of the fog instead (Koschmieder, 1924)."""
    uneven = 1 + 0.25 * smooth_field(pixels.shape[:2], rng, coarse=1.5, octaves=3)
    through = np.exp(-depth * uneven.clip(0.4, 1.6))[..., None].astype(np.float32)
    return to_pixels(to_light(pixels) * through + FOG * (1 - through))


def rain(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """A share of the wall wet, darker and with a faint shine, and streaks of falling drops before it."""
    shape, light = (pixels.shape[0], pixels.shape[1]), to_light(pixels)
    runs = smooth_field(shape, rng, coarse=4, octaves=5, stretch=3.5)
    wet = covered(runs, share, edge=0.35)[..., None]
    shine = smooth_field(shape, rng, coarse=12, octaves=3, stretch=2.0).clip(0, None)[..., None]
    light = light * (1 - wet * (1 - WET)) + wet * shine * np.float32(0.012)
    return to_pixels(light + SKY * streaks(shape, share, rng)[..., None] * np.float32(0.16))


def streaks(shape: tuple[int, int], share: float, rng: np.random.Generator) -> Field:
    """Lines of drops (h, w), 0 to 1, that fall in one direction; a larger share adds to those of a smaller one."""
    h, w = shape
    most = max(1, round(DROPS_PER_MEGAPIXEL * h * w / 1e6))
    slant = np.tan(np.deg2rad(rng.uniform(-12, 12)))
    drops = rng.uniform(size=(most, 4))
    drawn = np.zeros(shape, np.float32)
    for x, y, length, bright in drops[: max(1, round(share * most))]:
        down = (0.03 + 0.07 * length) * h
        start = (x * w, y * (h + down) - down)
        ends = np.rint(16 * np.array([start, (start[0] + slant * down, start[1] + down)])).astype(int)
        cv2.line(drawn, ends[0].tolist(), ends[1].tolist(), 0.35 + 0.65 * float(bright), 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(drawn, (3, 3), 0), np.float32)


def stains(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Rust, soot or algae on two thirds of a share of the wall, white lime on the rest; they run downwards."""
    shape, light = (pixels.shape[0], pixels.shape[1]), to_light(pixels)
    colour = DARKENING[rng.integers(len(DARKENING))]
    dark, pale = stain(shape, 2 * share / 3, rng), stain(shape, share / 3, rng)
    light = light * (1 - dark * (1 - colour))
    return to_pixels(light + LIME_OPACITY * pale * (LIME - light))


def stain(shape: tuple[int, int], share: float, rng: np.random.Generator) -> Light:
    """How much of a wall's light (h, w, 1) a stain takes: blotches and runs, uneven inside, soft at the edge."""
    blotches = smooth_field(shape, rng, coarse=3, octaves=6)
    runs = smooth_field(shape, rng, coarse=9, octaves=4, stretch=6.0)
    body = covered(blotches + 0.45 * runs, share, edge=0.6)
    grain = 0.75 + 0.12 * smooth_field(shape, rng, coarse=60, octaves=4)
    return np.asarray(body * grain.clip(0.3, 1), np.float32)[..., None]


WEATHER: dict[str, Noise] = {
    "rain": Noise(
        rain,
        {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5},
        "share of the wall wet",
        "weather",
        "wet parts reflect 0.45 of their linear light and shine faintly; before them fall drops, 1100 x share per "
        "megapixel, in streaks of 3-10 % of the height",
    ),
    "fog": Noise(
        fog,
        {1: 0.25, 2: 0.5, 3: 0.8, 4: 1.2, 5: 1.7},
        "optical depth",
        "weather",
        "linear light x t + fog (1 - t), t = exp(-depth x (1 +- 0.25)), uneven over the photograph",
    ),
    "stains": Noise(
        stains,
        {1: 0.06, 2: 0.12, 3: 0.22, 4: 0.34, 5: 0.5},
        "share of the wall",
        "weather",
        "two thirds rust, soot or algae, which darken, one third lime, which whitens; both let the wall show through",
    ),
}
