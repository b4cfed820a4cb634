"""Do these tensors fit this network? Every one that does not is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from crackwise.errors import ModelError

__all__ = ["Stretch", "fitted", "lay_over", "refuse_misfits"]

Stretch = Callable[[Tensor, torch.Size], Tensor]
"""A tensor and the shape it should have, to the tensor resampled."""

SHOWN = 6
LONGEST_NAME = 100


def lay_over(
    net: nn.Module,
    given: Mapping[str, Tensor],
    source: str,
    *,
    fresh: Sequence[str] = (),
    stretches: Mapping[str, Stretch] | None = None,
) -> None:
    """Copy the tensors of a checkpoint into a network that has the same names.

    Names that contain a word of ``fresh`` keep what they were initialised with; those in ``stretches`` are resampled
    where their shapes differ. Of a network on the meta device only names and shapes are checked.

    Raises:
        ModelError: a tensor is missing, unknown, of another shape, or not finite.
    """
    expected = without(net.state_dict(), fresh)
    tensors = fitted(expected, without(given, fresh), stretches or {})
    refuse_misfits(expected, tensors, f"the base {source!r}")
    if not any(parameter.is_meta for parameter in net.parameters()):
        net.load_state_dict(tensors, strict=False)  # strict by now, but for what stays fresh


def without(tensors: Mapping[str, Tensor], words: Sequence[str]) -> dict[str, Tensor]:
    """The tensors whose names contain none of the words."""
    return {name: tensor for name, tensor in tensors.items() if not any(word in name for word in words)}


def fitted(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor], stretches: Mapping[str, Stretch]
) -> dict[str, Tensor]:
    """The given tensors, those that ``stretches`` names brought to the expected shapes."""
    tensors = dict(given)
    for name, stretch in stretches.items():
        tensor, shape = tensors.get(name), expected[name].shape
        if tensor is not None and tensor.ndim == len(shape) and tensor.shape != shape:
            tensors[name] = stretch(tensor, shape)
    return tensors


def refuse_misfits(expected: Mapping[str, Tensor], given: Mapping[str, Tensor], source: str) -> None:
    """Accept exactly the expected names, each with the expected shape and finite floating-point numbers.

    Raises:
        ModelError: names what is wrong with every tensor that does not fit.
    """
    shared = [name for name in expected if name in given]
    wrong = [name for name in shared if given[name].shape != expected[name].shape]
    sound = [name for name in shared if name not in set(wrong)]
    faults = [
        listed("missing", [name for name in expected if name not in given]),
        listed("not expected", [name for name in given if name not in expected]),
        listed("of the wrong shape", [f"{n}: {sides(given[n])} instead of {sides(expected[n])}" for n in wrong]),
        listed("not floating-point", [f"{n}: {given[n].dtype}" for n in sound if not given[n].is_floating_point()]),
        listed("not finite", [name for name in sound if holds_nan(given[name])]),
    ]
    if any(faults):
        raise ModelError(
            f"The weights of {source} do not fit: {'; '.join(filter(None, faults))}. "
            "Get the file again from its publisher, or name the model and size that it belongs to."
        )


def holds_nan(tensor: Tensor) -> bool:
    """Whether a number of it is NaN or infinite."""
    return tensor.is_floating_point() and not tensor.is_meta and not bool(torch.isfinite(tensor).all())


def sides(tensor: Tensor) -> str:
    """``"3x4"``; ``"a single number"`` where there is no side."""
    return "x".join(map(str, tensor.shape)) or "a single number"


def listed(fault: str, names: Iterable[str]) -> str:
    """``"2 tensors are missing (a, b)"``; empty where there are none."""
    found = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..." for name in names]
    if not found:
        return ""
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    count = "1 tensor is" if len(found) == 1 else f"{len(found)} tensors are"
    return f"{count} {fault} ({', '.join(found[:SHOWN])}{rest})"
