"""Every tuning on networks that nobody made for it: it trains exactly what it says, or says that it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from crackwise.errors import ModelError
from crackwise.models import build_model
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, MultipleOf, Normalize
from crackwise.models.tuning import (
    Anatomy,
    apply_tunings,
    frozen_hash,
    hold_frozen_statistics,
    parse_tunings,
    trained_state,
)
from crackwise.models.tuning.anatomy import anatomy_of, named_blocks
from crackwise.models.tuning.lora import merge_lora


class Classifier(nn.Module):
    """A vision transformer that answers for a whole picture."""

    def __init__(self, net: nn.Module, anatomy: Anatomy) -> None:
        super().__init__()
        self.net = net
        self.anatomy = anatomy

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        answer = self.net(image_BCHW)
        return answer if isinstance(answer, torch.Tensor) else answer.logits


def transformers_vit() -> nn.Module:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    net = ViTForImageClassification(ViTConfig(**sizes, image_size=64, patch_size=16, num_labels=2))
    return Classifier(net, Anatomy(("net.classifier",), {"encoder": ("net.vit.layers",)}, "net.vit"))


def timm_vit() -> nn.Module:
    sizes = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 3, "num_heads": 4}
    net = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=2, **sizes)
    return Classifier(net, Anatomy(("net.head",), {"encoder": ("net.blocks",)}, "net.blocks"))


def unet_on(encoder: str, **sizes: object) -> nn.Module:
    """The row ``unet`` of MODELS on an encoder of timm, made small."""
    net = smp.Unet(encoder, encoder_weights=None, decoder_channels=(32, 16, 8, 8, 4), **sizes)
    return MultipleOf(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), 32)


class Network(NamedTuple):
    """A small network, and what the tunings are meant to find in it."""

    build: Callable[[], nn.Module]
    encoder: str
    """How the names of its encoder begin."""
    lora: Mapping[str, set[str]]
    """Targets to the last names of the layers; those that are absent have no meaning."""
    adapters: int
    norms: str | None
    """Pattern in the names of layer normalisations."""
    blocks: int
    last_block: str


SWIN = {"img_size": 64, "window_size": 2, "embed_dim": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 8)}
UNET = "net.1.encoder."
MLP, FUSED = {"fc1", "fc2"}, {"qv": {"q", "v"}, "qkvo": {"q", "k", "v", "proj"}}
NETWORKS = {
    "mobilenet_fpn": Network(
        lambda: build_model("mobilenet_fpn"), "encoder.", {"all": {"0", "2", "4"}}, 13, None, 17, "stages.6.0."
    ),
    "resnet": Network(
        lambda: build_model("unet", encoder="resnet18"),
        *(UNET, {"all": {"conv1", "conv2", "0"}}, 5, None, 8, "layer4.1."),
    ),
    "mobilenetv3": Network(
        lambda: unet_on("tu-mobilenetv3_small_050"),
        *(UNET, {"all": {"conv_pw", "conv_pwl", "conv_reduce", "conv_expand"}}, 7, None, 11, "model.blocks.4.2."),
    ),
    "convnext": Network(
        lambda: unet_on("tu-convnext_atto", depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), ls_init_value=0.5),
        *(UNET, {"all": MLP, "mlp": MLP}, 5, r"stem_1|downsample\.0|\.norm\.", 5, "model.stages_3.blocks.0."),
    ),
    "mit": Network(
        lambda: build_model("unet", encoder="mit_b0"),
        *(UNET, FUSED | {"all": {"q", "kv", "proj", "sr"} | MLP, "mlp": MLP}, 16, r"norm\d?\.", 8, "block4.1."),
    ),
    "swin": Network(
        lambda: unet_on("tu-swin_tiny_patch4_window7_224", **SWIN),
        *(
            UNET,
            FUSED | {"all": {"qkv", "proj", "reduction"} | MLP, "mlp": MLP},
            10,
            "norm",
            5,
            "model.layers_3.blocks.0.",
        ),
    ),
    "lraspp": Network(
        lambda: build_model("lraspp"),
        *("net.1.net.backbone.", {"all": {"0", "fc1", "fc2"}}, 12, None, 15, "15."),
    ),
    "vit_upernet": Network(
        lambda: build_model("vit_upernet", size="nano", input_px=64),
        *(UNET, FUSED | {"all": {"qkv", "proj"} | MLP, "mlp": MLP}, 8, r"\.norm\d\.", 4, "model.blocks.3."),
    ),
    "timm_vit": Network(
        timm_vit, "net.blocks.", FUSED | {"all": {"qkv", "proj"} | MLP, "mlp": MLP}, 6, r"\.norm\d\.", 3, "2."
    ),
    "transformers_vit": Network(
        transformers_vit,
        "net.vit.",
        {
            "qv": {"q_proj", "v_proj"},
            "qkvo": {"q_proj", "k_proj", "v_proj", "o_proj"},
            "all": {"q_proj", "k_proj", "v_proj", "o_proj"} | MLP,
            "mlp": MLP,
        },
        *(6, "layernorm", 3, "layers.2."),
    ),
}
TUNINGS = (
    "head",
    "full",
    "last_blocks:1",
    "layernorm",
    "adapter:4",
    *(f"lora:2:{t}" for t in ("qv", "qkvo", "mlp", "all")),
)
CASES = [(name, tuning) for name in NETWORKS for tuning in TUNINGS]


def has_meaning(name: str, tuning: str) -> bool:
    network = NETWORKS[name]
    if tuning == "layernorm":
        return network.norms is not None
    return not tuning.startswith("lora") or tuning.rpartition(":")[2] in network.lora


def is_meant(network: Network, tuning: str, name: str) -> bool:
    """Whether a tuning is meant to train the parameter."""
    inside = name.startswith(network.encoder)
    return {
        "full": True,
        "head": not inside and not re.match(r"net\.(patch_embed|cls_token|pos_embed|norm)", name),
        "layernorm": inside and re.search(network.norms or "nothing", name) is not None,
        "last_blocks:1": name.startswith(network.encoder + network.last_block),
        "adapter:4": ".adapter." in name,
    }.get(tuning, ".lora_" in name)


def tuned(name: str, tuning: str, *, moved: bool = True) -> nn.Module:
    """A network in training mode; what learns is moved, so that a zero somewhere does not hide a gradient."""
    torch.manual_seed(0)
    model = apply_tunings(NETWORKS[name].build(), parse_tunings(tuning)).train()
    hold_frozen_statistics(model)
    with torch.no_grad():
        for parameter in model.parameters() if moved else ():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


MEANINGFUL = [case for case in CASES if has_meaning(*case)]


@pytest.mark.parametrize(("name", "tuning"), MEANINGFUL)
def test_gradient_reaches_exactly_what_is_meant(name: str, tuning: str) -> None:
    model = tuned(name, tuning)
    model(pictures()).square().mean().backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached == {n for n, _ in model.named_parameters() if is_meant(NETWORKS[name], tuning, n)}


@pytest.mark.parametrize(("name", "tuning"), MEANINGFUL)
def test_nothing_frozen_moves_in_ten_steps(name: str, tuning: str) -> None:
    model = tuned(name, tuning)
    before, base = {k: v.clone() for k, v in model.state_dict().items()}, frozen_hash(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        model(pictures()).square().mean().backward()
        optimizer.step()
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert frozen_hash(model) == base
    assert moved
    assert moved <= trained_state(model).keys()


@pytest.mark.parametrize(("name", "tuning"), [case for case in MEANINGFUL if case[1].startswith(("lora", "adapter"))])
def test_lora_and_adapters_start_as_the_identity(name: str, tuning: str) -> None:
    torch.manual_seed(0)
    plain, changed = NETWORKS[name].build().eval(), tuned(name, tuning, moved=False).eval()
    with torch.no_grad():
        torch.testing.assert_close(changed(pictures()), plain(pictures()), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "tuning"), [case for case in MEANINGFUL if case[1].startswith("lora")])
def test_lora_goes_beside_the_layers_it_names_and_merged_they_compute_the_same(name: str, tuning: str) -> None:
    model = tuned(name, tuning).eval()
    layers = {n.partition(".lora_A.")[0].rpartition(".")[2] for n, _ in model.named_parameters() if ".lora_A." in n}
    assert layers == NETWORKS[name].lora[tuning.rpartition(":")[2]]
    with torch.no_grad():
        before = model(pictures())
        after = merge_lora(model)(pictures())
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5 * max(1.0, float(before.abs().max())))
    assert model.state_dict().keys() == NETWORKS[name].build().state_dict().keys()


@pytest.mark.parametrize(("name", "layer"), [("timm_vit", "net.blocks.1.attn.qkv"), ("mit", f"{UNET}block1.0.attn.kv")])
def test_the_value_is_the_last_part_of_a_fused_layer(name: str, layer: str) -> None:
    torch.manual_seed(0)
    before = NETWORKS[name].build().get_parameter(f"{layer}.weight")
    after = merge_lora(tuned(name, "lora:2:v")).get_parameter(f"{layer}.weight")
    changed = (before != after).any(1).nonzero().flatten()
    assert changed.tolist() == list(range(len(before) - before.shape[1], len(before)))


@pytest.mark.parametrize(("name", "tuning"), [case for case in CASES if not has_meaning(*case)])
def test_what_has_no_meaning_is_one_error(name: str, tuning: str) -> None:
    with pytest.raises(ModelError, match=r"finds nothing to train|has no layer .* targets=all takes"):
        apply_tunings(NETWORKS[name].build(), parse_tunings(tuning))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_block_is_found_and_gets_its_adapters(name: str) -> None:
    network = NETWORKS[name]
    model = tuned(name, "adapter:4+lora:2:all")
    assert sum(n.endswith(".adapter") for n, _ in model.named_modules()) == network.adapters
    plain = network.build()
    blocks = [n for n, _ in named_blocks(plain, anatomy_of(plain))]
    assert len(blocks) == network.blocks
    assert [n for n, _ in named_blocks(model, anatomy_of(model))] == blocks
    with pytest.raises(ModelError, match=f"has {network.blocks} blocks"):
        apply_tunings(plain, parse_tunings("last_blocks:99"))


def test_a_head_stands_beside_what_the_encoder_is_a_part_of() -> None:
    body = nn.ModuleDict({"encoder": nn.Linear(2, 2), "scale": nn.ReLU()})
    net = nn.Sequential(nn.ReLU(), nn.ModuleDict({"body": body, "classifier": nn.Linear(2, 2)}))
    assert anatomy_of(net)[:1] == (("1.classifier",),)
    assert anatomy_of(net).encoder == "1.body"


def test_a_network_that_multiplies_by_its_fused_weights_itself_says_so() -> None:
    sizes = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 1, "num_heads": 4}
    net = timm.create_model("beit_base_patch16_224", pretrained=False, num_classes=2, **sizes)
    model = Classifier(net, Anatomy(("net.head",), {"encoder": ("net.blocks",)}, "net.blocks"))
    with pytest.raises(ModelError, match="only targets=mlp fits"):
        apply_tunings(model, parse_tunings("lora:2"))(pictures())


def test_without_an_encoder_only_full_fits() -> None:
    with pytest.raises(ModelError, match="nothing but tuning=full"):
        apply_tunings(build_model("hrsegnet", base=4), parse_tunings("head"))
