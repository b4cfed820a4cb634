"""Where a network keeps its encoder, its head and its blocks: what tunings need to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn

from crackwise.errors import ModelError

__all__ = ["Anatomy", "anatomy_of", "named_blocks"]

LISTS = (nn.Sequential, nn.ModuleList)


class Anatomy(NamedTuple):
    """Names of modules, relative to the network that states them in its attribute ``anatomy``."""

    head: tuple[str, ...]
    """What ``head`` trains."""
    scopes: Mapping[str, tuple[str, ...]]
    """Where LoRA may go; the first is the default."""
    encoder: str
    """Where the blocks are."""
    idle: tuple[str, ...] = ()
    """Parts of the encoder whose answer nothing reads. LoRA alone goes there too: published counts include it."""
    blocks: tuple[str, ...] = ()
    """The blocks of the encoder in order, where its lists do not tell."""


def anatomy_of(model: nn.Module) -> Anatomy:
    """The anatomy that a network or a network inside its wrappers states; else by the name ``encoder``.

    By the name, the head is what stands beside the encoder, or beside what the encoder is a part of.

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
    way = encoders[0].split(".")
    for depth, name in enumerate(way):
        siblings = model.get_submodule(".".join(way[:depth])).named_children()
        head = tuple(".".join([*way[:depth], n]) for n, m in siblings if n != name and list(m.parameters()))
        encoder = ".".join(way[: depth + 1])
        if head:
            break
    return Anatomy(head, {"encoder": (encoder,)}, encoder)


def within(anatomy: Anatomy, prefix: str) -> Anatomy:
    """The same names as seen from outside."""

    def seen(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(".".join(filter(None, (prefix, name))) for name in names)

    scopes = {scope: seen(names) for scope, names in anatomy.scopes.items()}
    return Anatomy(seen(anatomy.head), scopes, seen((anatomy.encoder,))[0], seen(anatomy.idle), seen(anatomy.blocks))


def named_blocks(model: nn.Module, anatomy: Anatomy) -> Iterator[tuple[str, nn.Module]]:
    """The repeated blocks of the encoder in order, as stated or found.

    Found is a member of a list that does more than one multiplication by weights and has no such members itself: of
    a ResNet, ``layer1.0``, neither ``layer1`` nor ``layer1.0.conv1``. Idle ones are left out.
    """
    if anatomy.blocks:
        yield from ((name, model.get_submodule(name)) for name in anatomy.blocks)
        return
    members = dict(listed_members(model.get_submodule(anatomy.encoder), anatomy.encoder))
    for name, module in members.items():
        if name not in anatomy.idle and not any(other.startswith(name + ".") for other in members):
            yield name, module


def listed_members(net: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    """Members of lists in a network, themselves no list, with two layers of weights or more."""
    for name, module in net.named_modules(prefix=prefix):
        if isinstance(module, LISTS):
            for member_name, member in module.named_children():
                inside = ((n, m) for n, m in member.named_modules() if "lora_" not in n)
                layers = sum(isinstance(m, nn.Linear | nn.Conv2d) for _, m in inside)
                if layers > 1 and not isinstance(member, LISTS):
                    yield f"{name}.{member_name}", member
