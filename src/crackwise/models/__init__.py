"""The table of networks, and how to build one: RGB in [0, 1] to one logit per class and pixel, at any size."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, validate_call

from crackwise.errors import ModelError, needs_extra
from crackwise.models.row import ModelRow
from crackwise.models.table import MODELS

if TYPE_CHECKING:  # the table can be listed without torch
    from torch import nn

__all__ = [
    "MODELS",
    "ModelRow",
    "ParameterCount",
    "build_model",
    "count_parameters",
    "model_options",
    "start_of",
    "without_start",
]


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """How many numbers a network holds; buffers are not counted."""

    total: int
    trainable: int
    deployed: int
    """Without the heads that only training uses."""


def build_model(name: str, /, classes: Sequence[str] = ("crack",), **options: object) -> nn.Module:
    """A freshly initialised network of ``MODELS``; seed torch first for the same weights again.

    Options are those of the row's builder (see ``model_options``).

    >>> build_model("hrsegnet", base=16).training
    True

    Raises:
        ModelError: there is no such model or option, or a value does not fit.
    """
    row = model_row(name)
    known = model_options(name)
    for option in options:
        if option not in known:
            raise ModelError(
                f"{name} has no option {option!r}{did_you_mean(option, known)} Options: {described(known)}."
            )
    try:
        return validate_call(builder(row))(classes=classes, **row.fixed, **options)  # type: ignore[no-any-return]
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ModelError(
            f"{name}: {where}={wrong['input']!r} does not fit: {wrong['msg']}. Options: {described(known)}."
        ) from error


def model_row(name: str) -> ModelRow:
    """The row of ``MODELS`` called ``name``; a ModelError that names its neighbours where there is none."""
    try:
        return MODELS[name]
    except KeyError:
        near = did_you_mean(name, MODELS)
        raise ModelError(f"No model named {name!r}{near} See `crackwise list models`.") from None


def model_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a model: name to parameter, with its default and its type."""
    row = model_row(name)
    parameters = inspect.signature(builder(row)).parameters
    return {option: p for option, p in parameters.items() if option != "classes" and option not in row.fixed}


def start_of(name: str, options: Mapping[str, Any]) -> str | None:
    """The published weights that these options of a model start from; None: random ones."""
    option = model_row(name).start
    return None if option is None else options.get(option)


def without_start(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that make the network, without the one that says where its first weights come from."""
    return {option: value for option, value in options.items() if option != model_row(name).start}


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the parameters of a network; it may live on the meta device."""
    from crackwise.models.blocks import TrainingOnly

    spared = {id(p) for m in model.modules() if isinstance(m, TrainingOnly) for p in m.parameters()}
    parameters = list(model.parameters())
    return ParameterCount(
        total=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        deployed=sum(p.numel() for p in parameters if id(p) not in spared),
    )


def builder(row: ModelRow) -> Callable[..., Any]:
    """The function that builds the network of a row."""
    module, function = row.build.split(":")
    with needs_extra("lab"):
        return getattr(import_module(module), function)  # type: ignore[no-any-return]


def described(options: Mapping[str, inspect.Parameter]) -> str:
    """``"base: int = 16, depth: int = 3"``."""
    return ", ".join(f"{name}: {p.annotation} = {p.default!r}" for name, p in options.items()) or "none"


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """The end of a sentence: a full stop, or the nearest names."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f". Did you mean {' or '.join(repr(n) for n in near)}?" if near else "."
