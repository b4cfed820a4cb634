"""Grad-CAM against networks with a known answer, against its formula, and over every row of MODELS."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from crackwise.errors import ModelError
from crackwise.explain.gradcam import RegionScore, gradcam, seg_gradcam
from crackwise.explain.heat import Options
from crackwise.explain.layers import choose_layer, layers_of
from crackwise.explain.question import Question, ask, ask_whole
from crackwise.explain.subject import one_look, subject_of, tensor_of
from crackwise.models import MODELS, build_model
from known_networks import CornerNet, as_subject, corner_mask, dark_corner

ANY = Options()


def test_a_network_that_looks_at_a_corner_is_explained_by_that_corner() -> None:
    subject = as_subject(CornerNet())
    (heat,) = gradcam(subject, ask_whole(subject, dark_corner()), ANY)
    assert heat.facts["layer"] == "encoder.0"
    assert heat.facts["rows"] == 16
    corner = corner_mask()
    assert heat.values[:12, :12].min() > 0
    assert heat.values[corner].sum() > 0.85 * heat.values.sum()
    assert heat.values[20:].max() == heat.values[:, 20:].max() == 0


def test_channels_cannot_tell_where_an_even_map_is_read() -> None:
    subject = as_subject(CornerNet(blind=False))  # its map is as dark in the corner that is never read
    (heat,) = gradcam(subject, ask_whole(subject, dark_corner()), ANY)
    assert heat.values[-8, -8] == pytest.approx(heat.values[8, 8], rel=1e-5)


def test_frozen_weights_give_the_same_map_and_nothing_is_left_behind() -> None:
    torch.manual_seed(0)
    net = build_model("hrsegnet", base=4).eval()
    subject = as_subject(net)
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    (learning,) = gradcam(subject, ask_whole(subject, picture), ANY)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        (frozen,) = gradcam(subject, ask_whole(subject, picture), ANY)
    np.testing.assert_allclose(frozen.values, learning.values, rtol=1e-4, atol=1e-5)
    assert learning.values.max() > 0
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert not net.training
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())


def test_maps_of_channels_follow_the_formula() -> None:
    torch.manual_seed(1)
    net = build_model("hrsegnet", base=8).eval()
    subject = as_subject(net)
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    region = np.zeros((64, 64), bool)
    region[10:20, 30:40] = True
    (heat,) = seg_gradcam(subject, Question(picture, 0, region, ""), Options(layer="net.blocks.1"))
    kept: list[torch.Tensor] = []
    handle = net.get_submodule("net.blocks.1").register_forward_hook(lambda _, __, y: kept.append(y))
    logits = net(tensor_of(picture, net).requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 0][torch.from_numpy(region)].sum(), kept[0])
    expected = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    expected = F.interpolate(expected, (64, 64), mode="bilinear", align_corners=False)[0, 0].detach().numpy()
    np.testing.assert_allclose(heat.values, expected, rtol=1e-4, atol=1e-6)


def test_tokens_weigh_themselves_and_the_class_token_is_dropped() -> None:
    torch.manual_seed(2)
    net = build_model("vit_b16", size="tiny", input_px=64).eval()
    subject = as_subject(net, "vit_b16")
    picture = np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)
    (heat,) = gradcam(subject, ask(subject, picture), ANY)
    assert str(heat.facts["layer"]).endswith("blocks.2.norm1")
    assert heat.facts["form"] == "tokens"
    kept: list[torch.Tensor] = []
    handle = net.get_submodule(str(heat.facts["layer"])).register_forward_hook(lambda _, __, y: kept.append(y))
    logits = net(tensor_of(picture, net).requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    tokens = (gradient * kept[0]).sum(-1).relu()[:, 1:].reshape(1, 1, 4, 4)
    expected = F.interpolate(tokens, (64, 64), mode="bilinear", align_corners=False)[0, 0].detach().numpy()
    np.testing.assert_allclose(heat.values, expected, rtol=1e-4, atol=1e-6)


def test_the_score_of_two_regions_is_the_sum_of_theirs() -> None:
    torch.manual_seed(3)
    net = build_model("hrsegnet", base=8).eval()
    one, other = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    one[:10], other[50:, 20:] = True, True
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        a, b, both = (float(RegionScore(net, 0, region)(image)[0]) for region in (one, other, one | other))
    assert both == pytest.approx(a + b, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_has_a_layer_by_default(name: str) -> None:
    torch.manual_seed(0)
    net = build_model(name, **MODELS[name].small).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    subject = as_subject(net, name)
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    (heat,) = gradcam(subject, ask_whole(subject, picture), ANY)
    assert heat.values.shape == (64, 64)
    assert np.isfinite(heat.values).all()
    assert heat.values.min() >= 0


def test_an_unknown_layer_is_answered_with_those_there_are() -> None:
    subject = as_subject(CornerNet())
    with pytest.raises(ModelError, match=r"No layer 'encoder.1' .*encoder\.0.*--layer"):
        gradcam(subject, ask_whole(subject, dark_corner()), Options(layer="encoder.1"))


def test_a_network_that_looks_several_times_is_explained_at_one_look() -> None:
    net = build_model("mobilenet_fpn", looks=2, half=True).eval()
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    image = tensor_of(picture, net).requires_grad_()
    layer = next(name for name in layers_of(net, image) if name.startswith("encoder.stages"))
    with pytest.raises(ModelError, match="runs 4 times for a picture"):
        choose_layer(net, layers_of(net, image), layer)
    subject = as_subject(net)
    (heat,) = gradcam(subject, ask_whole(subject, picture), ANY)
    assert heat.facts["one_look_of_several"]
    assert (net.looks, net.halved) == (2, True)
    with one_look(net) as several:
        assert several
        assert (net.looks, net.halved) == (1, False)


def test_a_model_file_has_no_gradients(tmp_path: Path) -> None:
    subject = subject_of("packaged", "packaged")
    picture = np.full((64, 64, 3), 200, np.uint8)
    with pytest.raises(ModelError, match=r"needs the gradients .* pass its run folder, or use --method kernelshap"):
        gradcam(subject, ask_whole(subject, picture), ANY)
