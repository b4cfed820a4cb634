"""What all settings and cards that people write share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

__all__ = ["Strict", "faults"]


class Strict(BaseModel):
    """Frozen; an unknown key, or a number that is none, is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def faults(error: ValidationError, *above: str) -> str:
    """Every wrong value by its path: ``tuning.0.lora.rnak: Extra inputs are not permitted``; ``above`` begins it."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, (*above, *fault["loc"]))), fault["msg"]))) for fault in error.errors()
    )
