"""A tuning trains exactly what it says, and nothing else moves by a bit."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model
from crackwise.models.tuning import apply_tunings, frozen_hash, hold_frozen_statistics, parse_tunings, trained_state
from crackwise.models.tuning.lora import merge_lora

Belongs = Callable[[str], bool]

SAM_HEAD = ("prompt_encoder", "mask_decoder")
UNREACHED = (
    "prompt_encoder.mask_embed",
    "prompt_encoder.point_embed",
    "prompt_encoder.not_a_point",
    "iou_prediction_head",
)
"""Of SAM's head: without prompts they take no part in the answer."""
IDLE = ("vision.encoder.layers.3.", "vision.post_layernorm", "visual_projection", "logit_scale")
"""Of CLIPSeg: what lies behind the last hidden state that the decoder reads."""
LOST = "k_proj.bias"
"""What is added to every key a softmax takes away again: a gradient of rounding errors, or none."""


def in_sam_head(name: str) -> bool:
    """A weight of SAM's head that the answer depends on."""
    return any(part in name for part in SAM_HEAD) and not any(part in name for part in UNREACHED)


def in_clipseg(*parts: str) -> Belongs:
    """A weight of these parts of CLIPSeg that the answer depends on."""
    return lambda name: any(part in name for part in parts) and not any(part in name for part in IDLE)


MEANT: list[tuple[str, object, Belongs]] = [
    ("cracksam", "full", lambda n: ".vision_encoder." in n or in_sam_head(n)),
    ("cracksam", "head", in_sam_head),
    ("cracksam", "lora:2", lambda n: ".lora_" in n),
    ("cracksam", "lora:2:q", lambda n: ".qkv.q.lora_" in n),
    ("cracksam", "lora:2:v", lambda n: ".qkv.v.lora_" in n),
    ("cracksam", "lora:2:qkvo", lambda n: ".lora_" in n),
    ("cracksam", "lora:2:mlp", lambda n: ".mlp." in n and ".lora_" in n),
    ("cracksam", "lora:2:all+head", lambda n: ".lora_" in n or in_sam_head(n)),
    ("cracksam", "adapter:4", lambda n: ".adapter." in n),
    ("cracksam", "adapter:4+lora:2+head", lambda n: ".adapter." in n or ".lora_" in n or in_sam_head(n)),
    ("cracksam", "layernorm", lambda n: "vision_encoder" in n and "layer_norm" in n),
    ("cracksam", "last_blocks:1", lambda n: "vision_encoder.layers.2." in n),
    ("sam", "lora:2", lambda n: ".lora_" in n),
    ("sam2", "full", lambda n: ".encoder.backbone." in n or ".encoder.neck." in n or ".head." in n),
    ("sam2", "head", lambda n: ".head." in n),
    ("sam2", "lora:2", lambda n: ".lora_" in n),
    ("sam2", "lora:2:all+head", lambda n: ".lora_" in n or ".head." in n),
    ("sam2", "adapter:4+head", lambda n: ".adapter." in n or ".head." in n),
    ("sam2", "last_blocks:2", lambda n: "blocks.3." in n or "blocks.4." in n),
    ("sam2", "layernorm", lambda n: ".encoder.backbone." in n and ".layer_norm" in n),
    ("clipseg", "full", in_clipseg(".vision.", ".text.", ".text_projection.", ".decoder.")),
    ("clipseg", "head", lambda n: ".decoder." in n),
    ("clipseg", [{"kind": "lora", "rank": 2, "scope": "decoder"}], lambda n: ".decoder." in n and ".lora_" in n),
    (
        "clipseg",
        [{"kind": "lora", "rank": 2, "scope": "vision+decoder"}],
        lambda n: ".lora_" in n and in_clipseg(".vision.", ".decoder.")(n),
    ),
    (
        "clipseg",
        [{"kind": "lora", "rank": 2, "scope": "all"}],
        lambda n: ".lora_" in n and in_clipseg(".vision.", ".text.", ".decoder.")(n),
    ),
    ("clipseg", "adapter:4", lambda n: ".adapter." in n),
    ("clipseg", "layernorm", lambda n: ".vision." in n and "norm" in n and "post_" not in n and "layers.3." not in n),
    ("clipseg", "last_blocks:1", lambda n: "vision.encoder.layers.2." in n),
    ("mobilenet_fpn", "head", lambda n: not n.startswith("encoder")),
    ("mobilenet_fpn", "lora:2:all", lambda n: ".lora_" in n),
    ("mobilenet_fpn", "adapter:4+head", lambda n: ".adapter." in n or not n.startswith("encoder")),
    ("mobilenet_fpn", "last_blocks:1", lambda n: n.startswith("encoder.stages.6.0.")),
    ("unet", "head", lambda n: ".encoder." not in n),
    ("cracksam", "first_blocks:2", lambda n: "vision_encoder.layers.2." in n or in_sam_head(n)),
    ("vit_b16", "first_blocks:1", lambda n: re.search(r"\.blocks\.[12]\.|\.head\.", n) is not None),
    ("vit_b16", "first_blocks:0", lambda n: True),
    ("vit_b16", "last_blocks:1+head", lambda n: ".blocks.2." in n or ".head." in n),
    ("vit_b16", "lora:2+head", lambda n: ".lora_" in n or ".head." in n),
    ("resnet50", "head", lambda n: ".head." in n),
    ("resnet50", "first_blocks:3", lambda n: ".layer4.0." in n or ".head." in n),
    ("resnet50", "lora:2:all+adapter:4", lambda n: ".lora_" in n or ".adapter." in n),
    ("timm", "head", lambda n: ".head." in n),
]


def tuned(name: str, tuning: object) -> nn.Module:
    """A small network under a tuning, in training mode, as it starts."""
    torch.manual_seed(0)
    model = apply_tunings(build_model(name, **MODELS[name].small), parse_tunings(tuning))
    model.train()
    hold_frozen_statistics(model)
    return model


def picture(count: int = 2) -> torch.Tensor:
    """Noise."""
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def disturb(model: nn.Module) -> None:
    """Move what learns, so that a zero somewhere does not hide a gradient."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))


@pytest.mark.parametrize(("name", "tuning", "belongs"), MEANT)
def test_gradient_reaches_exactly_what_is_meant(name: str, tuning: object, belongs: Belongs) -> None:
    model = tuned(name, tuning)
    disturb(model)
    for _ in range(4):  # phrases are drawn: each of them once
        model(picture()).square().mean().backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    meant = {n for n, _ in model.named_parameters() if belongs("." + n if name != "mobilenet_fpn" else n)}
    assert {n for n in reached if LOST not in n} == {n for n in meant if LOST not in n}


@pytest.mark.parametrize(("name", "tuning"), [(name, tuning) for name, tuning, _ in MEANT])
def test_nothing_frozen_moves_in_ten_steps(name: str, tuning: object) -> None:
    model = tuned(name, tuning)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    base = frozen_hash(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        model(picture()).square().mean().backward()
        optimizer.step()
    learnt = trained_state(model)
    assert frozen_hash(model) == base
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert moved <= learnt.keys()


@pytest.mark.parametrize("tuning", ["lora:2", "lora:2:all", "adapter:4"])
@pytest.mark.parametrize("name", ["cracksam", "sam2", "mobilenet_fpn"])
def test_lora_and_adapters_start_as_the_identity(name: str, tuning: str) -> None:
    if name == "mobilenet_fpn" and tuning == "lora:2":
        pytest.skip("a convolutional network has no query and value")
    torch.manual_seed(0)
    plain = build_model(name, **MODELS[name].small).eval()
    changed = tuned(name, tuning).eval()
    with torch.no_grad():
        torch.testing.assert_close(changed(picture()), plain(picture()), rtol=0, atol=1e-6)


def test_adapters_as_published_do_not_start_as_the_identity() -> None:
    torch.manual_seed(0)
    plain = build_model("cracksam", **MODELS["cracksam"].small).eval()
    changed = tuned("cracksam", [{"kind": "adapter", "dim": 4, "init": "published"}]).eval()
    with torch.no_grad():
        assert not torch.allclose(plain(picture()), changed(picture()))


@pytest.mark.parametrize(("name", "tuning"), [(n, t) for n, t, _ in MEANT if "lora" in str(t)])
def test_merged_and_unmerged_agree(name: str, tuning: object) -> None:
    model = tuned(name, tuning)
    disturb(model)
    model.eval()
    with torch.no_grad():
        before = model(picture())
        after = merge_lora(model)(picture())
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5 * max(1.0, float(before.abs().max())))
    assert not any(".lora_" in n for n, _ in model.named_parameters())
    plain = build_model(name, **MODELS[name].small).state_dict().keys()
    assert "adapter" in str(tuning) or model.state_dict().keys() == plain


@pytest.mark.parametrize(
    ("tuning", "says"),
    [
        ("lora:4:qx", "targets"),
        ("loro:4", "no tuning 'loro'"),
        ("lora:4:q+lora:8:v", "lora is named 2 times"),
        ("full+lora:4", "full trains every weight"),
        ("first_blocks:0+lora:4", "first_blocks trains every weight"),
        ("first_blocks:-1", "greater than or equal to 0"),
        ("lora:4:qv:1", "lora:RANK:TARGETS"),
        ([], "at least 1"),
    ],
)
def test_a_wrong_tuning_says_what_is_right(tuning: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_tunings(tuning)


def test_a_network_without_attention_says_so() -> None:
    with pytest.raises(ModelError, match="targets=all"):
        apply_tunings(build_model("mobilenet_fpn"), parse_tunings("lora:4"))
    for kind in ("last_blocks", "first_blocks"):
        with pytest.raises(ModelError, match=f"{kind}: .=18, but the encoder has 17 blocks"):
            apply_tunings(build_model("mobilenet_fpn"), parse_tunings(f"{kind}:18"))
