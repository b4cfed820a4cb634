"""Two processes with half a batch each compute what one computes of the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crackwise.losses import LOSSES
from crackwise.processes import everyones, joined_sum, process_count

SCRIPT = Path(__file__).with_name("two_processes.py")
Answers = list[dict[str, Any]]


def draw_batch() -> dict[str, Tensor]:
    """Four pictures of 120 px: one not labelled, one crack-free, unlabelled pixels spread unevenly."""
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(4, 1, 120, 120, generator=generator) > 0.8).to(torch.uint8)
    target[0, :, :50] = 255
    target[1] = 255
    target[2] = 0
    target[2, :, 100:] = 255
    return {
        "logits": 2 * torch.randn(4, 1, 120, 120, generator=generator),
        "target": target,
        "maps": 3 + torch.randn(4, 3, 5, 6, generator=generator),
        "weights": torch.randn(4, 3, 5, 6, generator=generator),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process computed of the batch, and each of two of its half."""
    folder = tmp_path_factory.mktemp("processes")
    torch.save(draw_batch(), folder / "batch.pt")
    command = [sys.executable, str(SCRIPT)]
    all_three = [subprocess.Popen([*command, rank, count, str(folder)]) for rank, count in ("01", "02", "12")]
    assert [process.wait(timeout=600) for process in all_three] == [0, 0, 0]
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> Answers:
    """What each of two processes computed of its half."""
    return [torch.load(folder / f"answers_{rank}_of_2.pt", weights_only=True) for rank in (0, 1)]


def interleaved(halves: list[Tensor]) -> Tensor:
    """The batch of which the first process took the even pictures."""
    return torch.stack(halves, 1).flatten(0, 1)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_those_of_the_whole_batch(name: str, answers: Answers) -> None:
    batch = draw_batch()
    logits = batch["logits"].requires_grad_()
    loss = LOSSES[name](logits, batch["target"])
    loss.backward()
    for answer in answers:
        torch.testing.assert_close(answer[name]["loss"], loss.detach())
    mean_over_processes = interleaved([answer[name]["gradient"] for answer in answers]) / 2
    torch.testing.assert_close(mean_over_processes, logits.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_without_gradients_each_process_judges_its_own_pictures(name: str, answers: Answers) -> None:
    batch = draw_batch()
    for rank, answer in enumerate(answers):
        alone = LOSSES[name](batch["logits"][rank::2], batch["target"][rank::2])
        torch.testing.assert_close(answer[name]["alone"], alone)


def test_the_batch_tells_the_losses_of_its_halves_from_its_own(answers: Answers) -> None:
    """Else the tests above could not fail."""
    for name in LOSSES:
        halves = torch.stack([answer[name]["alone"] for answer in answers])
        if name != "dice_per_image":  # a mean over pictures: halves of equal size have the whole's
            assert abs(halves.mean() - answers[0][name]["loss"]) > 1e-4, name


def test_a_batch_normalisation_sees_the_whole_batch(answers: Answers) -> None:
    batch = draw_batch()
    net = nn.Sequential(nn.BatchNorm2d(3))
    maps = batch["maps"].requires_grad_()
    (net(maps) * batch["weights"]).sum().backward()
    gradient = interleaved([answer["norm"]["gradient"] for answer in answers])
    torch.testing.assert_close(gradient, maps.grad)
    for i, parameter in enumerate(net.parameters()):
        torch.testing.assert_close(sum(answer["norm"]["parameters"][i] for answer in answers), parameter.grad)
    for answer in answers:
        torch.testing.assert_close(dict(answer["norm"]["state"]), dict(net.state_dict()))


def test_a_training_of_two_ends_where_that_of_one_does(folder: Path, answers: Answers) -> None:
    one = torch.load(folder / "answers_0_of_1.pt", weights_only=True)["net"]
    for answer in answers:
        torch.testing.assert_close(answer["net"], one, rtol=0, atol=1e-12)


def test_one_process_alone_joins_nothing() -> None:
    values = torch.rand(3)
    assert process_count() == 1
    assert joined_sum(values) is values
    assert everyones("a") == ["a"]
