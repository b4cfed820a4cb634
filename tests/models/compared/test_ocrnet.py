"""OCRNet stands on timm's HRNet and on HrSegNet's trunk, and its regions look as their pixels do."""

from __future__ import annotations

import pytest
import timm
import torch
from torch.nn import functional as F

from crackwise.errors import ModelError
from crackwise.models import build_model, count_parameters
from crackwise.models.blocks import Outputs
from crackwise.models.compared.ocrnet import HRNet, RegionAttention, hrsegnet_trunk, look_of_regions
from crackwise.models.cost import build_on_meta
from crackwise.models.hrsegnet import HrSegNet


@pytest.mark.parametrize(("backbone", "total"), [("hrnet_w18", 12_066_708), ("hrsegnet_b64", 11_089_412)])
def test_weights_are_counted_and_all_are_deployed(backbone: str, total: int) -> None:
    """12.1 M is what is quoted on HRNet-W18."""
    count = count_parameters(build_on_meta("ocrnet", backbone=backbone))
    assert (count.total, count.deployed) == (total, total)


def test_hrnet_is_that_of_timm_without_what_classifies() -> None:
    with torch.device("meta"):
        whole, trunk = timm.create_model("hrnet_w18", pretrained=False), HRNet()
    of_classifier = ("incre_modules", "downsamp_modules", "final_layer", "classifier")
    expected = {n: p.shape for n, p in whole.named_parameters() if not n.startswith(of_classifier)}
    assert {n: p.shape for n, p in trunk.net.named_parameters()} == expected
    assert trunk(torch.empty(1, 3, 64, 96, device="meta")).shape == (1, 270, 16, 24)


def test_the_trunk_of_hrsegnet_computes_what_its_last_block_does() -> None:
    torch.manual_seed(0)
    trunk, channels = hrsegnet_trunk(16)
    whole = HrSegNet(16, 3, 2, align_corners=True, project_first=True)
    whole.stem.load_state_dict(trunk[0].state_dict())
    for block, other in zip(whole.blocks, trunk[1:], strict=True):
        block.load_state_dict(other.state_dict())
    seen: list[torch.Tensor] = []
    whole.blocks[-1].register_forward_hook(lambda _, __, y: seen.append(y))
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        whole.eval()(x)
        torch.testing.assert_close(trunk.eval()(2 * x - 1), seen[0])
    assert seen[0].shape[1] == channels
    with torch.device("meta"):
        assert count_parameters(hrsegnet_trunk(64)[0]).total == 9_603_840


def test_a_region_looks_like_the_mean_of_its_pixels() -> None:
    torch.manual_seed(0)
    pixels, inside = torch.randn(2, 5, 6, 7), torch.zeros(2, 3, 6, 7, dtype=torch.bool)
    inside[:, 0, :3], inside[:, 1, 3:], inside[:, 2, 2, 2] = True, True, True
    looks = look_of_regions(pixels, torch.where(inside, 0.0, -1e4))
    assert looks.shape == (2, 5, 3, 1)
    torch.testing.assert_close(looks[:, :, 0, 0], pixels[:, :, :3].mean((2, 3)))
    torch.testing.assert_close(looks[:, :, 1, 0], pixels[:, :, 3:].mean((2, 3)))
    torch.testing.assert_close(looks[:, :, 2, 0], pixels[:, :, 2, 2])


def test_attention_is_a_softmax_over_regions_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    layer = RegionAttention(8, 4).eval()
    pixels, looks = torch.randn(1, 8, 3, 5), torch.randn(1, 8, 2, 1)
    with torch.no_grad():
        query, key, value = layer.query(pixels)[0], layer.key(looks)[0, :, :, 0], layer.value(looks)[0, :, :, 0]
        alike = torch.einsum("dhw,dn->nhw", query, key) / 4**0.5
        context = torch.einsum("nhw,dn->dhw", F.softmax(alike, 0), value)
        torch.testing.assert_close(layer(pixels, looks), layer.last(context[None]))


def test_the_auxiliary_logits_are_the_regions() -> None:
    torch.manual_seed(0)
    model = build_model("ocrnet", backbone="hrsegnet_b16", width=16)
    regions: list[torch.Tensor] = []
    model.net.net.regions.register_forward_hook(lambda _, __, y: regions.append(y))
    outputs = model(torch.rand(2, 3, 64, 96))
    assert isinstance(outputs, Outputs)
    expected = F.interpolate(regions[0], (64, 96), mode="bilinear")
    torch.testing.assert_close(outputs.auxiliary[0], expected[:, 1::2] - expected[:, ::2])


def test_another_backbone_is_refused() -> None:
    with pytest.raises(ModelError, match="backbone='resnet50' does not fit: Input should be 'hrnet_w18'"):
        build_model("ocrnet", backbone="resnet50")
