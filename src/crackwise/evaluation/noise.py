"""Photographs made worse before they are judged: whether a model holds where the camera did not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import DataError
from crackwise.evaluation.corruptions import CORRUPTIONS
from crackwise.evaluation.corruptions.geometry import moved_label
from crackwise.evaluation.corruptions.row import Noise, Pixels

__all__ = ["NOISES", "Condition", "noise_named"]

WIDEST_SWEPT_PX = 21


def dark(pixels: Pixels) -> Pixels:
    """50 of 255 darker in the HSV value, never below 0, then a Gaussian blur of 9x9 px, sigma 1.7 px."""
    hue, saturation, value = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))
    darker = cv2.merge([hue, saturation, cv2.subtract(value, 50)])  # type: ignore[call-overload]  # saturates at 0
    return blurred(cv2.cvtColor(darker, cv2.COLOR_HSV2RGB), 9)


def blur(pixels: Pixels) -> Pixels:
    """A Gaussian blur of 21x21 px, sigma 3.5 px, then bicubic to half the size and back."""
    h, w = pixels.shape[:2]
    half = cv2.resize(blurred(pixels, 21), (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_CUBIC)
    return as_pixels(cv2.resize(half, (w, h), interpolation=cv2.INTER_CUBIC))


def blurred(pixels: NDArray[Any], kernel_px: int) -> Pixels:
    """A Gaussian blur with the sigma that OpenCV gives a kernel of this size: 0.3 ((k - 1) / 2 - 1) + 0.8 px."""
    return as_pixels(cv2.GaussianBlur(pixels, (kernel_px, kernel_px), 0))


def as_pixels(array: NDArray[Any]) -> Pixels:
    """What OpenCV returns, by the type it has."""
    return np.asarray(array, dtype=np.uint8)


NOISES: dict[str, Noise] = {
    "dark": Noise(
        lambda pixels, _level, _rng: dark(pixels), {}, "", "published", "HSV value - 50, then Gaussian of 9x9 px"
    ),
    "blur": Noise(
        lambda pixels, _level, _rng: blur(pixels),
        {},
        "",
        "published",
        "Gaussian of 21x21 px, then bicubic to half the size and back",
    ),
    "gaussian_blur": Noise(
        lambda pixels, kernel_px, _rng: blurred(pixels, int(kernel_px)),
        {kernel_px: kernel_px for kernel_px in range(1, WIDEST_SWEPT_PX + 1, 2)},
        "px (side of the kernel)",
        "published",
        "Gaussian of sigma 0.3 ((k - 1) / 2 - 1) + 0.8 px, as OpenCV has it for k px; k = 1 changes nothing",
    ),
    **CORRUPTIONS,
}
"""The two cases and the sweep of CrackSAM (Ge et al., Construction and Building Materials 431, 2024); corruptions.

The sizes of CrackSAM's kernels are the paper's. It does not say the sigmas (OpenCV's rule is taken), how the half size
comes back (bicubic as it went), which kernels its sweep has (all odd ones are taken), nor whether the pictures were
written as JPEG again (they are not).
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """One noise at one level, the same for every model: what it draws depends on the seed and the picture's name."""

    noise: str
    """A row of `NOISES`."""
    level: int | None

    @property
    def name(self) -> str:
        """``"fog:3"``, ``"dark"``."""
        return self.noise if self.level is None else f"{self.noise}:{self.level}"

    @property
    def parameter(self) -> float:
        """What the level stands for, in the unit of the row."""
        return 0.0 if self.level is None else NOISES[self.noise].levels[self.level]

    @property
    def spelled(self) -> str:
        """All that makes it what it is: another definition or parameter makes another condition."""
        return f"{self.name}, {self.parameter:g} {NOISES[self.noise].unit}: {NOISES[self.noise].definition}"

    def pixels(self, photo: Pixels, picture: str, seed: int = 0) -> Pixels:
        """The photograph (h, w, 3) made worse; ``picture`` is its name."""
        return NOISES[self.noise].change(photo, self.parameter, self.draws(picture, seed))

    def label(self, target: Pixels, picture: str, seed: int = 0) -> Pixels:
        """The label (h, w) of the worse photograph: moved where the noise moves what it shows."""
        warp = NOISES[self.noise].warp
        if warp is None:
            return target
        h, w = target.shape
        return moved_label(target, warp((h, w), self.parameter, self.draws(picture, seed)))

    def draws(self, picture: str, seed: int) -> np.random.Generator:
        """The same for all levels: what grows with them is the damage alone."""
        spelled = f"{seed}\n{self.noise}\n{picture}".encode("utf-8", "surrogateescape")
        return np.random.default_rng(int.from_bytes(hashlib.sha256(spelled).digest()[:8], "big"))


def noise_named(name: str) -> Condition:
    """``"dark"``, ``"fog:3"``: a row of `NOISES`, and behind a colon which of its levels.

    Raises:
        DataError: there is none of this name, or not at this level.
    """
    noise, colon, number = name.partition(":")
    if noise not in NOISES:
        raise DataError(f"No noise named {noise!r}; there is {', '.join(NOISES)}.")
    levels = NOISES[noise].levels
    if not levels:
        if colon:
            raise DataError(f"The noise {noise!r} has one level; leave out {f':{number}'!r}.")
        return Condition(noise, None)
    known = {str(level): level for level in levels}
    if number not in known:
        raise DataError(f"The noise {noise!r} has levels; write one of {', '.join(f'{noise}:{n}' for n in known)}.")
    return Condition(noise, known[number])
