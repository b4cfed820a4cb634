"""The encoder may learn slower than the rest, whatever it is called."""

import pytest

from crackwise.losses import LossConfig, build_loss
from crackwise.models import MODELS, build_model
from crackwise.models.tuning import anatomy_of, apply_tunings, parse_tunings
from crackwise.training.recipe import OptimConfig
from crackwise.training.task import SegmentationTask
from crackwise.training.whole import Tiling

WITHOUT_ENCODER = {
    "hrsegnet", "ddrnet23", "stdc", "bisenetv2", "ocrnet", "u2cracknet", "rucnet", "unet_fcn", "unet_pspnet",
}  # fmt: skip
WITH_ENCODER = [name for name in MODELS if name not in WITHOUT_ENCODER]


def rates(model):
    """The rate of every learning weight."""
    optim = OptimConfig(lr=1e-3, encoder_lr_factor=0.25, warmup_steps=0, schedule="constant")
    task = SegmentationTask(model, build_loss(LossConfig()), optim, total_steps=1, tiling=Tiling(1024, 64))
    groups = task.configure_optimizers()["optimizer"].param_groups
    by_weight = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    return {name: by_weight[id(weight)] for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_a_factor_of_the_rate_is_for_the_encoder_alone(name):
    model = apply_tunings(build_model(name, **MODELS[name].small), parse_tunings("lora:2:all+head"))
    encoder = anatomy_of(model).encoder + "."
    for weight, rate in rates(model).items():
        assert rate == pytest.approx(0.25e-3 if weight.startswith(encoder) else 1e-3), weight


@pytest.mark.parametrize("name", sorted(WITHOUT_ENCODER))
def test_a_network_without_an_encoder_has_one_rate(name):
    assert set(rates(build_model(name, **MODELS[name].small)).values()) == {1e-3}
