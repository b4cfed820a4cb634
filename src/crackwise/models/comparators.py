"""Networks of segmentation_models_pytorch, as rows to compare with."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

import segmentation_models_pytorch as smp
from torch import nn

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, MultipleOf, Normalize

__all__ = ["build", "build_segformer"]

ARCHITECTURES: Mapping[str, type[nn.Module]] = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "fpn": smp.FPN,
    "linknet": smp.Linknet,
    "deeplabv3plus": smp.DeepLabV3Plus,
    "segformer": smp.Segformer,
}


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
    known = smp.encoders.get_encoder_names()
    if encoder not in known and not encoder.startswith("tu-"):
        near = ", ".join(difflib.get_close_matches(encoder, known, n=3, cutoff=0)) or "resnet34"
        raise ModelError(f"{architecture} knows no encoder {encoder!r}. Near: {near}; or any of timm's as 'tu-NAME'.")
    try:
        net = ARCHITECTURES[architecture](
            encoder_name=encoder, encoder_weights=encoder_weights, in_channels=3, classes=len(classes)
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{architecture} cannot use the encoder {encoder!r}: {error}. Try another one.") from error
    return MultipleOf(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), 32)


def build_segformer(
    classes: Sequence[str] = ("crack",),
    *,
    encoder: str = "mit_b0",
    encoder_weights: Literal["imagenet"] | None = None,
) -> nn.Module:
    """SegFormer, by default on the smallest encoder of its paper."""
    return build(classes, architecture="segformer", encoder=encoder, encoder_weights=encoder_weights)
