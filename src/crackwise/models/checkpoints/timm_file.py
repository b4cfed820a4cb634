"""Weights in a file, for a network of timm without its classifier."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models import load_state_dict
from torch import Tensor, nn

from crackwise.errors import ModelError
from crackwise.models.checkpoints.fit import Stretch, lay_over

__all__ = ["lay_file", "lay_folded"]

COUNTERS = "num_batches_tracked"
"""How many batches a batch normalisation has seen: no weight, and not in every file."""


def lay_file(encoder: nn.Module, path: str) -> None:
    """Copy the weights of a file as timm writes and publishes them (.safetensors, .pth); its classifier is left out.

    Raises:
        ModelError: there is no such file, it is damaged, or not of exactly this network.
    """
    try:
        with Path(path).open("rb"):  # timm logs what is absent
            tensors = load_state_dict(path, use_ema=False, weights_only=True)
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"No weights in {path!r}: {reason}. Name a .safetensors or .pth file of timm's.") from error
    own: Any = encoder
    named = own.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([named] if isinstance(named, str) else named))
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(heads)}
    lay_over(encoder, kept, path, fresh=(COUNTERS,), stretches=stretches(encoder))


def stretches(encoder: nn.Module) -> Mapping[str, Stretch]:
    """The position map of a vision transformer depends on the side of the picture."""
    own: Any = encoder
    if "pos_embed" not in encoder.state_dict() or not hasattr(own, "patch_embed"):
        return {}

    def stretch(positions_1NC: Tensor, _: torch.Size) -> Tensor:
        size, prefix = list(own.patch_embed.grid_size), own.num_prefix_tokens
        stretched: Tensor = resample_abs_pos_embed(positions_1NC, size, num_prefix_tokens=prefix)
        return stretched

    return {"pos_embed": stretch}


def lay_folded(encoder: nn.Module, path: str) -> None:
    """Copy weights of convolutions into which batch normalisations are folded, from an npz.

    Arrays ``NN.weight`` and ``NN.bias`` in the order of the network; the next number, its classifier, is left out. The
    batch normalisations become additions of the bias: of mean 0 and deviation 1 as long as they keep their statistics.

    Raises:
        ModelError: the file is missing, or does not hold these convolutions.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            given = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"No weights in {path!r}: {error}. Name an npz of folded weights.") from error
    tensors = unfolded(encoder, given, path)
    lay_over(encoder, tensors, path, fresh=(COUNTERS,))


def unfolded(encoder: nn.Module, given: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The tensors of the encoder by their names there, from numbered weights and biases."""
    kinds = (nn.Conv2d, nn.modules.batchnorm._BatchNorm)
    layers = [(name, m) for name, m in encoder.named_modules() if isinstance(m, kinds)]
    convolutions, norms = layers[0::2], layers[1::2]
    if not alternate(m for _, m in layers) or not norms:
        raise ModelError(
            f"The folded weights of {path!r} fit networks in which a batch normalisation follows every convolution; "
            "this one is built otherwise. Take mobilenetv2_100."
        )
    expected = {f"{i:02d}.{part}" for i in range(len(convolutions)) for part in ("weight", "bias")}
    known = expected | {f"{len(convolutions):02d}.{part}" for part in ("weight", "bias")}
    if not expected <= given.keys() <= known:
        odd = sorted(expected - given.keys()) or sorted(given.keys() - known)
        raise ModelError(
            f"{path!r} does not hold the {len(convolutions)} convolutions of this network: {odd[0]} is "
            f"{'missing' if expected - given.keys() else 'too many'}."
        )
    tensors: dict[str, Tensor] = {}
    for i, ((convolution, _), (norm, module)) in enumerate(zip(convolutions, norms, strict=True)):
        weight, bias = given[f"{i:02d}.weight"], given[f"{i:02d}.bias"]
        tensors |= {f"{convolution}.weight": weight, f"{norm}.weight": torch.ones_like(bias), f"{norm}.bias": bias}
        own: Any = module
        variance = torch.full_like(bias, 1 - own.eps)  # what is divided by is the root of variance + eps
        tensors |= {f"{norm}.running_mean": torch.zeros_like(bias), f"{norm}.running_var": variance}
    return tensors


def alternate(layers: Iterable[nn.Module]) -> bool:
    """Whether convolutions without a bias and batch normalisations take turns, convolutions first."""
    (*both,) = layers
    return len(both) % 2 == 0 and all(
        (isinstance(layer, nn.Conv2d) and layer.bias is None) == (i % 2 == 0) for i, layer in enumerate(both)
    )
