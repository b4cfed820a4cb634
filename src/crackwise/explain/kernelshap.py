"""KernelSHAP: what every superpixel or patch adds to the answer, beside a picture with none of them."""

from __future__ import annotations

from itertools import count

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError
from crackwise.explain.features import baseline_of, cells, mix, superpixels
from crackwise.explain.heat import Heat, Options
from crackwise.explain.layers import choose_layer, grid_of, layers_of
from crackwise.explain.question import Question, score_of
from crackwise.explain.shapley import kernel_shap
from crackwise.explain.subject import Subject, one_look, tensor_of

__all__ = ["FEATURES", "kernelshap", "parts_of"]

FEATURES = ("auto", "superpixels", "patches")
PATCH_PX = 16
MOST_PATCHES = 64
"""Of more the default samples tell hardly one from another (docs/explanation.md): tokens are taken in squares."""


def kernelshap(subject: Subject, question: Question, options: Options) -> tuple[Heat, ...]:
    """The Shapley value of the part each pixel lies in: positive speaks for the answer, negative against it.

    The value that is shared out is the mean probability or logit over M, by ``options.scalar``; a part that is not
    there shows the baseline. The background is the one picture of nothing but baseline.

    Raises:
        CrackwiseError: no such features or baseline, or too few samples.
    """
    parts = parts_of(subject, question.pixels, options)
    baseline = baseline_of(options.baseline, question.pixels)
    number = int(parts.max()) + 1

    def game(there: NDArray[np.bool_]) -> float:
        return score_of(subject, mix(question.pixels, baseline, there[parts]), question, options.scalar)

    shares = kernel_shap(game, number, samples=options.samples, seed=options.seed, track=options.track)
    facts: dict[str, str | int | float | bool] = {
        "about": question.about,
        "features": number,
        "baseline": options.baseline,
        "evaluations": shares.evaluations,
        "exact": shares.is_exact,
        "seed": options.seed,
        "scalar": options.scalar,
        "score": shares.full,
        "score_of_baseline": shares.empty,
    }
    return (Heat("KernelSHAP", shares.phi[parts].astype(np.float32), signed=True, facts=facts),)


def parts_of(subject: Subject, pixels: NDArray[np.uint8], options: Options) -> NDArray[np.intp]:
    """The part (h, w) of every pixel: squares of tokens of a network that has them, superpixels of any other.

    ``patches``: each token by itself, or squares of 16 px.

    Raises:
        CrackwiseError: there are no such features.
    """
    if options.features not in FEATURES:
        raise CrackwiseError(f"No features {options.features!r}; there are {', '.join(FEATURES)}.")
    if options.features == "superpixels":
        return superpixels(pixels, options.segments)
    height, width = pixels.shape[:2]
    grid = token_grid(subject, pixels)
    if grid is not None:
        return cells(height, width, *grid, side=side_of(grid) if options.features == "auto" else 1)
    if options.features == "auto":
        return superpixels(pixels, options.segments)
    return cells(height, width, -(-height // PATCH_PX), -(-width // PATCH_PX))


def side_of(grid: tuple[int, int]) -> int:
    """The side, in tokens, of the smallest squares of which no more than ``MOST_PATCHES`` cover a grid.

    >>> side_of((14, 14))
    2
    """
    return next(side for side in count(1) if -(-grid[0] // side) * -(-grid[1] // side) <= MOST_PATCHES)


def token_grid(subject: Subject, pixels: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Rows and columns of tokens in the default layer; None for a model file or a network of channels."""
    if subject.net is None:
        return None
    image = tensor_of(pixels, subject.net).requires_grad_()
    with one_look(subject.net):
        layer = choose_layer(subject.net, layers_of(subject.net, image), None)
    if not layer.channels_last:
        return None
    grid = grid_of(image.new_zeros(layer.shape[1:-1]), subject.net, (pixels.shape[0], pixels.shape[1]))
    return grid.shape[0], grid.shape[1]
