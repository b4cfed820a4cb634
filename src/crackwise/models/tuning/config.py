"""Which weights learn: the tunings as a recipe names them, and their short forms on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
)

from crackwise.strict import Strict

__all__ = [
    "TUNINGS",
    "Adapter",
    "FirstBlocks",
    "Full",
    "Head",
    "LastBlocks",
    "LayerNorms",
    "Lora",
    "Tuning",
    "Tunings",
    "freezes_nothing",
]

LoraTargets = Literal["q", "v", "qv", "qkvo", "mlp", "all"]


class Full(Strict):
    """Every weight."""

    kind: Literal["full"] = "full"


class Head(Strict):
    """The part that is not the encoder: mask decoder, convolutional head, classifier."""

    kind: Literal["head"] = "head"


class Lora(Strict, use_attribute_docstrings=True):
    """Low-rank updates beside chosen linear layers and convolutions (Hu et al., ICLR 2022); starts as the identity."""

    kind: Literal["lora"] = "lora"
    rank: PositiveInt = 4
    """Width of the update: more learn more weights."""
    targets: LoraTargets = "qv"
    """Projections of attention by letter; ``mlp``; ``all``: every linear layer as the network has it, and every
    convolution of a block that is neither grouped nor dilated."""
    alpha: PositiveFloat | None = None
    """The update is scaled by alpha / rank; without alpha it is not scaled, as in CrackSAM."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability, on what goes into the update."""
    scope: str | None = None
    """Which part of the network, where it names several (clipseg: decoder, vision+decoder, all)."""


class Adapter(Strict, use_attribute_docstrings=True):
    """Bottlenecks after attention and parallel to the MLP of every block (CrackSAM; Chen et al., AdaptFormer, 2022).

    A block of convolutions alone that keeps the size of the map gets one beside it as a whole.
    """

    kind: Literal["adapter"] = "adapter"
    dim: PositiveInt = 32
    """Width of the bottleneck."""
    scale: NonNegativeFloat = 0.2
    """Of the branch parallel to the MLP, or to a block of convolutions."""
    init: Literal["zero", "published"] = "zero"
    """``zero``: starts as the identity; ``published``: both layers random, as in CrackSAM."""


class LayerNorms(Strict):
    """Scales and shifts of the layer normalisations alone."""

    kind: Literal["layernorm"] = "layernorm"


class LastBlocks(Strict, use_attribute_docstrings=True):
    """The last blocks of the encoder that the head reads."""

    kind: Literal["last_blocks"] = "last_blocks"
    k: PositiveInt = 1
    """How many."""


class FirstBlocks(Strict, use_attribute_docstrings=True):
    """Head and encoder, but the first blocks, and what stands in none: patch embedding, positions, final norm, stem."""

    kind: Literal["first_blocks"] = "first_blocks"
    n: NonNegativeInt = 0
    """How many stay frozen; 0 freezes nothing at all."""


Tuning = Annotated[Full | Head | Lora | Adapter | LayerNorms | LastBlocks | FirstBlocks, Field(discriminator="kind")]

TUNINGS: Mapping[str, tuple[type[Strict], tuple[str, ...]]] = {
    "full": (Full, ()),
    "head": (Head, ()),
    "lora": (Lora, ("rank", "targets")),
    "adapter": (Adapter, ("dim", "scale")),
    "layernorm": (LayerNorms, ()),
    "last_blocks": (LastBlocks, ("k",)),
    "first_blocks": (FirstBlocks, ("n",)),
}
"""Kind to its settings and what the short form's parts mean: ``lora:4:qv``, ``adapter:32:0.2``, ``last_blocks:2``."""


def expand(values: Any) -> Any:
    """``"lora:4+head"`` to the list of tunings it is short for; anything else as it is."""
    parts = values.split("+") if isinstance(values, str) else values
    return (
        [short(part) if isinstance(part, str) else part for part in parts] if isinstance(parts, list | tuple) else parts
    )


def short(text: str) -> dict[str, Any]:
    """``"lora:4:qv"`` to ``{"kind": "lora", "rank": "4", "targets": "qv"}``."""
    kind, *values = text.strip().split(":")
    if kind not in TUNINGS:
        raise ValueError(f"no tuning {kind!r}; there is {', '.join(TUNINGS)}")
    names = TUNINGS[kind][1]
    if len(values) > len(names):
        raise ValueError(f"{text!r} says more than {':'.join((kind, *map(str.upper, names)))}")
    return {"kind": kind, **dict(zip(names, values, strict=False))}


def freezes_nothing(tuning: Tuning) -> bool:
    """Whether it trains every weight of the network as it is."""
    return isinstance(tuning, Full) or (isinstance(tuning, FirstBlocks) and not tuning.n)


def that_agree(tunings: tuple[Tuning, ...]) -> tuple[Tuning, ...]:
    """The same tunings, no two of a kind, and no other beside one that freezes nothing."""
    kinds = [tuning.kind for tuning in tunings]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise ValueError(f"{kind} is named {kinds.count(kind)} times; each kind may be named once")
    whole = [tuning.kind for tuning in tunings if freezes_nothing(tuning)]
    if whole and len(kinds) > 1:
        raise ValueError(f"{whole[0]} trains every weight of the network as it is; name no other tuning beside it")
    return tunings


Tunings = Annotated[tuple[Tuning, ...], BeforeValidator(expand), Field(min_length=1), AfterValidator(that_agree)]
"""A list of tunings, or its short form; what none of them names is frozen."""

parse_tunings: Callable[[Any], tuple[Tuning, ...]] = TypeAdapter(Tunings).validate_python
