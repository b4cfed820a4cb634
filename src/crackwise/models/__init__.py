"""The table of networks, and how to build one: RGB in [0, 1] to one logit per class and pixel, at any size."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "unet": comparator("unet", "U-Net on any encoder", "Ronneberger et al., MICCAI 2015"),
    "unetplusplus": comparator("unetplusplus", "U-Net with nested skips", "Zhou et al., IEEE TMI 39(6), 2020"),
    "fpn": comparator("fpn", "feature pyramid with a segmentation head", "Kirillov et al., CVPR 2019"),
    "linknet": comparator(
        "linknet", "U-Net that adds instead of concatenating", "Chaurasia and Culurciello, VCIP 2017"
    ),
    "deeplabv3plus": ModelRow(
        build="crackwise.models.comparators:build_deeplabv3plus",
        summary="atrous pyramid with a decoder",
        paper="Chen et al., ECCV 2018",
        licence="MIT (segmentation_models_pytorch)",
        multiple_of=32,
        start="encoder_weights",
        small={"encoder": "resnet18"},
        notes=(
            "CrackSAM counts 41.2 M (resnet50) and 60.2 M (resnet101): the branches of its pyramid are 512 wide and "
            "joined by a 3x3 convolution. This library joins them by 1x1: width=512 and output_stride=8 give 30.7 M "
            "and 49.7 M, its own width of 256 26.7 M and 45.7 M.",
        ),
    ),
    "pspnet": ModelRow(
        build="crackwise.models.pspnet:build",
        summary="pyramid pooling on an encoder dilated at stride 8",
        paper="Zhao et al., CVPR 2017",
        licence="Apache-2.0 (encoder: segmentation_models_pytorch, MIT)",
        multiple_of=32,
        start="encoder_weights",
        small={"encoder": "resnet18", "width": 8},
        notes=(
            "CrackSAM counts 65.59 M: the stem of its encoder is three 3x3 convolutions, as that of tu-resnet101c; "
            "resnet101 has one of 7x7, and 65.57 M.",
            "The auxiliary head that its training had in CrackSAM is left out, and not in that count.",
        ),
    ),
    "vgg16_unet": ModelRow(
        build="crackwise.models.comparators:build_vgg16_unet",
        summary="U-Net on VGG-16",
        paper="Simonyan and Zisserman, ICLR 2015 (encoder); Ronneberger et al., MICCAI 2015",
        licence="MIT (segmentation_models_pytorch)",
        multiple_of=32,
        start="encoder_weights",
        small={"base": 4},
        notes=(
            "CrackSAM counts 53.91 M and the code beside the Khanhha data set 29.3 M for a network of this name; "
            "neither says how. base=64 gives 50.8 M and base=32 30.4 M.",
        ),
    ),
    "unet_fcn": ModelRow(
        build="crackwise.models.unet_s5:build",
        summary="U-Net of five stages under a convolutional head",
        paper="Ronneberger et al., MICCAI 2015; Long et al., CVPR 2015 (head)",
        licence="Apache-2.0",
        multiple_of=16,
        fixed={"head": "fcn"},
        small={"base": 4},
        notes=("The auxiliary head that its training had in CrackSAM is left out, and not in its count.",),
    ),
    "unet_pspnet": ModelRow(
        build="crackwise.models.unet_s5:build",
        summary="U-Net of five stages under pyramid pooling",
        paper="Ronneberger et al., MICCAI 2015; Zhao et al., CVPR 2017 (head)",
        licence="Apache-2.0",
        multiple_of=16,
        fixed={"head": "psp"},
        small={"base": 4},
        notes=("The auxiliary head that its training had in CrackSAM is left out, and not in its count.",),
    ),
    "hrnet_fcn": ModelRow(
        build="crackwise.models.hrnet:build",
        summary="HRNet: four resolutions side by side, joined at stride 4",
        paper="Wang, Sun et al., IEEE TPAMI 43(10), 2021, arXiv:1908.07919",
        licence="Apache-2.0 (encoder: timm)",
        multiple_of=32,
        start="encoder_weights",
        small={"width": "w18_small"},
        notes=("CrackSAM counts 9.63 M: so do we, 9.636 M, rounded down.",),
    ),
    "lraspp": ModelRow(
        build="crackwise.models.comparators:build_lraspp",
        summary="MobileNetV3 large under a light reduced pyramid",
        paper="Howard et al., ICCV 2019",
        licence="BSD-3-Clause (torchvision)",
        multiple_of=32,
        start="encoder_weights",
        notes=(
            "CrackSAM counts 3.28 M, with the pyramid of MMSegmentation, which joins two fine maps; this one joins "
            "one, at stride 8, as in its paper, and has 3.2 M.",
        ),
    ),
    "swin_upernet": ModelRow(
        build="crackwise.models.comparators:build_swin_upernet",
        summary="Swin Transformer under a pyramid that parses all levels",
        paper="Liu et al., ICCV 2021 (encoder); Xiao et al., ECCV 2018",
        licence="MIT (segmentation_models_pytorch), Apache-2.0 (encoder: timm)",
        input_px=448,
        start="encoder_weights",
        small={"size": "nano", "input_px": 64},
    ),
    "vit_upernet": ModelRow(
        build="crackwise.models.vit_upernet:build",
        summary="a plain vision transformer under a pyramid that parses all levels",
        paper="Dosovitskiy et al., ICLR 2021 (encoder); Xiao et al., ECCV 2018",
        licence="Apache-2.0 (encoder: timm; head: transformers)",
        input_px=448,
        start="encoder_weights",
        small={"size": "nano", "input_px": 64},
    ),
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
}


def build_model(name: str, classes: Sequence[str] = ("crack",), **options: object) -> nn.Module:
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
