"""What LoRA adds, number by number, and where query, key and value lie in a fused layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from crackwise.models.tuning.config import Lora
from crackwise.models.tuning.lora import SplitQKV, insert_lora, split_qkv

LETTERS = [("qkv", letter) for letter in "qkv"] + [("kv", letter) for letter in "kv"]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


def with_lora(layer: nn.Module, **settings: object) -> tuple[nn.Module, Tensor, Tensor]:
    """The only layer of a network under LoRA of rank 2; A (2, inputs) and B (outputs, 2), at random."""
    net = nn.ModuleDict({"layer": layer})
    insert_lora(net, [""], Lora.model_validate({"rank": 2, "targets": "all"} | settings), blocks=[""])
    matrices = {name.split(".lora_")[1][0]: p for name, p in net.named_parameters() if ".lora_" in name}
    with torch.no_grad():
        for matrix in matrices.values():
            matrix.normal_()
    return net["layer"].eval(), *(matrices[letter].detach().flatten(1) for letter in "AB")


@pytest.mark.parametrize(("alpha", "scale"), [(None, 1), (2, 1), (32, 16), (0.5, 0.25)])
def test_a_linear_layer_gains_scale_b_a_x(alpha: float | None, scale: float) -> None:
    torch.manual_seed(0)
    plain, x = nn.Linear(6, 5), noise(3, 4, 6)
    expected = plain(x)
    tuned, a, b = with_lora(plain, alpha=alpha)
    torch.testing.assert_close(tuned(x), expected + scale * x @ a.T @ b.T)


@pytest.mark.parametrize(("alpha", "scale"), [(None, 1), (6, 3)])
def test_a_pointwise_convolution_gains_scale_b_a_x_in_every_pixel(alpha: float | None, scale: float) -> None:
    torch.manual_seed(0)
    plain, x = nn.Conv2d(6, 5, 1), noise(2, 6, 4, 3)
    expected = plain(x)
    tuned, a, b = with_lora(plain, alpha=alpha)
    torch.testing.assert_close(tuned(x), expected + scale * torch.einsum("or,ri,bihw->bohw", b, a, x))


@pytest.mark.parametrize(("letters", "letter"), LETTERS)
def test_a_letter_is_its_part_of_the_fused_layer(letters: str, letter: str) -> None:
    torch.manual_seed(0)
    fused, x = nn.Linear(6, 4 * len(letters)), noise(3, 6)
    split = SplitQKV(fused, letters)
    torch.testing.assert_close(split(x), fused(x))
    part = fused(x).chunk(len(letters), -1)[letters.index(letter)]
    torch.testing.assert_close(split.get_submodule(letter)(x), part)
    torch.testing.assert_close(split.fused()(x), fused(x))


@pytest.mark.parametrize(("letters", "letter"), LETTERS)
def test_what_is_added_to_a_letter_arrives_in_its_part_alone(letters: str, letter: str) -> None:
    torch.manual_seed(0)
    net, x = nn.ModuleDict({letters: nn.Linear(6, 4 * len(letters))}), noise(3, 6)
    before = net[letters](x)
    split_qkv(net, [""])
    with torch.no_grad():
        net.get_submodule(f"{letters}.{letter}").bias.add_(1)
    change = torch.zeros(len(letters), 4)
    change[letters.index(letter)] = 1
    torch.testing.assert_close(net[letters](x) - before, change.flatten().expand(3, -1))
