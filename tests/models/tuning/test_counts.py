"""Every parameter count that the papers and their code state for a foundation model and its tunings.

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
