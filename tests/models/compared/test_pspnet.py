"""PSPNet sees the whole picture at stride 8."""

import torch
from torch.nn import functional as F

from crackwise.models.compared.pspnet import PSPHead
from crackwise.models.cost import build_on_meta


def test_the_encoder_stays_at_stride_8() -> None:
    encoder = build_on_meta("pspnet", encoder="resnet18").get_submodule("net.1.encoder")
    assert [m.shape[-2:] for m in encoder(torch.empty(1, 3, 64, 96, device="meta"))[-3:]] == [(8, 12)] * 3


def test_the_head_mixes_the_map_with_its_averages() -> None:
    torch.manual_seed(0)
    head, x = PSPHead(4, 3, 2).eval(), torch.randn(1, 4, 7, 9)
    averages = [F.adaptive_avg_pool2d(x, side) for side in (1, 2, 3, 6)]
    maps = [F.interpolate(pool[1](y), (7, 9), mode="bilinear") for pool, y in zip(head.pools, averages, strict=True)]
    with torch.no_grad():
        torch.testing.assert_close(head(x), head.logits(head.mix(torch.cat([x, *maps], 1))))


def test_one_corner_of_the_map_sees_the_other() -> None:
    torch.manual_seed(0)
    head, x = PSPHead(4, 3, 1).eval(), torch.randn(1, 4, 40, 40)
    changed = x.clone()
    changed[..., -1, -1] += 100
    with torch.no_grad():
        assert head(changed)[..., 0, 0] != head(x)[..., 0, 0]
