"""Parts that several networks are made of.

Letters: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "AdaptivePool",
    "ConvBNReLU",
    "FixedSize",
    "Merge",
    "MultipleOf",
    "Normalize",
    "Outputs",
    "TakesPrompts",
    "TrainingOnly",
    "TwoWay",
    "kaiming_start",
    "map_outputs",
    "mean_over_looks",
    "pad_to_multiple",
    "reader_in",
    "resize_like",
    "with_half_size",
]


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Outputs(NamedTuple):
    """What a network with auxiliary heads returns while training."""

    main: Tensor
    """Logits (B, K, H, W)."""
    auxiliary: tuple[Tensor, ...]
    """Logits of the same shape, one per auxiliary head."""


class TrainingOnly(nn.ModuleList):
    """Modules that the trained network does without, such as auxiliary heads."""


class Normalize(nn.Module):
    """Subtract a mean and divide by a deviation, per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return (x_BCHW - self.mean) / self.std


class ConvBNReLU(nn.Sequential):
    """Convolution (3x3 if nothing else is said), batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel_px: int = 3, stride: int = 1, bias: bool = False) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_px, stride, padding=kernel_px // 2, bias=bias),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Merge(nn.Module):
    """Upsample the coarse map to the fine one, concatenate, and mix."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(coarse + fine, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )

    def forward(self, coarse_BCHW: Tensor, fine_BCHW: Tensor) -> Tensor:
        """Two maps to one at the size of the fine one."""
        # the 1x1 comes before the upsampling where it is cheaper: both are linear, so the sum is the same
        weight: Tensor = self.mix[0].weight  # type: ignore[assignment]  # a Sequential forgets what it holds
        channels = coarse_BCHW.shape[1]
        weight_coarse, weight_fine = weight[:, :channels], weight[:, channels:]
        up = F.interpolate(F.conv2d(coarse_BCHW, weight_coarse), scale_factor=2, mode="bilinear", align_corners=False)
        h, w = fine_BCHW.shape[-2:]
        x = up[..., :h, :w] + F.conv2d(fine_BCHW, weight_fine)
        for layer in self.mix[1:]:
            x = layer(x)
        return x


def kaiming_start(net: nn.Module) -> None:
    """Kaiming normal weights and zero biases for convolutions, from torch's global generator."""
    for module in net.modules():
        if type(module) is nn.Conv2d:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def resize_like(x_BCHW: Tensor, like_BCHW: Tensor) -> Tensor:
    """Bilinear resampling to the height and width of another map, pixel areas aligned."""
    return F.interpolate(x_BCHW, like_BCHW.shape[-2:], mode="bilinear", align_corners=False)


class AdaptivePool(nn.Module):
    """Averages of ``side`` x ``side`` cells that cover the map, as `nn.AdaptiveAvgPool2d` takes them.

    As two products with matrices of shares it can be exported for maps of any size, which the library's cannot.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, side, side)."""
        h, w = x_BCHW.shape[-2:]
        return self.shares(h, x_BCHW) @ x_BCHW @ self.shares(w, x_BCHW).T

    def shares(self, length: int, like: Tensor) -> Tensor:
        """What each cell takes of each of ``length`` rows or columns: (side, length), rows sum to one."""
        cell = torch.arange(self.side, device=like.device)[:, None]
        place = torch.arange(length, device=like.device)
        inside = (place >= cell * length // self.side) & (place * self.side < (cell + 1) * length)
        shares = inside.to(like.dtype)
        return shares / shares.sum(1, keepdim=True)


def pad_to_multiple(x_BCHW: Tensor, multiple: int) -> Tensor:
    """Repeat the last column and row until width and height are multiples of ``multiple``."""
    h, w = x_BCHW.shape[-2:]
    return F.pad(x_BCHW, (0, -w % multiple, 0, -h % multiple), mode="replicate")


def mean_over_looks(function: Callable[[Tensor], Tensor], x_BCHW: Tensor, looks: int) -> Tensor:
    """Mean of the logits that a network gives a picture in several postures: at a half, the surest look decides.

    ``looks``: 1 the picture alone, 2 it and its mirror image, 8 both turned by every right angle.
    """
    logits = []
    for turn in range(4 if looks == 8 else 1):
        x = torch.rot90(x_BCHW, turn, (2, 3))
        logits.append(torch.rot90(function(x), -turn, (2, 3)))
        if looks > 1:
            logits.append(torch.rot90(function(x.flip(-1)).flip(-1), -turn, (2, 3)))
    return torch.stack(logits).mean(0)


def with_half_size(function: Callable[[Tensor], Tensor], x_BCHW: Tensor) -> Tensor:
    """The soft maximum of the logits of a picture and of its half-size copy, where wide gaps look like cracks again.

    3 log((exp(a / 3) + exp(b / 3)) / 2): between their mean, which loses what one look alone finds, and their maximum.
    """
    h, w = x_BCHW.shape[-2:]
    half = function(F.avg_pool2d(pad_to_multiple(x_BCHW, 2), 2))
    a, b = function(x_BCHW), F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
    return torch.maximum(a, b) + 3 * (F.softplus(-(a - b).abs() / 3) - math.log(2))


def map_outputs(function: Callable[[Tensor], Tensor], y: Tensor | Outputs) -> Tensor | Outputs:
    """Apply a function to every map a network returned."""
    if isinstance(y, Outputs):
        return Outputs(function(y.main), tuple(function(a) for a in y.auxiliary))
    return function(y)


class MultipleOf(nn.Module):
    """Let a network that wants sides of a multiple of ``multiple`` take any size: pad, run, cut."""

    def __init__(self, net: nn.Module, multiple: int) -> None:
        super().__init__()
        self.net = net
        self.multiple = multiple

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """(B, 3, H, W) to logits (B, K, H, W)."""
        h, w = x_BCHW.shape[-2:]
        return map_outputs(lambda y: y[..., :h, :w], self.net(pad_to_multiple(x_BCHW, self.multiple)))


class FixedSize(nn.Module):
    """Let a network that knows one size take any: resample the picture to it and the logits back."""

    def __init__(self, net: nn.Module, side_px: int) -> None:
        super().__init__()
        self.net = net
        self.side_px = side_px

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """(B, 3, H, W) to logits (B, K, H, W)."""
        size, own = x_BCHW.shape[-2:], (self.side_px, self.side_px)
        if tuple(size) == own:
            return self.net(x_BCHW)  # type: ignore[no-any-return]
        x = F.interpolate(x_BCHW, own, mode="bilinear", align_corners=False, antialias=True)
        return map_outputs(lambda y: F.interpolate(y, size, mode="bilinear", align_corners=False), self.net(x))


class TakesPrompts(nn.Module, ABC):
    """A network whose classes are phrases: it can be asked for others than it was built with."""

    phrases: tuple[tuple[str, ...], ...]
    """What each class is asked for by."""

    @abstractmethod
    def ask(self, prompts: Sequence[str], base: str | None) -> None:
        """One class for each of these phrases from now on, spelled as ``base`` spells (None: weights without one).

        Raises:
            ModelError: the base spells none of them.
        """

    @abstractmethod
    def spelling(self, base: str) -> dict[str, bytes]:
        """The files of a base that spell phrases, by name: a folder of them will do as ``base`` of `ask`.

        Raises:
            ModelError: the base spells nothing.
        """

    @abstractmethod
    def settle(self) -> None:
        """Read the phrases once and for all, to predict: what reads is needed no more until it is asked again."""


def reader_in(net: nn.Module) -> TakesPrompts | None:
    """The network that takes prompts, inside its wrappers; None where there is none."""
    return next((module for module in net.modules() if isinstance(module, TakesPrompts)), None)


class TwoWay(nn.Module):
    """Return one logit per class from a network with two softmax channels per class.

    The difference crack minus background is the logit of the softmax probability of crack, so a loss on it equals the
    two-channel loss. ``raw`` gives the channels themselves, for distillation.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """(B, 3, H, W) to logits (B, K, H, W)."""
        return map_outputs(lambda y: y[:, 1::2] - y[:, 0::2], self.raw(x_BCHW))

    def raw(self, x_BCHW: Tensor) -> Tensor | Outputs:
        """(B, 3, H, W) to channels (B, 2K, H, W): background, crack, per class."""
        y: Tensor | Outputs = self.net(x_BCHW)
        return y
