"""A row of the table of networks, and forms that several rows share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["ModelRow", "comparator", "compared"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One network: what builds it, whose it is, and which sizes suit it."""

    build: str
    """``"module:function"``, imported when a model is asked for."""
    summary: str
    paper: str
    licence: str
    multiple_of: int = 1
    """Tiles whose corners lie on multiples of this see the same grid as the whole picture."""
    input_px: int | None = None
    """Side of the pictures it was published with; None where there is no such size."""
    start: str | None = None
    """The option that says where the first weights come from: without it the network is the same, at random."""
    answers: Literal["pixels", "pictures"] = "pixels"
    """Of what a crack is told: ``pictures`` where every pixel gets the same answer."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the builder that this row decides."""
    small: Mapping[str, object] = field(default_factory=dict)
    """Options that make it small enough to train in seconds; the tests of the table take it so."""
    sizes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Names of published sizes to the options that make them; empty: one size, that of the defaults."""
    notes: tuple[str, ...] = ()
    """What its user should know beside this: how it differs from its paper, and why; for its page in docs/models."""


def comparator(architecture: str, summary: str, paper: str) -> ModelRow:
    """A row for one architecture of segmentation_models_pytorch."""
    return ModelRow(
        build="crackwise.models.comparators:build",
        summary=summary,
        paper=paper,
        licence="MIT (segmentation_models_pytorch)",
        multiple_of=32,
        start="encoder_weights",
        fixed={"architecture": architecture},
        small={"encoder": "resnet18"},
    )


def compared(
    module: str, summary: str, paper: str, small: Mapping[str, object], notes: tuple[str, ...], *, multiple_of: int = 32
) -> ModelRow:
    """A row for one of the networks that HrSegNet's authors compare it with."""
    build = f"crackwise.models.compared.{module}:build"
    return ModelRow(build, summary, paper, "Apache-2.0", multiple_of, small=small, notes=notes)
