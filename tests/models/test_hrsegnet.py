"""HrSegNet is the published one to the parameter, and its tiled variant does not see where a tile was cut."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.backends.pytorch import TorchPredictor
from crackwise.imaging.tiles import predict_tiled, split_axis
from crackwise.models import build_model, count_parameters
from crackwise.models.blocks import Outputs, TwoWay
from crackwise.models.cost import build_on_meta, multiply_adds
from crackwise.models.hrsegnet import build
from crackwise.predictor import ModelCard

# base, depth, parameters with auxiliary heads, deployed, conv GMAC at 400 px in the order of the paper
PUBLISHED = [
    (16, 3, 609_942, 605_106, 0.5551),
    (32, 3, 2_432_550, 2_413_666, 2.2005),
    (48, 3, 5_467_830, 5_425_682, 4.9362),
    (64, 3, 9_715_782, 9_641_154, 8.7622),
    (16, 4, 814_838, 810_002, 0.7310),
    (16, 5, 1_019_734, 1_014_898, 0.9070),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def used(model: nn.Module) -> nn.Module:
    """A network whose batch norms have seen pictures, so that its maps have ordinary sizes."""
    model.train()
    with torch.no_grad():
        for _ in range(30):
            model(torch.rand(1, 3, 128, 128))
    return model.eval()


@pytest.mark.parametrize(("base", "depth", "total", "deployed", "gmac"), PUBLISHED)
def test_counts_are_the_published_ones(base: int, depth: int, total: int, deployed: int, gmac: float) -> None:
    model = build_on_meta("hrsegnet", base=base, depth=depth, project_first=False)
    count = count_parameters(model)
    assert (count.total, count.trainable, count.deployed) == (total, total, deployed)
    assert multiply_adds(model, 400) / 1e9 == pytest.approx(gmac, abs=5e-5)


@pytest.mark.parametrize(("base", "gmac"), [(16, 0.454), (32, 1.798), (48, 4.030)])
def test_projecting_first_saves_the_multiplications(base: int, gmac: float) -> None:
    assert multiply_adds(build_on_meta("hrsegnet", base=base), 400) / 1e9 == pytest.approx(gmac, abs=5e-4)


@pytest.mark.parametrize("variant", ["published", "tiled"])
@pytest.mark.parametrize("size", [(96, 160), (101, 67)])
def test_projecting_first_changes_nothing(variant: str, size: tuple[int, int]) -> None:
    cheap = used(build_model("hrsegnet", variant=variant))
    literal = build_model("hrsegnet", variant=variant, project_first=False).eval()
    literal.load_state_dict(cheap.state_dict())
    x = torch.rand(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(cheap(x).sigmoid(), literal(x).sigmoid(), rtol=0, atol=1e-5)
        cheap, literal, x = cheap.double(), literal.double(), x.double()
        torch.testing.assert_close(cheap(x), literal(x), rtol=0, atol=1e-10)


def test_tiles_with_a_halo_equal_the_whole() -> None:
    halo, core = 256, 64
    model = used(build_model("hrsegnet", base=8, variant="tiled"))
    x = torch.rand(1, 3, 96, 2 * halo + 3 * core)
    with torch.no_grad():
        whole = model(x)
        for left in (0, core, 2 * core):
            tile = model(x[..., left : left + 2 * halo + core])
            torch.testing.assert_close(
                tile[..., halo : halo + core], whole[..., left + halo : left + halo + core], rtol=0, atol=1e-5
            )


def test_the_mask_of_tiles_is_that_of_the_whole_to_the_pixel() -> None:
    model = used(build_model("hrsegnet", base=8, variant="tiled"))
    predictor = TorchPredictor(model, ModelCard(name="hrsegnet", version="0", tile_px=2048, overlap_px=1024), "0" * 64)
    photo = np.random.default_rng(0).integers(0, 256, (96, 3104, 3), np.uint8)
    whole, tiled = predictor(photo), predict_tiled(predictor, photo)
    assert len(split_axis(3104, 2048, 1024)) == 3
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
    level = float(np.median(whole))
    assert np.array_equal(tiled >= level, whole >= level)


def test_a_tile_does_not_see_the_padding_of_an_odd_picture() -> None:
    halo = 256
    model = used(build_model("hrsegnet", base=8, variant="tiled"))
    x = torch.rand(1, 3, 77, 2 * halo + 45)
    with torch.no_grad():
        tile = model(x[..., : halo + 64])
        torch.testing.assert_close(tile[..., :64], model(x)[..., :64], rtol=0, atol=1e-5)


def test_the_published_variant_depends_on_the_tile_size() -> None:
    model = used(build_model("hrsegnet", base=8))
    x = torch.rand(1, 3, 96, 576)
    with torch.no_grad():
        difference = (model(x)[..., :64] - model(x[..., :320])[..., :64]).abs().max()
    assert difference > 1e-3


def test_training_returns_auxiliary_logits_and_eval_does_not() -> None:
    model = build_model("hrsegnet", base=8)
    outputs = model(torch.rand(2, 3, 50, 70))
    assert isinstance(outputs, Outputs)
    assert [t.shape for t in (outputs.main, *outputs.auxiliary)] == [(2, 1, 50, 70)] * 3
    assert isinstance(model.eval()(torch.rand(2, 3, 50, 70)), Tensor)


def test_the_difference_of_two_channels_has_their_softmax_loss() -> None:
    model = used(build(base=8))
    assert isinstance(model, TwoWay)
    x, target = torch.rand(1, 3, 64, 64), (torch.rand(1, 64, 64) > 0.8).long()
    with torch.no_grad():
        pair, difference = model.raw(x), model(x)
    assert isinstance(pair, Tensor)
    torch.testing.assert_close(difference[:, 0].sigmoid(), pair.softmax(dim=1)[:, 1])
    torch.testing.assert_close(
        F.binary_cross_entropy_with_logits(difference[:, 0], target.float()), F.cross_entropy(pair, target)
    )


def test_strides_and_channels_of_the_blocks_are_the_published_ones() -> None:
    model = build_on_meta("hrsegnet", base=16).eval()
    seen: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: tuple(y.shape[1:])}))
    model(torch.empty(1, 3, 400, 400, device="meta"))
    assert [seen[f"net.blocks.{k}"] for k in range(3)] == [(16, 100, 100)] * 3
    assert [seen[f"net.blocks.{k}.guidance.2"] for k in range(3)] == [(32, 50, 50), (64, 25, 25), (128, 13, 13)]
    assert seen["net.head"] == (2, 200, 200)
