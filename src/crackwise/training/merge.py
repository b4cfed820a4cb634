"""A tuned run to one that needs no base."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save

from crackwise.imaging.files import refuse_filled, write_atomically, write_folder
from crackwise.models import count_parameters
from crackwise.models.tuning import left_when_merged
from crackwise.models.tuning.lora import merge_lora
from crackwise.training.load import SPELLING, load_run

__all__ = ["merge"]

FILE = ".safetensors"


def merge(run: Path, out: Path) -> tuple[str, ...]:
    """Write a run with LoRA added to the weights beside it and the base below; returns which tunings stay as modules.

    ``out`` is a run folder that is loaded, evaluated and exported like any other and needs no base, or, where it ends
    in ``.safetensors``, the weights alone. The recipe is kept as it was trained. Adapters stay modules.

    Raises:
        ModelError: there is no finished run, or its base is not there.
        CrackwiseError: ``out`` is in use, or cannot be written.
    """
    refuse_filled(out)
    model, card, recipe = load_run(run)
    merge_lora(model)
    weights = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    if out.suffix == FILE:
        write_atomically(out, weights)
    else:
        merged = card.model_copy(update={"parameters": count_parameters(model).deployed})
        write_folder(
            out,
            {
                "recipe.yaml": (run / "recipe.yaml").read_bytes(),
                "weights.safetensors": weights,
                "card.json": merged.model_dump_json(indent=2).encode(),
                **{f"{SPELLING}/{path.name}": path.read_bytes() for path in (run / SPELLING).glob("*")},
            },
        )
    return tuple(tuning.kind for tuning in left_when_merged(recipe.tuning or ()))
