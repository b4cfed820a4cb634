"""Where a network keeps its encoder, its head and its blocks: what tunings need to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn

from crackwise.errors import ModelError

__all__ = ["Anatomy", "anatomy_of", "named_blocks"]


class Anatomy(NamedTuple):
    """Names of modules, relative to the network that states them in its attribute ``anatomy``."""

    head: tuple[str, ...]
    """What ``head`` trains."""
    scopes: Mapping[str, tuple[str, ...]]
    """Where LoRA may go; the first is the default."""
    encoder: str
    """Where the blocks are."""


def anatomy_of(model: nn.Module) -> Anatomy:
    """The anatomy that a network or a network inside its wrappers states; else by the name ``encoder``.

    Raises:
        ModelError: the network states none and has no module called ``encoder``.
    """
    for name, module in model.named_modules():
        stated = getattr(module, "anatomy", None)
        if isinstance(stated, Anatomy):
            return within(stated, name)
    encoders = [name for name, _ in model.named_modules() if name.split(".")[-1] == "encoder"]
    if not encoders:
        raise ModelError("This network names no encoder, so nothing but tuning=full fits it.")
    encoder = encoders[0]
    parent, _, _ = encoder.rpartition(".")
    siblings = model.get_submodule(parent).named_children()
    head = tuple(".".join(filter(None, (parent, name))) for name, _ in siblings if name != "encoder")
    return Anatomy(head, {"encoder": (encoder,)}, encoder)


def within(anatomy: Anatomy, prefix: str) -> Anatomy:
    """The same names as seen from outside."""

    def seen(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(".".join(filter(None, (prefix, name))) for name in names)

    scopes = {scope: seen(names) for scope, names in anatomy.scopes.items()}
    return Anatomy(seen(anatomy.head), scopes, seen((anatomy.encoder,))[0])


def named_blocks(model: nn.Module, anatomy: Anatomy) -> Iterator[tuple[str, nn.Module]]:
    """The repeated blocks of the encoder in order: modules with attention and an MLP, or with a ``layers`` branch."""
    prefix = anatomy.encoder
    for name, module in model.get_submodule(prefix).named_modules(prefix=prefix):
        children = dict(module.named_children())
        transformer = "mlp" in children and ("attn" in children or "self_attn" in children)
        if transformer or type(module).__name__ == "InvertedResidual":
            yield name, module
