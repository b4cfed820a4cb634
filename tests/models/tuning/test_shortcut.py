"""From the features of a frozen encoder a network goes on to the same logits and gradients, and never runs it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model
from crackwise.models.blocks import Outputs
from crackwise.models.tuning import Anatomy, apply_tunings, find_shortcut, hold_frozen_statistics, parse_tunings
from crackwise.models.tuning.anatomy import anatomy_of, named_blocks

BESIDES: dict[str, dict[str, object]] = {"cracksam": {"normalize": "sam"}, "mobilenet_fpn": {"looks": 2}}
"""Options beside those that make a network small."""

FITS: list[tuple[str, object]] = [
    ("cracksam", "head"),
    ("cracksam", "last_blocks:1"),
    ("cracksam", "last_blocks:2+head"),
    ("sam2", "head"),
    ("sam2", "last_blocks:1+head"),
    ("sam2", "last_blocks:3"),
    ("clipseg", "head"),
    ("clipseg", "last_blocks:2+head"),
    ("clipseg", [{"kind": "lora", "rank": 2, "scope": "decoder"}]),
    ("mobilenet_fpn", "head"),
    ("mobilenet_fpn", "last_blocks:3+head"),
    ("unet", "head"),
    ("deeplabv3plus", "head"),
    ("lraspp", "head"),
    ("lraspp", "last_blocks:3+head"),
    ("hrnet_fcn", "head"),
    ("vit_upernet", "last_blocks:1+head"),
]


def tuned(name: str, tuning: object, **options: object) -> nn.Module:
    """A small network under a tuning, as a step sees it."""
    torch.manual_seed(0)
    chosen = {**MODELS[name].small, **BESIDES.get(name, {}), **options}
    model = apply_tunings(build_model(name, **chosen), parse_tunings(tuning))
    model.train()
    hold_frozen_statistics(model)
    return model


def pictures(count: int) -> Tensor:
    """Noise of no size that a network asks for."""
    return torch.rand(count, 3, 96, 96, generator=torch.Generator().manual_seed(count))


def gradients(model: nn.Module, logits: Tensor | Outputs) -> dict[str, Tensor]:
    """What a loss that minds every pixel sends to every weight."""
    assert isinstance(logits, Tensor)
    model.zero_grad()
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def spoil_frozen_blocks(model: nn.Module) -> None:
    """Whoever runs one of them afterwards gets NaN."""
    anatomy = anatomy_of(model)
    blocks = [block for _, block in named_blocks(model, anatomy)] or [model.get_submodule(anatomy.encoder)]
    frozen = [block for block in blocks if not any(p.requires_grad for p in block.parameters())]
    with torch.no_grad():
        spoilt = [p.fill_(torch.nan) for block in frozen for p in block.parameters()]
    assert spoilt


@pytest.mark.parametrize(("name", "tuning"), FITS)
def test_features_give_the_logits_and_gradients_of_the_picture_without_the_encoder(name: str, tuning: object) -> None:
    model = tuned(name, tuning)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    shortcut = find_shortcut(model, pictures(1))
    features = shortcut.features(pictures(3))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert [tuple(feature.shape[1:]) for feature in features] == [tuple(shape) for shape in shortcut.shapes]
    assert not any(feature.requires_grad for feature in features)

    torch.manual_seed(1)  # a phrase is drawn
    expected = gradients(model, logits := model(pictures(3)))
    spoil_frozen_blocks(model)
    torch.manual_seed(1)
    again = shortcut(features, (96, 96))
    torch.testing.assert_close(again, logits)
    got = gradients(model, again)
    assert got.keys() == expected.keys()
    for key, gradient in got.items():
        torch.testing.assert_close(gradient, expected[key], msg=key)


def test_nothing_is_kept_that_the_rest_does_not_read() -> None:
    shortcut = find_shortcut(tuned("cracksam", "head"), pictures(1))
    assert [tuple(shape) for shape in shortcut.shapes] == [(256, 4, 4)]
    shortcut = find_shortcut(tuned("cracksam", "last_blocks:1+head"), pictures(1))
    assert shortcut.names == ("net.1.net.vision_encoder.layers.1:0",)
    strides = {}
    for head in ("fpn", "published"):
        shapes = find_shortcut(tuned("sam2", "head", head=head), pictures(1)).shapes
        strides[head] = [64 // shape[0] for shape in shapes]
    assert strides == {"fpn": [4, 8, 16, 32], "published": [16, 32]}


def test_pictures_may_be_of_another_size_than_the_one_it_was_tried_on() -> None:
    model = tuned("mobilenet_fpn", "head")
    shortcut = find_shortcut(model, pictures(1))
    image = torch.rand(2, 3, 70, 101)
    torch.testing.assert_close(shortcut(shortcut.features(image), (70, 101)), model(image))


def test_in_evaluation_every_look_at_a_picture_has_its_features() -> None:
    model = tuned("mobilenet_fpn", "head", half=True).eval()
    shortcut = find_shortcut(model, pictures(1))
    assert len(shortcut.shapes) == 4 * 5
    torch.testing.assert_close(shortcut(shortcut.features(pictures(3)), (96, 96)), model(pictures(3)))


@pytest.mark.parametrize("tuning", ["lora:2+head", "layernorm+head", "adapter:4", "full", "last_blocks:3", "lora:2:q"])
def test_an_encoder_that_learns_from_its_first_block_on_is_refused(tuning: str) -> None:
    with pytest.raises(ModelError, match="from its first block on"):
        find_shortcut(tuned("cracksam", tuning), pictures(1))


def test_a_frozen_encoder_that_drops_at_random_is_refused() -> None:
    with pytest.raises(ModelError, match="draws at random"):
        find_shortcut(tuned("segformer", "head"), pictures(1))


class Peeks(nn.Module):
    """Its head also reads the picture, by a weight that starts at zero."""

    anatomy = Anatomy(head=("head", "gate"), scopes={"encoder": ("encoder",)}, encoder="encoder")

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head, self.gate = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1), nn.Conv2d(3, 1, 1)
        nn.init.zeros_(self.gate.weight)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(image_BCHW)) + self.gate(image_BCHW)
        return logits


def test_a_head_that_reads_the_picture_itself_is_refused_even_before_it_matters() -> None:
    model = apply_tunings(Peeks(), parse_tunings("head"))
    with pytest.raises(ModelError, match="reads more of a picture"):
        find_shortcut(model, pictures(1))


def test_an_encoder_that_takes_another_way_is_refused() -> None:
    class Twice(Peeks):
        again = False

        def forward(self, image_BCHW: Tensor) -> Tensor:
            features = self.encoder(image_BCHW)
            logits: Tensor = self.head(self.encoder(image_BCHW) if self.again else features)
            return logits

    model = apply_tunings(Twice(), parse_tunings("head"))
    shortcut = find_shortcut(model, pictures(1))
    model.again = True
    with pytest.raises(ModelError, match="another way"):
        shortcut.features(pictures(1))
