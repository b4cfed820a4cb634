"""The table of networks, and how to build one: RGB in [0, 1] to one logit per class and pixel, at any size."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError, validate_call

from crackwise.errors import ModelError, needs_extra

if TYPE_CHECKING:  # the table can be listed without torch
    from torch import nn

__all__ = [
    "MODELS",
    "ModelRow",
    "ParameterCount",
    "build_model",
    "count_parameters",
    "model_options",
    "start_of",
    "without_start",
]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One network: what builds it, whose it is, and which sizes suit it."""

    build: str
    """``"module:function"``, imported when a model is asked for."""
    summary: str
    paper: str
    licence: str
    multiple_of: int = 1
    """Tiles whose corners lie on multiples of this see the same grid as the whole picture."""
    input_px: int | None = None
    """Side of the pictures it was published with; None where there is no such size."""
    start: str | None = None
    """The option that says where the first weights come from: without it the network is the same, at random."""
    answers: Literal["pixels", "pictures"] = "pixels"
    """Of what a crack is told: ``pictures`` where every pixel gets the same answer."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the builder that this row decides."""
    small: Mapping[str, object] = field(default_factory=dict)
    """Options that make it small enough to train in seconds; the tests of the table take it so."""
    notes: tuple[str, ...] = ()
    """What its user should know beside this: how it differs from its paper, and why; for its page in docs/models."""


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """How many numbers a network holds; buffers are not counted."""

    total: int
    trainable: int
    deployed: int
    """Without the heads that only training uses."""


def comparator(architecture: str, summary: str, paper: str) -> ModelRow:
    """A row for one architecture of segmentation_models_pytorch."""
    return ModelRow(
        build="crackwise.models.comparators:build",
        summary=summary,
        paper=paper,
        licence="MIT (segmentation_models_pytorch)",
        multiple_of=32,
        start="encoder_weights",
        fixed={"architecture": architecture},
        small={"encoder": "resnet18"},
    )


def compared(
    module: str, summary: str, paper: str, small: Mapping[str, object], notes: tuple[str, ...], *, multiple_of: int = 32
) -> ModelRow:
    """A row for one of the networks that HrSegNet's authors compare it with."""
    build = f"crackwise.models.compared.{module}:build"
    return ModelRow(build, summary, paper, "Apache-2.0", multiple_of, small=small, notes=notes)


MODELS: dict[str, ModelRow] = {
    "mobilenet_fpn": ModelRow(
        build="crackwise.models.mobilenet:build",
        summary="MobileNetV2 encoder, light top-down decoder; the packaged model",
        paper="Sandler et al., CVPR 2018 (encoder); Lin et al., CVPR 2017 (decoder)",
        licence="Apache-2.0",
        multiple_of=64,
        input_px=512,
        start="encoder_weights",
    ),
    "hrsegnet": ModelRow(
        build="crackwise.models.hrsegnet:build",
        summary="high-resolution path guided by low-resolution semantics",
        paper="Li et al., Automation in Construction 156, 2023, arXiv:2307.00270",
        licence="Apache-2.0",
        multiple_of=32,
        input_px=400,
        small={"base": 8},
    ),
    "slim_unet": ModelRow(
        build="crackwise.models.slim_unet:build",
        summary="a U-Net of 0.3 (base 8) or 1.1 million weights (base 16) for the CPU, trained from nothing",
        paper="Ronneberger et al., MICCAI 2015; Shi et al., CVPR 2016 (pixel shuffle)",
        licence="Apache-2.0",
        multiple_of=32,
        input_px=256,
        small={"base": 4},
    ),
    "ddrnet23": compared(
        "ddrnet",
        "a fine and a coarse branch that exchange what they see",
        "Hong et al., arXiv:2101.06085, 2021",
        {"base": 8},
        ("HrSegNet's authors train it without its auxiliary head: loss.auxiliary_weight: 0 does the same.",),
        multiple_of=64,
    ),
    "stdc": compared(
        "stdc",
        "short-term dense concatenation, attention and fusion; sizes 1 and 2",
        "Fan et al., CVPR 2021, arXiv:2104.13188",
        {"base": 16},
        ("The detail head, which learns the edges of labels in training, is left out: it wants a target of its own.",),
    ),
    "bisenetv2": compared(
        "bisenetv2",
        "a wide, shallow branch and a narrow, deep one that gate each other",
        "Yu et al., IJCV 129, 2021, arXiv:2004.02147",
        {"base": 4, "head": 8},
        (
            "head=128 is what HrSegNet's authors compare with; the paper has 1024.",
            "The paper leaves open how wide its booster heads are; here as wide as what they read.",
        ),
    ),
    "ocrnet": compared(
        "ocrnet",
        "pixels look at regions, on the backbones hrnet_w18 and hrsegnet_b64",
        "Yuan et al., ECCV 2020, arXiv:1909.11065",
        {"backbone": "hrsegnet_b16", "width": 32},
        (
            "The auxiliary logits are the soft regions, which the deployed network needs too: all is deployed.",
            "HrSegNet's authors start hrnet_w18 from ImageNet; here it starts at random.",
        ),
    ),
    "u2cracknet": compared(
        "u2cracknet",
        "U-Net of small U-Nets, an atrous pyramid below, channel attention on the way up",
        "Shi et al., Structural Health Monitoring 22(4), 2023",
        {"base": 4},
        (
            "The paper was read in its abstract alone; the stages are those of the small U2-Net, to the parameter.",
            "Uncertain: widths, the rates of the pyramid, where attention sits (HrSegNet's authors: on the logits).",
        ),
    ),
    "rucnet": compared(
        "rucnet",
        "U-Net with the residual blocks of ResNet-18 and attention over space and channels",
        "Yu et al., Sensors 23(1), 2023",
        {"base": 8},
        (
            "Encoder as the paper says; HrSegNet's authors build a wider one (128, 256, 512, 512 channels).",
            "Uncertain: upsampling (here bilinear) and the reduction inside the attention (here 2).",
        ),
        multiple_of=16,
    ),
    "unet": comparator("unet", "U-Net on any encoder", "Ronneberger et al., MICCAI 2015"),
    "unetplusplus": comparator("unetplusplus", "U-Net with nested skips", "Zhou et al., IEEE TMI 39(6), 2020"),
    "fpn": comparator("fpn", "feature pyramid with a segmentation head", "Kirillov et al., CVPR 2019"),
    "linknet": comparator(
        "linknet", "U-Net that adds instead of concatenating", "Chaurasia and Culurciello, VCIP 2017"
    ),
    "deeplabv3plus": comparator("deeplabv3plus", "atrous pyramid with a decoder", "Chen et al., ECCV 2018"),
    "cracksam": ModelRow(
        build="crackwise.models.cracksam:build",
        summary="Segment Anything without prompts, two mask tokens per class; to be tuned",
        paper="Kirillov et al., ICCV 2023; Ge et al., Construction and Building Materials 431, 2024",
        licence="Apache-2.0 (network: transformers; SAM weights: Apache-2.0)",
        input_px=448,
        start="base",
        small={"size": "tiny", "input_px": 64},
    ),
    "sam": ModelRow(
        build="crackwise.models.sam:build",
        summary="Segment Anything untouched, asked by a grid of points; a baseline without training",
        paper="Kirillov et al., ICCV 2023",
        licence="Apache-2.0 (network: transformers; SAM weights: Apache-2.0)",
        input_px=1024,
        start="base",
        small={"size": "tiny", "input_px": 64, "points_per_side": 3},
    ),
    "sam2": ModelRow(
        build="crackwise.models.sam2:build",
        summary="the image encoder of SAM 2 under a convolutional head; to be tuned",
        paper="Ravi et al., ICLR 2025",
        licence="Apache-2.0 (network: transformers; SAM 2 weights: Apache-2.0)",
        input_px=512,
        start="base",
        small={"size": "nano", "input_px": 64},
    ),
    "clipseg": ModelRow(
        build="crackwise.models.clipseg:build",
        summary="text prompts become classes; to be tuned",
        paper="Lüddecke and Ecker, CVPR 2022",
        licence="Apache-2.0 (network: transformers; CLIPSeg weights: Apache-2.0, CLIP: MIT)",
        input_px=352,
        start="base",
        small={"size": "tiny"},
    ),
    "segformer": ModelRow(
        build="crackwise.models.comparators:build_segformer",
        summary="all-MLP decoder on the encoders mit_b0 to mit_b5",
        paper="Xie et al., NeurIPS 2021",
        licence="MIT (segmentation_models_pytorch); ImageNet weights of mit_*: non-commercial",
        multiple_of=32,
        start="encoder_weights",
    ),
    "resnet50": ModelRow(
        build="crackwise.models.classifiers:build",
        summary="classifier: crack or no crack of a whole picture, ResNet-50",
        paper="He et al., CVPR 2016",
        licence="Apache-2.0 (timm; its ImageNet weights: Apache-2.0)",
        input_px=224,
        start="weights",
        answers="pictures",
        fixed={"network": "resnet50"},
        small={"size": "tiny", "input_px": 64},
    ),
    "vit_b16": ModelRow(
        build="crackwise.models.classifiers:build",
        summary="classifier: crack or no crack of a whole picture, vision transformer",
        paper="Dosovitskiy et al., ICLR 2021",
        licence="Apache-2.0 (timm; its ImageNet weights: Apache-2.0)",
        input_px=224,
        start="weights",
        answers="pictures",
        fixed={"network": "vit_base_patch16_224"},
        small={"size": "tiny", "input_px": 64},
        notes=(
            "Pictures are normalised with ImageNet's mean and deviation, as in the published comparison; the weights "
            "of timm were trained with one half for both.",
        ),
    ),
    "timm": ModelRow(
        build="crackwise.models.classifiers:build_timm",
        summary="classifier: crack or no crack of a whole picture, any classification network of timm",
        paper="Wightman, PyTorch Image Models, 2019; that of the network",
        licence="Apache-2.0 (timm); that of the published weights",
        input_px=224,
        start="weights",
        answers="pictures",
        small={"input_px": 64},
        notes=(
            "An npz of folded MobileNetV2 weights leaves its batch normalisations without statistics: they hold only "
            "while frozen, so learn head, adapters or LoRA, not the encoder.",
        ),
    ),
}


def build_model(name: str, /, classes: Sequence[str] = ("crack",), **options: object) -> nn.Module:
    """A freshly initialised network of ``MODELS``; seed torch first for the same weights again.

    Options are those of the row's builder (see ``model_options``).

    >>> build_model("hrsegnet", base=16).training
    True

    Raises:
        ModelError: there is no such model or option, or a value does not fit.
    """
    row = model_row(name)
    known = model_options(name)
    for option in options:
        if option not in known:
            raise ModelError(
                f"{name} has no option {option!r}{did_you_mean(option, known)} Options: {described(known)}."
            )
    try:
        return validate_call(builder(row))(classes=classes, **row.fixed, **options)  # type: ignore[no-any-return]
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ModelError(
            f"{name}: {where}={wrong['input']!r} does not fit: {wrong['msg']}. Options: {described(known)}."
        ) from error


def model_row(name: str) -> ModelRow:
    """The row of ``MODELS`` called ``name``; a ModelError that names its neighbours where there is none."""
    try:
        return MODELS[name]
    except KeyError:
        near = did_you_mean(name, MODELS)
        raise ModelError(f"No model named {name!r}{near} See `crackwise list models`.") from None


def model_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a model: name to parameter, with its default and its type."""
    row = model_row(name)
    parameters = inspect.signature(builder(row)).parameters
    return {option: p for option, p in parameters.items() if option != "classes" and option not in row.fixed}


def start_of(name: str, options: Mapping[str, Any]) -> str | None:
    """The published weights that these options of a model start from; None: random ones."""
    option = model_row(name).start
    return None if option is None else options.get(option)


def without_start(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that make the network, without the one that says where its first weights come from."""
    return {option: value for option, value in options.items() if option != model_row(name).start}


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the parameters of a network; it may live on the meta device."""
    from crackwise.models.blocks import TrainingOnly

    spared = {id(p) for m in model.modules() if isinstance(m, TrainingOnly) for p in m.parameters()}
    parameters = list(model.parameters())
    return ParameterCount(
        total=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        deployed=sum(p.numel() for p in parameters if id(p) not in spared),
    )


def builder(row: ModelRow) -> Callable[..., Any]:
    """The function that builds the network of a row."""
    module, function = row.build.split(":")
    with needs_extra("lab"):
        return getattr(import_module(module), function)  # type: ignore[no-any-return]


def described(options: Mapping[str, inspect.Parameter]) -> str:
    """``"base: int = 16, depth: int = 3"``."""
    return ", ".join(f"{name}: {p.annotation} = {p.default!r}" for name, p in options.items()) or "none"


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """The end of a sentence: a full stop, or the nearest names."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f". Did you mean {' or '.join(repr(n) for n in near)}?" if near else "."
