"""Every row of MODELS builds, keeps sizes, learns, saves and loads; wrong names and options say what is right."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model, count_parameters, model_options, without_start
from crackwise.models.blocks import Outputs
from crackwise.models.cost import build_on_meta
from published_sizes import CRACKSAM_TABLE_7, Published


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def two_samples() -> tuple[torch.Tensor, torch.Tensor]:
    image = 0.7 + 0.05 * torch.randn(2, 3, 64, 96)
    target = torch.zeros(2, 1, 64, 96)
    target[0, :, 30:33, :] = 1
    target[1, :, :, 50:54] = 1
    return (image - 0.5 * target).clamp(0, 1), target


@pytest.mark.parametrize("name", MODELS)
def test_a_row_keeps_odd_sizes(name: str) -> None:
    model = build_model(name, **MODELS[name].small).eval()
    with torch.no_grad():
        assert model(torch.rand(1, 3, 333, 517)).shape == (1, 1, 333, 517)
        assert model(torch.rand(1, 3, 7, 5)).shape == (1, 1, 7, 5)


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("published", CRACKSAM_TABLE_7, ids=lambda p: p.name)
def test_a_published_size_keeps_odd_sizes(published: Published) -> None:
    model = build_model(published.model, **published.options).eval()
    with torch.no_grad():
        assert model(torch.rand(1, 3, 333, 517)).shape == (1, 1, 333, 517)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_gives_one_plane_per_class(name: str) -> None:
    model = build_on_meta(name, ("crack", "drywall joint"), **MODELS[name].small)
    outputs = model(torch.empty(2, 3, 64, 96, device="meta"))
    planes = [outputs.main, *outputs.auxiliary] if isinstance(outputs, Outputs) else [outputs]
    assert all(p.shape == (2, 2, 64, 96) for p in planes)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_learns_two_samples_and_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    model = build_model(name, **MODELS[name].small)
    image, target = two_samples()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    losses = []
    for _ in range(5):
        outputs = model(image)
        main = outputs.main if isinstance(outputs, Outputs) else outputs
        loss = F.binary_cross_entropy_with_logits(main, target)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]

    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    again = build_model(name, **MODELS[name].small)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(image), model.eval()(image), rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_the_weights(name: str) -> None:
    torch.manual_seed(5)
    one = build_model(name, **MODELS[name].small).state_dict()
    torch.manual_seed(5)
    other = build_model(name, **MODELS[name].small).state_dict()
    assert all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("name", MODELS)
def test_every_option_has_a_default(name: str) -> None:
    assert all(p.default is not p.empty for p in model_options(name).values())


def test_only_heads_for_training_are_not_deployed() -> None:
    unet = count_parameters(build_on_meta("unet", encoder="resnet18"))
    assert unet.total == unet.deployed == unet.trainable
    model = build_on_meta("hrsegnet")
    for parameter in next(iter(model.children())).stem.parameters():
        parameter.requires_grad_(False)
    frozen = count_parameters(model)
    assert frozen.deployed < frozen.total
    assert frozen.trainable == frozen.total - (27 * 8 + 3 * 8) - (9 * 8 * 16 + 3 * 16)


def test_an_unknown_model_names_its_neighbour() -> None:
    with pytest.raises(ModelError, match="Did you mean 'hrsegnet'"):
        build_model("hrsegnett")


def test_an_unknown_option_names_its_neighbour_and_lists_all() -> None:
    with pytest.raises(ModelError, match=r"no option 'bass'\. Did you mean 'base'\?.*depth: Positive = 3"):
        build_model("hrsegnet", bass=16)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hrsegnet", {"base": "wide"}, "base='wide' does not fit"),
        ("hrsegnet", {"base": 17}, "multiple of 2"),
        ("hrsegnet", {"depth": 0}, "depth=0 does not fit"),
        ("hrsegnet", {"variant": "tile"}, "'published' or 'tiled'"),
        ("hrsegnet", {"classes": "crack"}, "classes.* does not fit"),
        ("unet", {"architecture": "fpn"}, "no option 'architecture'"),
        ("unet", {"encoder": "resnet"}, "knows no encoder 'resnet'. Near: resnet"),
        ("unet", {"encoder": "tu-nothing"}, "cannot use the encoder"),
        ("unet", {"encoder_weights": "coco"}, "should be 'imagenet'"),
    ],
)
def test_a_wrong_option_is_one_clear_sentence(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(name, **options)


@pytest.mark.parametrize("name", MODELS)
def test_the_option_a_row_starts_by_is_one_of_its_builder(name: str) -> None:
    start = MODELS[name].start
    assert (start in model_options(name)) == (start is not None)
    assert start is None or without_start(name, {start: "x", "other": 1}) == {"other": 1}
