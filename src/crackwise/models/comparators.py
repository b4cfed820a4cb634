"""Networks of segmentation_models_pytorch and torchvision, as rows to compare with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import segmentation_models_pytorch as smp
from pydantic import Field
from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, FixedSize, MultipleOf, Normalize
from crackwise.models.tuning import Anatomy

__all__ = [
    "any_size",
    "build",
    "build_deeplabv3plus",
    "build_lraspp",
    "build_segformer",
    "build_swin_upernet",
    "build_vgg16_unet",
    "encoder_fits",
]

Positive = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=32, multiple_of=32)]

ARCHITECTURES: Mapping[str, type[nn.Module]] = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "fpn": smp.FPN,
    "linknet": smp.Linknet,
    "segformer": smp.Segformer,
}

SWINS: Mapping[str, tuple[str, Mapping[str, Any], int]] = {
    "tiny": ("tu-swin_tiny_patch4_window7_224", {}, 512),
    "base": ("tu-swin_base_patch4_window7_224", {}, 512),
    "nano": (
        "tu-swin_tiny_patch4_window7_224",
        {"embed_dim": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 8)},
        16,
    ),
}
"""Encoder, how it differs, and width of the decoder. ``nano`` is for trying things out: no weights are published."""


def build(
    classes: Sequence[str] = ("crack",),
    *,
    architecture: str,
    encoder: str = "resnet34",
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """One of ``ARCHITECTURES`` on any encoder of the library (``"resnet18"``, ``"mit_b0"``, timm's as ``"tu-NAME"``).

    Raises:
        ModelError: the library has no such encoder, or the architecture cannot use it.
    """
    with encoder_fits(architecture, encoder):
        net = ARCHITECTURES[architecture](
            encoder_name=encoder, encoder_weights=encoder_weights, in_channels=3, classes=len(classes)
        )
    return any_size(net)


def build_deeplabv3plus(
    classes: Sequence[str] = ("crack",),
    *,
    encoder: str = "resnet34",
    encoder_weights: Literal["imagenet"] | None = None,
    width: Positive = 256,
    output_stride: Literal[8, 16] = 16,
) -> nn.Module:
    """DeepLabV3+ with ``width`` channels in its pyramid; the encoder is dilated down to ``output_stride``.

    Raises:
        ModelError: the library has no such encoder, or it cannot be dilated.
    """
    with encoder_fits("deeplabv3plus", encoder):
        net = smp.DeepLabV3Plus(
            encoder_name=encoder,
            encoder_weights=encoder_weights,
            encoder_output_stride=output_stride,
            decoder_channels=width,
            classes=len(classes),
        )
    return any_size(net)


def build_segformer(
    classes: Sequence[str] = ("crack",),
    *,
    encoder: str = "mit_b0",
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """SegFormer, by default on the smallest encoder of its paper."""
    return build(classes, architecture="segformer", encoder=encoder, encoder_weights=encoder_weights)


def build_vgg16_unet(
    classes: Sequence[str] = ("crack",),
    *,
    base: Positive = 64,
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """U-Net whose encoder is VGG-16; its decoder has ``base`` channels at full size, twice as many at each halving."""
    channels = [base * 2**level for level in reversed(range(5))]
    net = smp.Unet("vgg16", encoder_weights=encoder_weights, decoder_channels=channels, classes=len(classes))
    convolutions = tuple(f"encoder.{name}" for name, m in net.encoder.named_modules() if isinstance(m, nn.Conv2d))
    net.anatomy = Anatomy(
        head=("decoder", "segmentation_head"), scopes={"encoder": ("encoder",)}, encoder="encoder", blocks=convolutions
    )
    return any_size(net)


def build_swin_upernet(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["tiny", "base", "nano"] = "tiny",
    input_px: Side = 448,
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """Swin Transformer under UPerNet; pictures of other sizes than ``input_px`` are resampled to it.

    Its windows could follow any size, but the masks of the shifted ones make an exported file of that unbearably slow
    to write.

    Raises:
        ModelError: there are no published weights of this size.
    """
    if size == "nano" and encoder_weights is not None:
        raise ModelError("swin_upernet: no weights are published for size='nano'; take tiny or base.")
    encoder, differences, width = SWINS[size]
    net = smp.UPerNet(
        encoder,
        encoder_weights=encoder_weights,
        decoder_channels=width,
        classes=len(classes),
        img_size=input_px,
        **differences,
    )
    return FixedSize(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), input_px)


class Lraspp(nn.Module):
    """torchvision's network without the dictionary around its logits."""

    def __init__(self, class_count: int, weights: str | None) -> None:
        super().__init__()
        self.net = lraspp_mobilenet_v3_large(num_classes=class_count, weights_backbone=weights)
        inner = [name for name in self.net.backbone if name not in ("0", "16")]
        self.anatomy = Anatomy(
            head=("net.classifier",),
            scopes={"encoder": ("net.backbone",)},
            encoder="net.backbone",
            blocks=tuple(f"net.backbone.{name}" for name in inner),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, K, H, W)."""
        logits: Tensor = self.net(image_BCHW)["out"]
        return logits


def build_lraspp(
    classes: Sequence[str] = ("crack",), *, encoder_weights: Literal["imagenet"] | None = None
) -> nn.Module:
    """MobileNetV3 large at stride 16 under its light reduced pyramid."""
    return any_size(Lraspp(len(classes), None if encoder_weights is None else "IMAGENET1K_V1"))


def any_size(net: nn.Module) -> nn.Module:
    """A network for pictures of ImageNet's mean and deviation and sides of a multiple of 32, for any."""
    return MultipleOf(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), 32)


@contextmanager
def encoder_fits(architecture: str, encoder: str) -> Iterator[None]:
    """Turns what the library says of an encoder, while it builds inside, into a ModelError with its neighbours."""
    known = smp.encoders.get_encoder_names()
    if encoder not in known and not encoder.startswith("tu-"):
        near = ", ".join(difflib.get_close_matches(encoder, known, n=3, cutoff=0)) or "resnet34"
        raise ModelError(f"{architecture} knows no encoder {encoder!r}. Near: {near}; or any of timm's as 'tu-NAME'.")
    try:
        yield
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{architecture} cannot use the encoder {encoder!r}: {error}. Try another one.") from error
