"""The packaged network: foreign weights land where they belong, sizes may be odd, tiles agree with the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crackwise.errors import ModelError
from crackwise.models.mobilenet import Encoder, SameConv, build, load_encoder_weights


def test_stride_two_pads_like_tensorflow_same_at_even_sizes() -> None:
    torch.manual_seed(0)
    convolution = SameConv(3, 4, 3, stride=2)
    x = torch.rand(1, 3, 8, 8)
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), convolution.weight, convolution.bias, 2)
    torch.testing.assert_close(convolution(x), expected)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (1, 1), (333, 517)])
def test_logits_have_the_size_of_the_picture(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        assert build().eval()(torch.rand(1, 3, *size)).shape == (1, 1, *size)


def test_encoder_weights_are_read_in_network_order(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Encoder()
    arrays: dict[str, np.ndarray] = {}
    for i, convolution in enumerate(m for m in source.modules() if isinstance(m, nn.Conv2d)):
        arrays[f"{i:02d}.weight"] = convolution.weight.detach().numpy()
        arrays[f"{i:02d}.bias"] = convolution.bias.detach().numpy()
    np.savez(tmp_path / "weights.npz", **arrays)
    net = build(encoder_weights=str(tmp_path / "weights.npz"))
    x = torch.rand(1, 3, 64, 64)
    for ours, theirs in zip(net.encoder(x), source(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    del arrays["07.bias"]
    np.savez(tmp_path / "short.npz", **arrays)
    with pytest.raises(ModelError, match="07"):
        load_encoder_weights(Encoder(), tmp_path / "short.npz")


def test_no_encoder_weights_is_one_sentence() -> None:
    with pytest.raises(ModelError, match="No MobileNetV2 encoder weights"):
        build(encoder_weights="nowhere.npz")


def test_a_tile_agrees_with_the_whole_away_from_its_border() -> None:
    torch.manual_seed(0)
    net = build().eval()
    x = torch.rand(1, 3, 64, 1408)
    with torch.no_grad():
        whole, tile = net(x), net(x[..., 64:1344])
    middle = slice(608, 672)  # more than the receptive field away from both cuts
    assert (whole[..., 64:1344][..., middle] - tile[..., middle]).abs().max() < 1e-4


def test_imagenet_weights_are_the_published_ones(shared_data: Path) -> None:
    path = shared_data.parent / "weights" / "imagenet_mobilenet_v2" / "mobilenet_v2_1.0_224.npz"
    net = build(encoder_weights=str(path)).eval()
    from crackwise.imaging.image import read_image

    photo = read_image(shared_data / "examples" / "wall_stains.jpg")
    with torch.no_grad():
        maps = net.encoder(torch.from_numpy(photo.transpose(2, 0, 1).copy()).float()[None] / 128 - 1)
    assert all(torch.isfinite(m).all() for m in maps)
    assert maps[-1].std() > 0.1  # a wrong order of weights leaves the deep maps dead


@pytest.mark.parametrize("seed", range(3))
def test_at_random_the_deepest_maps_still_depend_on_the_picture(seed: int) -> None:
    torch.manual_seed(seed)
    encoder = build().encoder
    pictures = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        first, second = (encoder(picture[None])[-1] for picture in pictures)
    assert (first - second).abs().mean() > 0.01
    assert first.abs().max() < 100


@pytest.mark.parametrize("size", [(64, 96), (67, 91), (7, 5)])
def test_with_its_half_size_it_answers_with_the_soft_maximum(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain, half = build().eval(), build(half=True).eval()
    half.load_state_dict(plain.state_dict())
    picture = torch.rand(1, 3, *size)
    h, w = size
    even = torch.nn.functional.pad(picture, (0, w % 2, 0, h % 2), mode="replicate")
    smaller = even.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5))
    with torch.no_grad():
        fine, coarse = plain(picture), plain(smaller)
        coarse = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")[..., :h, :w]
        expected = 3 * (torch.logaddexp(fine / 3, coarse / 3) - np.log(2))
        torch.testing.assert_close(half(picture), expected, rtol=0, atol=1e-4)
        assert ((fine + coarse) / 2 - 1e-4 <= half(picture)).all()
        assert (half(picture) <= torch.maximum(fine, coarse) + 1e-4).all()


@pytest.mark.parametrize(("looks", "turns"), [(2, 1), (8, 4)])
def test_looking_at_every_posture_the_trained_network_has_no_handedness(looks: Literal[2, 8], turns: int) -> None:
    torch.manual_seed(0)
    plain, many = build(), build(looks=looks)
    many.load_state_dict(plain.state_dict())
    picture = torch.rand(1, 3, 67, 90)
    plain.eval()
    with torch.no_grad():
        each = [plain(torch.rot90(picture, k, (2, 3))).rot90(-k, (2, 3)) for k in range(turns)]
        each += [plain(torch.rot90(picture.flip(-1), k, (2, 3))).rot90(-k, (2, 3)).flip(-1) for k in range(turns)]
        mean = many.eval()(picture)
        torch.testing.assert_close(mean, torch.stack(each).mean(0), rtol=0, atol=3e-6)
        torch.testing.assert_close(many(picture.flip(-1)).flip(-1), mean, rtol=0, atol=3e-6)
        assert torch.equal(many.train()(picture), plain.train()(picture))
