"""The table of networks; it needs no torch to be read."""

from __future__ import annotations

from crackwise.models.row import ModelRow, comparator, compared

__all__ = ["MODELS"]

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
