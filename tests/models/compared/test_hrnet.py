"""HRNet's head reads the four resolutions as its stages leave them."""

import torch

from crackwise.models.cost import build_on_meta


def test_four_maps_of_the_published_widths_are_joined_at_stride_4() -> None:
    net = build_on_meta("hrnet_fcn").get_submodule("net.1")
    maps = net.encoder(torch.empty(1, 3, 64, 96, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps] == [(18, 16, 24), (36, 8, 12), (72, 4, 6), (144, 2, 3)]
    assert net.head[0][0].weight.shape == (270, 270, 1, 1)


def test_no_layer_of_classification_is_left() -> None:
    names = [name for name, _ in build_on_meta("hrnet_fcn").named_parameters()]
    assert not [name for name in names if "incre" in name or "downsamp_modules" in name or "final" in name]
