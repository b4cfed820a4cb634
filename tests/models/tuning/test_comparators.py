"""A network to compare with takes every tuning that has a meaning for it; the others are refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import MODELS
from crackwise.models.cost import build_on_meta
from crackwise.models.tuning import anatomy_of, apply_tunings, parse_tunings
from crackwise.models.tuning.anatomy import named_blocks

CONVOLUTIONS = ("head", "last_blocks:1", "adapter:4", "lora:2:all", "lora:4:all+head")
ATTENTION = ("layernorm", "lora:2:qv", "lora:2:qkvo", "lora:2:mlp")
ROWS = {
    "pspnet": CONVOLUTIONS,
    "vgg16_unet": CONVOLUTIONS,
    "hrnet_fcn": CONVOLUTIONS,
    "lraspp": CONVOLUTIONS,
    "swin_upernet": CONVOLUTIONS + ATTENTION,
    "vit_upernet": CONVOLUTIONS + ATTENTION,
    "unet_fcn": (),
    "unet_pspnet": (),
}
"""The tunings that have a meaning for a row, beside ``full``."""
MEANINGFUL = [(name, tuning) for name, tunings in ROWS.items() for tuning in tunings]
OTHERS = [(name, tuning) for name, taken in ROWS.items() for tuning in CONVOLUTIONS + ATTENTION if tuning not in taken]


def tuned(name: str, tuning: str) -> nn.Module:
    """The small network, shapes alone."""
    model = build_on_meta(name, **MODELS[name].small)
    with torch.device("meta"):
        return apply_tunings(model, parse_tunings(tuning))


@pytest.mark.parametrize(("name", "tuning"), MEANINGFUL)
def test_a_tuning_trains_what_it_says(name: str, tuning: str) -> None:
    model = tuned(name, tuning)
    encoder = anatomy_of(model).encoder + "."
    *_, (last, _) = named_blocks(model, anatomy_of(model))
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    meant = {
        "head": lambda n: not n.startswith(encoder),
        "last_blocks:1": lambda n: n.startswith(last + "."),
        "adapter:4": lambda n: ".adapter." in n,
        "layernorm": lambda n: n.startswith(encoder) and "norm" in n,
        "lora:4:all+head": lambda n: ".lora_" in n or not n.startswith(encoder),
    }.get(tuning, lambda n: ".lora_" in n)
    assert trained == {n for n, _ in model.named_parameters() if meant(n)} != set()
    assert tuning.endswith("head") or all(n.startswith(encoder) for n in trained)


@pytest.mark.parametrize(("name", "tuning"), OTHERS)
def test_what_has_no_meaning_is_one_error(name: str, tuning: str) -> None:
    with pytest.raises(ModelError, match=r"finds nothing to train|has no layer|nothing but tuning=full"):
        tuned(name, tuning)


@pytest.mark.parametrize(
    ("name", "blocks"), [("vgg16_unet", 13), ("lraspp", 15), ("vit_upernet", 4), ("hrnet_fcn", 19)]
)
def test_every_block_is_known(name: str, blocks: int) -> None:
    model = build_on_meta(name, **MODELS[name].small)
    assert len(list(named_blocks(model, anatomy_of(model)))) == blocks
    with pytest.raises(ModelError, match=f"has {blocks} blocks"):
        tuned(name, "last_blocks:99")
