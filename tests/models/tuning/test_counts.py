"""Every parameter count that the papers and their code state for a published network and its tunings.

CrackSAM: Ge et al., Construction and Building Materials 431, 2024, tables 1 to 6. CLIPSeg and SAM 2: counted on the
published configurations. ``total`` of CrackSAM grows with what a tuning puts in.
"""

from __future__ import annotations

import pytest
import torch

from crackwise.models import count_parameters
from crackwise.models.cost import build_on_meta
from crackwise.models.tuning import apply_tunings, parse_tunings

CRACKSAM = [
    ("vit_h", "head", 636_524_526, 3_783_918),
    ("vit_h", "lora:1+head", 636_688_366, 3_947_758),
    ("vit_h", "lora:2+head", 636_852_206, 4_111_598),
    ("vit_h", "lora:4+head", 637_179_886, 4_439_278),
    ("vit_h", "lora:8+head", 637_835_246, 5_094_638),
    ("vit_h", "lora:16+head", 639_145_966, 6_405_358),
    ("vit_h", "lora:8:q+head", 637_179_886, 4_439_278),
    ("vit_h", "lora:8:qkvo+head", 639_145_966, 6_405_358),
    ("vit_h", "adapter:1+head", 636_770_350, 4_029_742),
    ("vit_h", "adapter:8+head", 637_917_678, 5_177_070),
    ("vit_h", "adapter:16+head", 639_228_910, 6_488_302),
    ("vit_h", "adapter:32+head", 641_851_374, 9_110_766),
    ("vit_h", "adapter:64+head", 647_096_302, 14_355_694),
    ("vit_h", "adapter:8+lora:2+head", 638_245_358, 5_504_750),
    ("vit_h", "adapter:16+lora:4+head", 639_884_270, 7_143_662),
    ("vit_h", "adapter:32+lora:8+head", 643_162_094, 10_421_486),
    ("vit_b", "head", 90_874_350, 3_783_918),
    ("vit_b", "adapter:32+head", 92_073_198, 4_982_766),
    ("vit_b", "lora:4+head", 91_021_806, 3_931_374),
    ("vit_l", "head", 308_633_838, 3_783_918),
    ("vit_l", "adapter:32+head", 311_830_254, 6_980_334),
    ("vit_l", "lora:4+head", 309_027_054, 4_177_134),
]
CLIPSEG = [
    ("rd64", {}, "full", 150_693_890, 150_693_890),
    ("rd64-refined", {}, "full", 150_747_746, 150_747_746),
    ("rd64-refined", {}, "head", 150_747_746, 1_127_009),
    ("rd64-refined", {"scope": "all"}, "lora", 151_743_074, 995_328),
    ("rd64-refined", {"scope": "vision+decoder"}, "lora", 151_349_858, 589_824 + 12_288),
    ("rd64-refined", {"scope": "decoder"}, "lora", 150_760_034, 12_288),
]
SAM2_HEAD = 295_169
SAM2 = [
    ("tiny", 27_219_136, 306_432),
    ("small", 34_316_992, 404_736),
    ("base_plus", 69_106_816, 694_400),
    ("large", 212_703_280, 1_759_104),
]
PARTS: list[tuple[str, str, tuple[str, ...], int]] = [
    ("cracksam", "vit_b", ("vision_encoder",), 87_090_432),
    ("cracksam", "vit_l", ("vision_encoder",), 304_849_920),
    ("cracksam", "vit_h", ("vision_encoder",), 632_740_608),
    ("cracksam", "vit_b", ("prompt_encoder",), 6_220),
    ("cracksam", "vit_b", ("point_embed",), 1_024),
    ("cracksam", "vit_b", ("not_a_point_embed",), 256),
    ("cracksam", "vit_b", ("mask_embed",), 4_684),
    ("cracksam", "vit_b", ("no_mask_embed",), 256),
    ("cracksam", "vit_b", ("mask_decoder",), 3_777_698),
    ("cracksam", "vit_b", ("transformer",), 3_291_264),
    ("cracksam", "vit_b", ("iou_token",), 256),
    ("cracksam", "vit_b", ("mask_tokens",), 512),
    ("cracksam", "vit_b", ("upscale_conv1", "upscale_layer_norm", "upscale_conv2"), 73_952),
    ("cracksam", "vit_b", ("output_hypernetworks_mlps",), 279_616),
    ("cracksam", "vit_b", ("iou_prediction_head",), 132_098),
    ("sam", "vit_h", ("vision_encoder",), 637_026_048),
    ("sam", "vit_h", ("mask_decoder",), 4_058_340),
    ("clipseg", "rd64-refined", ("vision",), 85_799_424),
    ("clipseg", "rd64-refined", ("text",), 63_165_952),
    (
        "clipseg",
        "rd64-refined",
        ("vision", "text", "visual_projection", "text_projection", "logit_scale"),
        149_620_737,
    ),
    ("clipseg", "rd64-refined", ("decoder",), 1_127_009),
    ("clipseg", "rd64", ("decoder",), 1_073_153),
    ("sam2", "tiny", ("encoder",), 27_219_136),
    ("sam2", "base_plus", ("encoder",), 69_106_816),
    ("sam2", "base_plus", ("backbone",), 68_675_712),
    ("sam2", "base_plus", ("neck",), 431_104),
]
"""Every part that is stated on its own: network, size, names of its modules, how many numbers they hold."""


BLOCK_OF_VIT_B = 7_087_872
CLASSIFIERS = [
    ("resnet50", "head", 23_512_130, 4_098),
    ("resnet50", "first_blocks:0", 23_512_130, 23_512_130),
    ("vit_b16", "head", 85_800_194, 1_538),
    ("vit_b16", "last_blocks:2", 85_800_194, 2 * BLOCK_OF_VIT_B),
    ("vit_b16", "first_blocks:10", 85_800_194, 2 * BLOCK_OF_VIT_B + 1_538),
    ("vit_b16", "first_blocks:12", 85_800_194, 1_538),
]
"""The comparison of ResNet-50 with ViT-B/16: docs/classification.md."""


def counts(name: str, tuning: object, **options: object) -> tuple[int, int]:
    """Total and trainable parameters."""
    model = build_on_meta(name, **options)
    with torch.device("meta"):
        count = count_parameters(apply_tunings(model, parse_tunings(tuning)))
    return count.total, count.trainable


@pytest.mark.parametrize(("size", "tuning", "total", "trainable"), CRACKSAM)
def test_cracksam(size: str, tuning: str, total: int, trainable: int) -> None:
    assert counts("cracksam", tuning, size=size) == (total, trainable)


@pytest.mark.parametrize(("size", "settings", "kind", "total", "trainable"), CLIPSEG)
def test_clipseg(size: str, settings: dict[str, object], kind: str, total: int, trainable: int) -> None:
    tuning = {"kind": kind} | ({"rank": 16, "alpha": 32, "dropout": 0.05} | settings if kind == "lora" else {})
    assert counts("clipseg", [tuning], size=size) == (total, trainable)


@pytest.mark.parametrize(("size", "encoder", "lora"), SAM2)
def test_sam2(size: str, encoder: int, lora: int) -> None:
    assert counts("sam2", "head", size=size, head="published") == (encoder + SAM2_HEAD, SAM2_HEAD)
    assert counts("sam2", "lora:4:all+head", size=size, head="published")[1] == lora + SAM2_HEAD


@pytest.mark.parametrize(("name", "tuning", "total", "trainable"), CLASSIFIERS)
def test_classifiers(name: str, tuning: str, total: int, trainable: int) -> None:
    assert counts(name, tuning) == (total, trainable)


@pytest.mark.parametrize(("name", "size", "modules", "count"), PARTS)
def test_a_part(name: str, size: str, modules: tuple[str, ...], count: int) -> None:
    parameters = build_on_meta(name, size=size).named_parameters()
    assert sum(p.numel() for n, p in parameters if any(f".{module}." in f".{n}." for module in modules)) == count
