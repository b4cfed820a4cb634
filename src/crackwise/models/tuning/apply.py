"""A frozen network, and what a list of tunings lets learn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models.tuning.adapter import insert_adapters
from crackwise.models.tuning.anatomy import Anatomy, anatomy_of, named_blocks
from crackwise.models.tuning.config import (
    Adapter,
    FirstBlocks,
    Head,
    LastBlocks,
    LayerNorms,
    Lora,
    Tuning,
    freezes_nothing,
)

__all__ = [
    "apply_tunings",
    "frozen_hash",
    "hold_frozen_statistics",
    "leaves_a_base",
    "left_when_merged",
    "trained_state",
]

Parameters = Iterable[nn.Parameter]


def apply_tunings(model: nn.Module, tunings: Sequence[Tuning]) -> nn.Module:
    """Freeze the network, in place, but for what the tunings name; LoRA and adapters are put in.

    Raises:
        ModelError: a tuning finds nothing to train in this network.
    """
    model.requires_grad_(False)
    if any(freezes_nothing(tuning) for tuning in tunings):
        return model.requires_grad_(True)
    anatomy = anatomy_of(model)
    chosen = [list(CHOICES[type(tuning)](model, anatomy, tuning)) for tuning in sorted(tunings, key=order)]
    for tuning, parameters in zip(sorted(tunings, key=order), chosen, strict=True):
        if not parameters:
            raise ModelError(f"tuning {tuning.kind} finds nothing to train in this network.")
        for parameter in parameters:
            parameter.requires_grad_(True)
    return model


def leaves_a_base(tunings: Sequence[Tuning]) -> bool:
    """Whether something stays as it was, so that what is learnt makes sense only on top of it."""
    return bool(tunings) and not any(freezes_nothing(tuning) for tuning in tunings)


def left_when_merged(tunings: Sequence[Tuning]) -> tuple[Tuning, ...]:
    """The tunings whose modules stay in a merged network: a bottleneck is not linear, no weight can take it in."""
    return tuple(tuning for tuning in tunings if isinstance(tuning, Adapter)) if leaves_a_base(tunings) else ()


def order(tuning: Tuning) -> int:
    """LoRA finds its layers by their names before adapters wrap them."""
    return list(CHOICES).index(type(tuning))


def choose_lora(model: nn.Module, anatomy: Anatomy, tuning: Lora) -> Parameters:
    """The new low-rank matrices."""
    scope = tuning.scope or next(iter(anatomy.scopes))
    if scope not in anatomy.scopes:
        raise ModelError(f"lora: no scope {scope!r} in this network; there is {', '.join(anatomy.scopes)}.")
    from crackwise.models.tuning.lora import insert_lora  # peft takes seconds to import

    insert_lora(model, anatomy.scopes[scope], tuning, blocks=[name for name, _ in named_blocks(model, anatomy)])
    return [parameter for name, parameter in model.named_parameters() if ".lora_" in name]


def choose_adapter(model: nn.Module, anatomy: Anatomy, tuning: Adapter) -> Parameters:
    """The new bottlenecks."""
    added = insert_adapters(model, [name for name, _ in named_blocks(model, anatomy)], tuning)
    return [parameter for adapter in added for parameter in adapter.parameters()]


def choose_head(model: nn.Module, anatomy: Anatomy, _: Head) -> Parameters:
    """Everything in the modules of the head."""
    return [parameter for name in anatomy.head for parameter in model.get_submodule(name).parameters()]


def choose_norms(model: nn.Module, anatomy: Anatomy, _: LayerNorms) -> Parameters:
    """Scales and shifts of the encoder's layer normalisations."""
    idle = {m for name in anatomy.idle for m in model.get_submodule(name).modules()}
    norms = [m for m in model.get_submodule(anatomy.encoder).modules() if isinstance(m, nn.LayerNorm)]
    return [parameter for norm in norms if norm not in idle for parameter in norm.parameters()]


def choose_last_blocks(model: nn.Module, anatomy: Anatomy, tuning: LastBlocks) -> Parameters:
    """Everything in the last blocks."""
    blocks = list(named_blocks(model, anatomy))
    if tuning.k > len(blocks):
        raise ModelError(f"last_blocks: k={tuning.k}, but the encoder has {len(blocks)} blocks.")
    return [parameter for _, block in blocks[-tuning.k :] for parameter in block.parameters()]


def choose_first_blocks(model: nn.Module, anatomy: Anatomy, tuning: FirstBlocks) -> Parameters:
    """Everything in the head, and in the blocks after the first ones."""
    blocks = list(named_blocks(model, anatomy))
    if tuning.n > len(blocks):
        raise ModelError(f"first_blocks: n={tuning.n}, but the encoder has {len(blocks)} blocks.")
    later = [parameter for _, block in blocks[tuning.n :] for parameter in block.parameters()]
    return [*choose_head(model, anatomy, Head()), *later]


CHOICES: Mapping[type, Callable[..., Parameters]] = {
    Head: choose_head,
    LayerNorms: choose_norms,
    LastBlocks: choose_last_blocks,
    FirstBlocks: choose_first_blocks,
    Lora: choose_lora,
    Adapter: choose_adapter,
}
"""What each tuning trains, in the order in which they are applied."""


def hold_frozen_statistics(model: nn.Module) -> None:
    """Keep batch normalisations without a learning weight on their stored statistics; call after ``train()``."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not any(
            p.requires_grad for p in module.parameters()
        ):
            module.eval()


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """What training may have changed: learning weights, and the statistics of learning batch normalisations."""
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    prefixes = {name.rpartition(".")[0] for name in learning}
    norms = {
        name for name, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and name in prefixes
    }
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name in learning or name.rpartition(".")[0] in norms
    }


def frozen_hash(model: nn.Module) -> str:
    """SHA-256 over names, shapes and numbers of everything that training leaves alone."""
    trained = trained_state(model)
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name not in trained:
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
