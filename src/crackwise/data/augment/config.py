"""How training pictures are varied, as a recipe says it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from crackwise.strict import Strict

__all__ = ["AugmentConfig"]

Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentConfig(Strict):
    """How strongly training pictures are varied; every ``p`` is a probability.

    ``varied`` takes all settings, the other kinds only ``crop_px``: they are what others published, or nothing.
    """

    kind: Literal["varied", "plain", "cracksam", "classification"] = "varied"
    """A row of `AUGMENTATIONS`."""
    crop_px: PositiveInt = 256
    """Side of a view."""
    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    """Range of the zoom, drawn log-uniformly; 1 keeps the picture's own scale."""
    rotation_deg: float = 180.0
    flip_p: Probability = 0.5
    light: NonNegativeFloat = 0.4
    """Range of brightness, contrast and saturation factors, 1 - light .. 1 + light."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    grey_p: Probability = 0.1
    gamma_p: Probability = 0.3
    shadow_p: Probability = 0.2
    blur_p: Probability = 0.25
    noise_p: Probability = 0.3
    jpeg_p: Probability = 0.3
    joints_p: Probability = 0.0
    """Straight joints drawn in a regular grid over the picture: they are not cracks."""
    cracks_p: Probability = 0.0
    """Thin, faint cracks drawn over the picture; they belong to the first class."""

    @property
    def is_whole(self) -> bool:
        """Whether a view shows the whole picture."""
        return self.kind != "varied"

    @model_validator(mode="after")
    def says_nothing_in_vain(self) -> Self:
        """Settings beside a kind that varies in its own way would do nothing."""
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        set_ = [name for name in usual if name not in ("crop_px", "kind") and getattr(self, name) != usual[name]]
        if self.kind != "varied" and set_:
            raise ValueError(f"kind: {self.kind} varies pictures in its own way: {', '.join(set_)} would do nothing")
        return self
