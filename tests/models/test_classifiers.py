"""Networks that answer once for a picture: the same at every pixel, started from files of others, dropped out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD
from crackwise.models.cost import build_on_meta
from crackwise.models.mobilenet import Encoder, draw_encoder_weights

CLASSIFIERS = [name for name, row in MODELS.items() if row.answers == "pictures"]
FOLDED = {"normalize": "half", "padding": "same"}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def small(name: str, /, **options: object) -> nn.Module:
    return build_model(name, **{**MODELS[name].small, **options}).eval()


def encoder_of(model: nn.Module) -> nn.Module:
    return next(m for n, m in model.named_modules() if n.split(".")[-1] == "encoder")


def test_there_are_three() -> None:
    assert CLASSIFIERS == ["resnet50", "vit_b16", "timm"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_answer_is_one_number_per_picture_and_class(name: str) -> None:
    model = build_model(name, ("crack", "spalling"), **MODELS[name].small).eval()
    with torch.no_grad():
        logits = model(torch.rand(3, 3, 90, 50))
    assert logits.shape == (3, 2, 90, 50)
    answers = logits.flatten(2)
    assert (answers.amax(2) - answers.amin(2)).max() < 1e-6
    assert len({round(float(a), 6) for a in answers[..., 0].flatten()}) == 6


@pytest.mark.parametrize("name", ["resnet50", "vit_b16"])
def test_the_answer_is_that_of_timm_s_own_classifier(name: str) -> None:
    model = small(name)
    x = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    own = {"resnet50": ("resnet50", {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64)})}.get(
        name, ("vit_base_patch16_224", {"depth": 3, "embed_dim": 48, "num_heads": 3, "img_size": 64})
    )
    reference = timm.create_model(own[0], num_classes=2, **own[1]).eval()
    tensors = {k.partition("encoder.")[2]: v for k, v in model.state_dict().items() if ".encoder." in k}
    head = {
        k.partition(".head.")[2]: v for k, v in model.state_dict().items() if ".head." in k and ".encoder." not in k
    }
    reference.load_state_dict(tensors | {f"{reference.pretrained_cfg['classifier']}.{k}": v for k, v in head.items()})
    with torch.no_grad():
        expected = reference((x - mean) / std).softmax(1)[:, 1]
        torch.testing.assert_close(model(x).sigmoid()[:, 0, 0, 0], expected)


def test_weights_of_a_file_of_timm_s_land_without_its_classifier(tmp_path: Path) -> None:
    for name, own in (("resnet50", "layers"), ("vit_b16", "depth")):
        sizes = {"layers": {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}}.get(
            own, {"depth": 3, "embed_dim": 48, "num_heads": 3, "img_size": 64}
        )
        source = timm.create_model(MODELS[name].fixed["network"], num_classes=1000, **sizes)
        save_file(source.state_dict(), tmp_path / f"{name}.safetensors")
        torch.save({"state_dict": source.state_dict()}, tmp_path / f"{name}.pth")
        for file in (f"{name}.safetensors", f"{name}.pth"):
            started = encoder_of(small(name, weights=str(tmp_path / file))).state_dict()
            given = source.state_dict()
            assert all(torch.equal(given[key], tensor) for key, tensor in started.items())
            assert len(started) == len(given) - 2


def test_positions_are_resampled_to_another_side(tmp_path: Path) -> None:
    source = encoder_of(small("vit_b16")).state_dict()
    save_file(source, tmp_path / "v.safetensors")
    started = encoder_of(small("vit_b16", weights=str(tmp_path / "v.safetensors"), input_px=96)).state_dict()
    assert started["pos_embed"].shape == (1, 1 + 36, 48)
    torch.testing.assert_close(started["pos_embed"][:, 0], source["pos_embed"][:, 0])
    assert torch.equal(started["blocks.1.mlp.fc1.weight"], source["blocks.1.mlp.fc1.weight"])


def folded(path: Path, *, leave_out: str = "") -> Encoder:
    """Drawn weights as an npz of a whole MobileNetV2, and the packaged network's own encoder with them."""
    source = Encoder()
    draw_encoder_weights(source)
    convolutions = [m for m in source.modules() if isinstance(m, nn.Conv2d)]
    convolutions += [nn.Conv2d(320, 1280, 1), nn.Conv2d(1280, 1001, 1)]
    arrays: dict[str, np.ndarray] = {}
    for i, convolution in enumerate(convolutions):
        assert convolution.bias is not None
        arrays[f"{i:02d}.weight"] = convolution.weight.detach().numpy()
        arrays[f"{i:02d}.bias"] = convolution.bias.detach().numpy() + 0.1
        with torch.no_grad():
            convolution.bias += 0.1
    arrays.pop(leave_out, None)
    np.savez(path, **arrays)
    return source.eval()


def test_folded_mobilenet_weights_compute_in_timm_s_network_what_they_do_in_ours(tmp_path: Path) -> None:
    ours = folded(tmp_path / "w.npz")
    theirs = encoder_of(small("timm", weights=str(tmp_path / "w.npz"), **FOLDED))
    x = 2 * torch.rand(2, 3, 64, 64) - 1
    with torch.no_grad():
        maps = ours(x)[-1]
        torch.testing.assert_close(theirs.blocks(theirs.bn1(theirs.conv_stem(x))), maps, rtol=1e-3, atol=1e-4)
        assert maps.std() > 0.01


def test_folded_weights_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    folded(tmp_path / "short.npz", leave_out="17.bias")
    with pytest.raises(ModelError, match=r"52 convolutions of this network: 17\.bias is missing"):
        small("timm", weights=str(tmp_path / "short.npz"), **FOLDED)
    folded(tmp_path / "w.npz")
    with pytest.raises(ModelError, match="this one is built otherwise"):
        small("vit_b16", weights=str(tmp_path / "w.npz"))
    with pytest.raises(ModelError, match=r"does not hold the 17 convolutions of this network: 18\.bias is too many"):
        small("resnet50", weights=str(tmp_path / "w.npz"))


@pytest.mark.real
def test_the_imagenet_weights_at_hand_compute_in_timm_s_network_what_they_do_in_ours(shared_data: Path) -> None:
    path = shared_data.parent / "weights" / "imagenet_mobilenet_v2" / "mobilenet_v2_1.0_224.npz"
    ours = build_model("mobilenet_fpn", encoder_weights=str(path)).encoder.eval()
    theirs = encoder_of(small("timm", weights=str(path), **FOLDED))
    x = 2 * torch.rand(1, 3, 96, 96) - 1
    with torch.no_grad():
        maps = ours(x)[-1]
        torch.testing.assert_close(theirs.blocks(theirs.bn1(theirs.conv_stem(x))), maps, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("timm", {"name": "resnet5"}, "timm knows no network 'resnet5'. Near: resnet50"),
        ("timm", {"name": "test_resnet", "padding": "same"}, "cannot be built with pad_type"),
        ("timm", {"weights": "nowhere.safetensors"}, "No weights in 'nowhere.safetensors'"),
        ("timm", {"weights": "nowhere.npz"}, "No weights in 'nowhere.npz'"),
        ("timm", {"dropout": 1.0}, "dropout=1.0 does not fit"),
        ("resnet50", {"size": "huge"}, "'published' or 'tiny'"),
        ("vit_b16", {"input_px": 8}, "input_px=8 does not fit"),
    ],
)
def test_a_wrong_option_is_one_sentence(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        small(name, **options)


def test_weights_of_another_network_are_named_tensor_by_tensor(tmp_path: Path) -> None:
    save_file(encoder_of(small("resnet50")).state_dict(), tmp_path / "r.safetensors")
    with pytest.raises(ModelError, match=r"do not fit: \d+ tensors are missing \(cls_token"):
        small("vit_b16", weights=str(tmp_path / "r.safetensors"))


def test_published_weights_out_of_reach_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("we are offline")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(ModelError, match=r"we are offline\. Published weights are fetched from the internet"):
        small("timm", weights="imagenet")


@pytest.mark.parametrize("option", ["dropout", "stochastic_depth"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_is_dropped_is_drawn_while_training_alone(name: str, option: str) -> None:
    model, x = small(name, **{option: 0.5}), torch.rand(1, 3, 64, 64)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)  # a residual branch may start at zero, and dropped stay unseen
    with torch.no_grad():
        assert torch.equal(model(x), model(x))
        model.train()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        assert len({float(model(x)[0, 0, 0, 0]) for _ in range(12)}) > 1


@pytest.mark.parametrize(
    "name", ["convnext_atto", "efficientnet_b0", "mobilenetv3_small_100", "swin_tiny_patch4_window7_224"]
)
def test_any_classification_network_of_timm_builds(name: str) -> None:
    model = build_on_meta("timm", name=name)
    assert model(torch.empty(1, 3, 300, 400, device="meta")).shape == (1, 1, 300, 400)
