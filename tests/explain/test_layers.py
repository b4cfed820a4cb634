"""Which layer Grad-CAM reads where nobody names one."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.backends.recard import copy_with_card
from crackwise.explain.layers import choose_layer, layers_of
from crackwise.explain.subject import FINE_PX, subject_of
from known_networks import CornerNet, as_subject

RUN = Path(__file__).parents[2] / "recipes" / "crackwise-small"


class Halving(nn.Module):
    """Two convolutions, the first of a stride."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.shrink, self.mix = nn.Conv2d(channels, 4, stride, stride), nn.Conv2d(4, 4, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y: Tensor = self.mix(self.shrink(x_BCHW))
        return y


class Pyramid(nn.Module):
    """Blocks at strides 4, 8, 16 and 32, all of them read by the head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([Halving(3, 4), *(Halving(4, 2) for _ in range(3))])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        answer = torch.zeros(())
        for block in self.encoder:
            x_BCHW = block(x_BCHW)
            answer = answer + x_BCHW.mean((1, 2, 3), keepdim=True)
        return answer


@pytest.mark.parametrize(
    ("coarsest_px", "name"), [(math.inf, "encoder.3"), (FINE_PX, "encoder.2"), (8, "encoder.1"), (2, "encoder.3")]
)
def test_the_deepest_block_that_still_tells_places_is_read(coarsest_px: float, name: str) -> None:
    net = Pyramid()
    layers = layers_of(net, torch.rand(1, 3, 64, 96).requires_grad_())
    assert choose_layer(net, layers, None, coarsest_px=coarsest_px).name == name


class TokenBlock(nn.Module):
    """A block of tokens (B, N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(4)
        self.mix = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    def forward(self, x_BNC: Tensor) -> Tensor:
        mixed: Tensor = self.mix(self.norm1(x_BNC))
        return x_BNC + mixed


class TokenPyramid(nn.Module):
    """Tokens that stand for 16 and then for 32 px, both read by the head."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv2d(3, 4, 16, 16)
        self.encoder = nn.ModuleList([TokenBlock() for _ in range(4)])

    def forward(self, image_BCHW: Tensor) -> Tensor:
        maps = self.start(image_BCHW)
        fine = self.encoder[1](self.encoder[0](maps.flatten(2).mT))
        maps = fine.mT.reshape(maps.shape)
        coarse = self.encoder[3](self.encoder[2](F.avg_pool2d(maps, 2).flatten(2).mT))
        return fine.sum() + coarse.sum()


@pytest.mark.parametrize(("coarsest_px", "name"), [(math.inf, "encoder.3.norm1"), (FINE_PX, "encoder.1.norm1")])
def test_tokens_tell_places_as_finely_as_there_are_many(coarsest_px: float, name: str) -> None:
    net = TokenPyramid()
    layers = layers_of(net, torch.rand(1, 3, 64, 96).requires_grad_())
    assert [layers[f"encoder.{n}.norm1"].stride_px for n in range(4)] == [16, 16, 32, 32]
    assert choose_layer(net, layers, None, coarsest_px=coarsest_px).name == name


def test_only_segmenters_need_places() -> None:
    assert as_subject(CornerNet(), "hrsegnet").coarsest_px == FINE_PX
    assert as_subject(CornerNet(), "resnet50").coarsest_px == math.inf


def test_a_calibrated_run_is_explained_by_its_network(tmp_path: Path) -> None:
    card = subject_of(str(RUN), "as it was").predictor.card
    copy_with_card(RUN, card.model_copy(update={"temperature": 2.0}), tmp_path / "calibrated")
    calibrated = subject_of(str(tmp_path / "calibrated"), "calibrated")
    assert calibrated.predictor.card.temperature == 2
    assert calibrated.net is not None
