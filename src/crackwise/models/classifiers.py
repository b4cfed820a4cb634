"""Networks of timm that answer once for a whole picture: crack or no crack.

They keep the contract of every network: the one answer stands at every pixel. So they are trained, stored, exported and
laid over a photograph in tiles like the others, and a tiled photograph becomes a coarse crack map.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import timm
import torch
from pydantic import Field
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, FixedSize, Normalize, TwoWay
from crackwise.models.checkpoints.timm_file import lay_file, lay_folded

__all__ = ["SIZES", "Classifier", "build", "build_timm"]

Rate = Annotated[float, Field(ge=0, lt=1)]
Side = Annotated[int, Field(ge=32)]

SIZES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "resnet50": {
        "published": {},
        "tiny": {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64), "zero_init_last": False},
    },
    "vit_base_patch16_224": {"published": {}, "tiny": {"depth": 3, "embed_dim": 48, "num_heads": 3}},
}
"""Network of timm to its sizes. ``tiny`` is for trying things out: no weights are published for it.

Its residual branches do not start at zero: frozen so, they would let nothing inside them learn.
"""

STATISTICS = {"imagenet": (IMAGENET_MEAN, IMAGENET_STD), "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}
"""Mean and deviation that a picture is normalised with."""

OUT_OF_REACH = (OSError, RuntimeError, ValueError, ImportError)
"""What timm raises where published weights cannot be had or do not fit."""


class Classifier(nn.Module):
    """A normalised picture (B, 3, S, S) to two channels per class (B, 2K, S, S), the same at every pixel."""

    def __init__(self, encoder: nn.Module, features: int, class_count: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(features, 2 * class_count)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Background and crack of every class."""
        channels: Tensor = self.head(self.encoder(x_BCHW))
        return channels[..., None, None].expand(-1, -1, *x_BCHW.shape[-2:])


def build(
    classes: Sequence[str] = ("crack",),
    *,
    network: Literal["resnet50", "vit_base_patch16_224"],
    size: Literal["published", "tiny"] = "published",
    weights: str | None = None,
    dropout: Rate = 0.0,
    stochastic_depth: Rate = 0.0,
    input_px: Side = 224,
) -> nn.Module:
    """A network of ``SIZES`` under a linear head; pictures are resampled to ``input_px`` squared.

    ``weights``: ``imagenet``, fetched by timm, or a file of timm's; all but the head start there. ``dropout`` comes
    before the head; ``stochastic_depth`` is that of the last block.

    Raises:
        ModelError: the weights are out of reach, or are not those of this network.
    """
    encoder = make_encoder(
        network,
        weights,
        input_px,
        drop_rate=dropout or None,
        drop_path_rate=stochastic_depth or None,
        **SIZES[network][size],
    )
    return classifier(encoder, classes, input_px, "imagenet")


def build_timm(
    classes: Sequence[str] = ("crack",),
    *,
    name: str = "mobilenetv2_100",
    weights: str | None = None,
    dropout: Rate = 0.0,
    stochastic_depth: Rate = 0.0,
    input_px: Side = 224,
    normalize: Literal["imagenet", "half"] = "imagenet",
    padding: Literal["torch", "same"] = "torch",
) -> nn.Module:
    """Any classification network of timm, by its name there, under a linear head of our own.

    ``weights``: also an npz of folded MobileNetV2 weights, which need ``normalize: half`` and ``padding: same``.
    ``normalize``: ``half`` brings a picture to -1..1. ``padding``: ``same`` pads as TensorFlow does, for the networks
    of the EfficientNet family.

    Raises:
        ModelError: timm has no such network, it cannot be built so, or the weights are out of reach or do not fit.
    """
    if not timm.is_model(name):
        near = ", ".join(difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0)) or "resnet50"
        raise ModelError(f"timm knows no network {name!r}. Near: {near}.")
    options = {"pad_type": "same"} if padding == "same" else {}
    encoder = make_encoder(
        name, weights, input_px, drop_rate=dropout or None, drop_path_rate=stochastic_depth or None, **options
    )
    return classifier(encoder, classes, input_px, normalize)


def classifier(encoder: nn.Module, classes: Sequence[str], input_px: int, normalize: str) -> nn.Module:
    """The encoder with what stands around it."""
    features: Any = getattr(encoder, "head_hidden_size", None) or encoder.num_features
    net = Classifier(encoder, features, len(classes))
    return FixedSize(TwoWay(nn.Sequential(Normalize(*STATISTICS[normalize]), net)), input_px)


def make_encoder(name: str, weights: str | None, input_px: int, **options: Any) -> nn.Module:
    """A network of timm without its classifier: (B, 3, S, S) to pooled features (B, F).

    Raises:
        ModelError: it cannot be built with these options, or the weights are out of reach or do not fit.
    """
    published = timm.get_pretrained_cfg(name)
    if published is not None and published.fixed_input_size and input_px != published.input_size[-1]:
        options["img_size"] = input_px
    given = {option: value for option, value in options.items() if value is not None}
    try:
        encoder: nn.Module = timm.create_model(name, pretrained=weights == "imagenet", num_classes=0, **given)
    except TypeError as error:
        raise ModelError(f"{name} cannot be built with {', '.join(given)}: {error}.") from error
    except OUT_OF_REACH as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{name} cannot be built: {reason}. Published weights are fetched from the internet: name a local file as "
            "`weights`, or leave it out."
        ) from error
    if weights not in (None, "imagenet"):
        with torch.no_grad():
            (lay_folded if str(weights).endswith(".npz") else lay_file)(encoder, str(weights))
    return encoder
