"""The layers of a network that a map can be read from, and which of them it is by default."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models.blocks import FixedSize
from crackwise.models.tuning.anatomy import Anatomy, anatomy_of, named_blocks

__all__ = ["Layer", "choose_layer", "grid_of", "layers_of"]

NORMS = ("norm1", "layer_norm1", "layernorm_before")
"""What the first normalisation of a block is called where a block has tokens; Grad-CAM reads its output."""
MOST_PREFIX_TOKENS = 8
SHOWN_LAYERS = 12


class Layer(NamedTuple):
    """A module that runs for a picture and that the answer depends on."""

    name: str
    shape: tuple[int, ...]
    """(1, C, h, w), or (1, N, C) and (1, h, w, C) with channels last."""
    channels_last: bool
    calls: int
    """How often it runs for one picture."""
    stride_px: float
    """Rows of the picture to one of its map; of tokens the side of a square that each stands for, near enough."""


def layers_of(net: nn.Module, image_1CHW: Tensor) -> dict[str, Layer]:
    """All layers whose output is a map or tokens and has a gradient, in the order in which they run.

    The picture has to require a gradient: with a frozen network nothing else would have one.
    """
    outputs: dict[str, Tensor] = {}
    calls: dict[str, int] = {}
    modules = dict(net.named_modules())

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim in (3, 4) and output.shape[0] == 1 and output.requires_grad:
                outputs[name] = output
                calls[name] = calls.get(name, 0) + 1

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items() if name]
    try:
        answer: Tensor = net(image_1CHW)
    finally:
        for handle in handles:
            handle.remove()
    gradients = torch.autograd.grad(answer.sum(), list(outputs.values()), allow_unused=True) if outputs else ()
    return {
        name: layer_of(name, modules[name], output, calls[name], (image_1CHW.shape[-2], image_1CHW.shape[-1]))
        for (name, output), gradient in zip(outputs.items(), gradients, strict=True)
        if gradient is not None
    }


def layer_of(name: str, module: nn.Module, output: Tensor, calls: int, size_px: tuple[int, int]) -> Layer:
    """What is to know of a layer by its output for a picture of that height and width."""
    height_px, width_px = size_px
    last = has_channels_last(module, output)
    if output.ndim == 3:
        stride_px = math.sqrt(height_px * width_px / output.shape[1])
    else:
        stride_px = height_px / output.shape[1 if last else 2]
    return Layer(name, tuple(output.shape), last, calls, stride_px)


def has_channels_last(module: nn.Module, output: Tensor) -> bool:
    """Whether the last axis of what a module returns is the channels: told by its layer normalisations."""
    if output.ndim == 3:
        return True
    last, second = output.shape[-1], output.shape[1]
    norms = (m for m in module.modules() if isinstance(m, nn.LayerNorm))
    linear = isinstance(module, nn.Linear) and module.out_features == last
    return last != second and (linear or any(norm.normalized_shape[-1] == last for norm in norms))


def choose_layer(
    net: nn.Module, layers: Mapping[str, Layer], name: str | None, *, coarsest_px: float = math.inf
) -> Layer:
    """The layer of a name, or the default: the last block of the encoder, of one with tokens its first normalisation.

    ``coarsest_px``: blocks of a larger stride are passed over where there are others. A network that names no encoder
    is searched for repeated blocks as a whole.

    Raises:
        ModelError: no such layer runs, or it runs several times for a picture.
    """
    found = default_of(net, layers, coarsest_px) if name is None else layers.get(name)
    if found is None:
        near = difflib.get_close_matches(name or "", layers, n=SHOWN_LAYERS, cutoff=0.3)
        shown = near or list(layers)[-SHOWN_LAYERS:]
        raise ModelError(
            f"No layer {name!r} whose output is a map and has a gradient; of {len(layers)} there are "
            f"{', '.join(shown)}. Pass one of them as --layer."
        )
    if found.calls > 1:
        raise ModelError(f"The layer {found.name!r} runs {found.calls} times for a picture; pass another --layer.")
    return found


def default_of(net: nn.Module, layers: Mapping[str, Layer], coarsest_px: float) -> Layer | None:
    """The last block that can be read and is fine enough, else the last; without blocks the last map of many cells."""
    try:
        anatomy = anatomy_of(net)
    except ModelError:
        anatomy = Anatomy(head=(), scopes={}, encoder="")
    named = [[*(f"{block}.{norm}" for norm in NORMS), block] for block, _ in reversed(list(named_blocks(net, anatomy)))]
    blocks = [layers[name] for names in named for name in names if name in layers and layers[name].calls == 1]
    if blocks:
        return next((block for block in blocks if block.stride_px <= coarsest_px), blocks[0])
    maps = [layer for layer in layers.values() if not layer.channels_last and min(layer.shape[-2:]) > 1]
    return maps[-1] if maps else None


def grid_of(cells: Tensor, net: nn.Module, size: tuple[int, int]) -> Tensor:
    """Scores of tokens (N) or cells (h, w) as a grid (h, w); a class token and other prefixes are dropped.

    ``size``: height and width of the picture, which N has to fit as the network sees it.

    Raises:
        ModelError: N cells fit no grid of this shape.
    """
    if cells.ndim == 2:
        return cells
    square = any(isinstance(module, FixedSize) for module in net.modules())
    aspect = 1.0 if square else size[0] / size[1]
    for prefix in range(MOST_PREFIX_TOKENS + 1):
        count = cells.shape[0] - prefix
        rows = round((count * aspect) ** 0.5)
        if rows > 0 and count % rows == 0 and abs(rows - (count // rows) * aspect) <= max(1.0, aspect) * 0.75:
            return cells[prefix:].reshape(rows, count // rows)
    raise ModelError(f"{cells.shape[0]} tokens lie on no grid of this picture; pass another --layer.")
