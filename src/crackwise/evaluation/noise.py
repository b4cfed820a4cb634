"""Photographs made worse before they are judged: whether a model holds where the camera did not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import DataError

__all__ = ["NOISES", "noise_named"]

Pixels = NDArray[np.uint8]
"""RGB (h, w, 3)."""


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


NOISES: dict[str, Callable[[Pixels], Pixels]] = {"dark": dark, "blur": blur}
"""The two cases of CrackSAM (Ge et al., Construction and Building Materials 431, 2024).

The sizes of the kernels are the paper's. It does not say the sigmas (OpenCV's rule is taken), how the half size comes
back (bicubic as it went), nor whether the pictures were written as JPEG again (they are not).
"""


def noise_named(name: str) -> Callable[[Pixels], Pixels]:
    """A row of `NOISES`.

    Raises:
        DataError: there is none of this name.
    """
    if name not in NOISES:
        raise DataError(f"No noise named {name!r}; there is {', '.join(NOISES)}.")
    return NOISES[name]
