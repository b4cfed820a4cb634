"""Maps that say where, and every row of EXPLAINERS on the corner."""

import numpy as np
import pytest
import torch

from crackwise.errors import CrackwiseError
from crackwise.explain.drawing import draw_heat_over, draw_key, draw_region
from crackwise.explain.heat import Heat, Options, scaled
from crackwise.explain.maps import TEMPERATURES, activation
from crackwise.explain.question import ask_whole
from crackwise.explain.table import EXPLAINERS, explainer_of
from crackwise.models import build_model
from known_networks import CornerNet, as_subject, corner_mask, dark_corner


def test_activation_is_the_softmax_over_positions_of_distillation() -> None:
    torch.manual_seed(0)
    net = build_model("hrsegnet", base=8).eval()
    subject = as_subject(net)
    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    logits, *activations = activation(subject, ask_whole(subject, picture), Options())
    assert logits.signed
    assert [heat.facts["temperature"] for heat in activations] == list(TEMPERATURES)
    for heat, temperature in zip(activations, TEMPERATURES, strict=True):
        expected = (torch.from_numpy(logits.values).flatten() / temperature).softmax(0).reshape(32, 48).numpy()
        np.testing.assert_allclose(heat.values, expected, rtol=1e-4)
        assert heat.values.sum() == pytest.approx(1, rel=1e-4)
    greatest = [heat.values.max() for heat in activations]
    assert greatest == sorted(greatest, reverse=True)
    with torch.no_grad():
        np.testing.assert_allclose(logits.values, net(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255)[0, 0])


@pytest.mark.parametrize("name", [name for name, row in EXPLAINERS.items() if not row.of_pixels_only])
def test_every_explainer_shows_the_corner(name: str) -> None:
    subject, picture = as_subject(CornerNet()), dark_corner()
    options = Options(features="patches", baseline="mean", samples=60)
    heat = EXPLAINERS[name].explain(subject, ask_whole(subject, picture), options)[0]
    assert heat.values.shape == (64, 64)
    assert heat.values.dtype == np.float32
    share = np.maximum(heat.values, 0)[corner_mask()].sum() / np.maximum(heat.values, 0).sum()
    assert share < 0.15 if name == "chance" else share > 0.85


def test_an_unknown_method_is_answered_with_those_there_are() -> None:
    with pytest.raises(CrackwiseError, match="No method 'lime'; there are gradcam, seg_gradcam, kernelshap"):
        explainer_of("lime")


def test_zero_is_neutral_on_a_signed_map() -> None:
    values = np.zeros((20, 30), np.float32)
    values[0, 0], values[10, 10] = 2, -4
    heat = Heat("", values, signed=True, facts={})
    assert scaled(heat)[0, 0] == 0.5
    assert scaled(heat)[10, 10] == -1
    assert scaled(heat)[5, 5] == 0
    picture = np.full((20, 30, 3), 99, np.uint8)
    drawn = draw_heat_over(picture, heat)
    assert (drawn[5, 5] == 99).all()
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[10, 10, 2] > drawn[10, 10, 0]
    flat = Heat("", np.full((20, 30), 7, np.float32), signed=False, facts={})
    assert (scaled(flat) == 0).all()
    assert draw_key(signed=True).shape == (12, 160, 3)


def test_m_is_outlined_a_single_pixel_ringed_and_all_of_the_picture_not() -> None:
    picture = np.full((40, 40, 3), 99, np.uint8)
    region = np.zeros((40, 40), bool)
    region[20, 20] = True
    ringed = draw_region(picture, region)
    assert (ringed[20, 20] == 99).all()
    assert (ringed != 99).any()
    assert (draw_region(picture, np.ones((40, 40), bool)) == 99).all()
    region[10:30, 10:30] = True
    assert (draw_region(picture, region)[10, 20] != 99).any()
