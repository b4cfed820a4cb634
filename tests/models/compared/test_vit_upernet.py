"""The neck makes a pyramid of the four maps of a plain transformer."""

import torch

from crackwise.models.compared.vit_upernet import Neck
from crackwise.models.cost import build_on_meta


def test_four_maps_of_one_size_become_strides_4_to_32() -> None:
    levels = Neck(4)([torch.rand(1, 4, 6, 8)] * 4)
    assert [tuple(level.shape[-2:]) for level in levels] == [(24, 32), (12, 16), (6, 8), (3, 4)]


def test_every_third_block_is_read_and_no_norm_lies_behind() -> None:
    encoder = build_on_meta("vit_upernet").get_submodule("net.1.encoder")
    assert encoder.feature_info.module_name() == ["blocks.2", "blocks.5", "blocks.8", "blocks.11"]
    maps = encoder(torch.empty(1, 3, 448, 448, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps] == [(768, 28, 28)] * 4
    assert not [name for name, _ in encoder.named_parameters() if name.startswith(("model.norm", "model.head"))]
