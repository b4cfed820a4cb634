"""The networks that others are compared with have the published sizes, or their notes say why not."""

import pytest
import torch
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model, count_parameters
from crackwise.models.cost import build_on_meta
from published_sizes import CRACKSAM_TABLE_7, Published


@pytest.mark.parametrize("published", CRACKSAM_TABLE_7, ids=lambda p: p.name)
def test_counts_are_the_published_ones_or_the_notes_say_why(published: Published) -> None:
    count = count_parameters(build_on_meta(published.model, **published.options))
    assert (count.total, count.deployed, count.trainable) == (published.parameters,) * 3
    decimals = len(str(published.millions).partition(".")[2])
    notes = " ".join(MODELS[published.model].notes)
    if round(published.parameters / 1e6, decimals) != published.millions:
        assert f"{published.millions} M" in notes
        assert f"{published.parameters / 1e6:.1f}" in notes or f"{published.parameters / 1e6:.3f}" in notes


def test_a_unet_on_vgg16_is_as_wide_as_asked() -> None:
    assert count_parameters(build_on_meta("vgg16_unet", base=32)).total == 30_415_841


def test_deeplab_keeps_the_library_s_own_sizes_by_default() -> None:
    assert count_parameters(build_on_meta("deeplabv3plus", encoder="resnet101")).total == 45_669_713


@pytest.mark.parametrize(("output_stride", "dilations"), [(8, {1, 2, 4}), (16, {1, 2})])
def test_deeplab_dilates_its_encoder_down_to_its_stride(output_stride: int, dilations: set[int]) -> None:
    model = build_on_meta("deeplabv3plus", encoder="resnet18", output_stride=output_stride)
    encoder = model.get_submodule("net.1.encoder")
    assert {m.dilation[0] for m in encoder.modules() if isinstance(m, nn.Conv2d)} == dilations


@pytest.mark.parametrize("name", ["swin_upernet", "vit_upernet"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "nano", "encoder_weights": "imagenet"}, "no weights are published for size='nano'"),
        ({"input_px": 100}, "input_px=100 does not fit"),
        ({"size": "huge"}, "size='huge' does not fit"),
    ],
)
def test_a_size_that_there_is_not_is_one_clear_sentence(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(name, **options)


@pytest.mark.parametrize("name", ["deeplabv3plus", "pspnet"])
@pytest.mark.parametrize(
    ("encoder", "message"), [("resnet", "knows no encoder 'resnet'. Near: resnet"), ("vgg11", "cannot use the encoder")]
)
def test_an_encoder_that_does_not_fit_is_one_clear_sentence(name: str, encoder: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(name, encoder=encoder)


def test_lraspp_ends_at_stride_16_and_names_its_blocks() -> None:
    model = build_on_meta("lraspp")
    net = model.get_submodule("net.1")
    assert len(net.anatomy.blocks) == 15
    assert net.net.backbone(torch.empty(1, 3, 64, 96, device="meta"))["high"].shape == (1, 960, 4, 6)
