"""Less time and memory change nothing that is learnt: loss, gradients, names and runs are those of plain training."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from crackwise.backends.export import export
from crackwise.errors import RecipeError
from crackwise.losses import LossConfig, build_loss
from crackwise.models import MODELS, build_model
from crackwise.models.cost import saved_for_backward
from crackwise.models.cracksam import SIZES
from crackwise.models.tuning import apply_tunings, hold_frozen_statistics, parse_tunings
from crackwise.training.economy import economize
from crackwise.training.load import load_run
from crackwise.training.recipe import Recipe, TrainerConfig
from crackwise.training.run import train
from crackwise.training.task import SegmentationTask
from short_runs import killed_at, short_recipe

FOUNDATION = tuple(name for name, row in MODELS.items() if row.start == "base" and name != "sam")
"""All that are tuned: plain SAM is a baseline."""
TUNINGS = ("lora:2+head", "adapter:4+head", "head", "lora:2")
EVERYTHING = {"precision": "bf16-mixed", "frozen_bits": 16, "checkpoint_gradients": True, "compile": True}
TRACED = "ignore:The .grad attribute of a Tensor that is not a leaf"
"""torch's compiler looks there itself."""
Step = tuple[float, dict[str, Tensor], int]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def quick_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces and differentiates as ever, but leaves out the minutes of a C++ compiler."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))


def tuned(name: str, tuning: str) -> nn.Module:
    """The same network every time, its updates away from their start at zero."""
    torch.manual_seed(0)
    model = apply_tunings(build_model(name, **MODELS[name].small), parse_tunings(tuning))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    model.train()
    hold_frozen_statistics(model)
    return model


def step(model: nn.Module, precision: str = "32-true") -> Step:
    """Loss, gradients and bytes kept for backward, of one batch."""
    torch.manual_seed(1)  # the phrases of clipseg are drawn
    image, target = torch.rand(2, 3, 64, 64), (torch.rand(2, 1, 64, 64) > 0.8).to(torch.uint8)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision != "32-true")
    with saved_for_backward(model) as kept, autocast:
        logits = model(image)
    bytes_kept = sum(kept.values())
    loss = build_loss(LossConfig())(logits.float(), target)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return loss.item(), gradients, bytes_kept


def settings(**changes: object) -> TrainerConfig:
    return TrainerConfig.model_validate(changes)


def assert_same_step(one: Step, other: Step, tolerance: float) -> None:
    """Losses and gradients agree, relative to the largest number of each tensor."""
    assert other[0] == pytest.approx(one[0], rel=tolerance)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        largest = float(gradient.abs().max())
        torch.testing.assert_close(other[1][name], gradient, rtol=0, atol=tolerance * largest + 1e-9, msg=name)


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("name", FOUNDATION)
def test_checkpoints_change_neither_loss_nor_gradients_and_save_memory(name: str, tuning: str) -> None:
    plain, spared = tuned(name, tuning), tuned(name, tuning)
    economize(spared, settings(checkpoint_gradients=True), precision="32-true")
    expected, got = step(plain), step(spared)
    assert_same_step(expected, got, 1e-5)
    if tuning != "head":  # no gradient passes the encoder there: nothing of it is kept in the first place
        assert got[2] < 0.75 * expected[2]
    assert [n for n, _ in spared.named_parameters()] == [n for n, _ in plain.named_parameters()]
    assert spared.state_dict().keys() == plain.state_dict().keys()


def test_gradients_reach_lora_in_the_first_block_behind_frozen_inputs() -> None:
    model = tuned("cracksam", "lora:2")
    economize(model, settings(checkpoint_gradients=True), precision="32-true")
    _, gradients, _ = step(model)
    first = [gradient for name, gradient in gradients.items() if ".layers.0." in name]
    assert len(first) == 4
    assert all(gradient.abs().sum() > 0 for gradient in first)


@pytest.mark.parametrize("name", ["mobilenet_fpn", "unet"])
def test_a_batch_computed_twice_counts_once_in_the_statistics(name: str) -> None:
    plain, spared = tuned(name, "full"), tuned(name, "full")
    economize(spared, settings(checkpoint_gradients=True), precision="32-true")
    expected, got = step(plain), step(spared)
    assert_same_step(expected, got, 1e-4)
    assert got[2] < expected[2]
    torch.testing.assert_close(dict(spared.named_buffers()), dict(plain.named_buffers()))


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("name", FOUNDATION)
def test_half_precision_learns_nearly_the_same(name: str, tuning: str) -> None:
    plain, spared = tuned(name, tuning), tuned(name, tuning)
    economize(spared, settings(precision="bf16-mixed", frozen_bits=16), precision="bf16-mixed")
    expected, mixed, got = step(tuned(name, tuning)), step(plain, "bf16-mixed"), step(spared, "bf16-mixed")
    for one in (mixed, got):
        assert one[0] == pytest.approx(expected[0], rel=0.02)
        assert cosine(one[1], expected[1]) > 0.98
    assert got[2] <= mixed[2]
    assert tuning == "head" or got[2] < mixed[2]
    assert all(p.dtype == torch.float32 for p in spared.parameters() if p.requires_grad)
    assert any(p.dtype == torch.bfloat16 for p in spared.parameters())


def cosine(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Of all gradients as one vector."""
    a, b = (torch.cat([gradients[name].flatten() for name in sorted(other)]) for gradients in (one, other))
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.filterwarnings(TRACED)
@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("name", FOUNDATION)
def test_compiled_blocks_learn_the_same(name: str, checkpointed: bool) -> None:
    plain, spared = tuned(name, "lora:2+head"), tuned(name, "lora:2+head")
    torch._dynamo.reset()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    economize(spared, settings(compile=True, checkpoint_gradients=checkpointed), precision="32-true")
    expected, got = step(plain), step(spared)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    assert_same_step(expected, got, 1e-4)
    assert spared.state_dict().keys() == plain.state_dict().keys()
    if checkpointed:
        assert got[2] < 0.75 * expected[2]


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.filterwarnings(TRACED)
def test_blocks_of_one_kind_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "tiny", SIZES["tiny"]._replace(depth=6, global_blocks=(2, 5)))
    model = tuned("cracksam", "lora:2+adapter:4+head")
    torch._dynamo.reset()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    with torch._dynamo.config.patch(recompile_limit=1):
        economize(model, settings(compile=True), precision="32-true")
        step(model)
    kinds = 3  # the first, in front of which nothing learns; windows; the whole picture
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - before == kinds


@pytest.mark.slow
@pytest.mark.filterwarnings(TRACED)
def test_the_real_compiler_gives_the_same_step() -> None:
    plain, spared = tuned("cracksam", "lora:2+head"), tuned("cracksam", "lora:2+head")
    economize(spared, settings(compile=True), precision="32-true")
    assert_same_step(step(plain), step(spared), 1e-4)


@pytest.mark.parametrize("option", ["checkpoint_gradients", "compile"])
def test_a_network_without_blocks_says_so(option: str) -> None:
    with pytest.raises(RecipeError, match=f"trainer.{option}: this network has no encoder of repeated blocks"):
        economize(build_model("hrsegnet", base=8), settings(**{option: True}), precision="32-true")


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer": {"frozen_bits": 16, "precision": "bf16-mixed"}},
        {"trainer": {"frozen_bits": 16, "precision": "bf16-mixed"}, "tuning": "full"},
        {"trainer": {"frozen_bits": 16}, "tuning": "head"},
    ],
)
def test_narrow_frozen_weights_need_frozen_weights_and_mixed_precision(changes: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="frozen_bits=16 needs a tuning"):
        recipe_for(Path("walls"), **changes)


def recipe_for(folder: Path, **changes: Any) -> Recipe:
    """Two steps an epoch with the smallest SAM."""
    model = {"name": "cracksam", "options": MODELS["cracksam"].small}
    return short_recipe(folder, model, **{"data": {"steps_per_epoch": 2}, "optim": {"epochs": 2}} | changes)


@pytest.mark.usefixtures("quick_compiler")
def test_a_thrifty_run_is_killed_resumed_loaded_and_exported_like_any_other(drawn_set: Path, tmp_path: Path) -> None:
    trainer = {"ema_decay": 0.9} | EVERYTHING
    lora = [{"kind": "lora", "rank": 2, "dropout": 0.1}, {"kind": "head"}]
    recipe = recipe_for(drawn_set, tuning=lora, trainer=trainer)
    unbroken = train(recipe, tmp_path / "unbroken")
    with killed_at(SegmentationTask, "on_train_batch_end", 4):
        train(recipe, tmp_path / "killed")
    resumed = train(recipe, tmp_path / "killed")
    first, second = (load_file(run / "weights.safetensors") for run in (unbroken, resumed))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, msg=name)
    plain = train(recipe_for(drawn_set, tuning=lora), tmp_path / "plain")
    whole = load_file(plain / "weights.safetensors")
    assert {(n, t.dtype) for n, t in whole.items()} == {(n, t.dtype) for n, t in first.items()}
    assert load_run(resumed)[0](torch.rand(1, 3, 70, 90)).shape == (1, 1, 70, 90)
    assert export(resumed).parity.mask_agreement == 1


def test_no_compiler_is_one_sentence(drawn_set: Path, tmp_path: Path) -> None:
    recipe = recipe_for(drawn_set, tuning="lora:2", trainer={"compile": True})
    torch._dynamo.reset()
    with (
        torch._inductor.config.patch({"cpp.cxx": (None, str(tmp_path / "no-compiler"))}),
        pytest.raises(RecipeError, match=r"trainer\.compile: torch cannot compile .* leave it out"),
    ):
        train(recipe, tmp_path / "run")
