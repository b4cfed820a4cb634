"""A copy of a model that differs in its card alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from crackwise.errors import CrackwiseError, ModelError, needs_extra
from crackwise.exported import CARD_KEY, WEIGHTS_KEY, open_exported
from crackwise.imaging.files import appearing, write_folder
from crackwise.predictor import ModelCard

__all__ = ["copy_with_card", "refuse_place"]

OF_A_RUN = ("recipe.yaml", "weights.safetensors", "metrics.csv", "curves.png", "spelling/*")
"""What a copy of a run folder holds beside its card; not what an older card was exported with."""


def refuse_place(source: Path, out: Path) -> None:
    """See that the copy of a model can go where it shall.

    Raises:
        ModelError: a file is to become one of another kind.
        CrackwiseError: something is there already.
    """
    if source.is_file() and out.suffix.lower() != source.suffix.lower():
        raise ModelError(f"The copy of {str(source)!r} must end in {source.suffix} too, not {str(out)!r}.")
    if out.exists():
        raise CrackwiseError(f"{str(out)!r} is there already. Choose another name, or delete it.")


def copy_with_card(source: Path, card: ModelCard, out: Path) -> None:
    """Write the model of a run folder or an ``.onnx`` file with another card; it appears whole or not at all.

    Raises:
        ModelError: the file cannot be copied.
        CrackwiseError: there is something at ``out`` already, or it cannot be written.
    """
    refuse_place(source, out)
    if source.is_dir():
        files = [path for pattern in OF_A_RUN for path in sorted(source.glob(pattern))]
        new_card = "card.json", card.model_dump_json(indent=2).encode()
        write_folder(out, [*((str(path.relative_to(source)), path.read_bytes()) for path in files), new_card])
    else:
        copy_onnx(source, card, out)


def copy_onnx(source: Path, card: ModelCard, out: Path) -> None:
    """The same graph and weights, another card; weights in a second file are copied under their name."""
    with needs_extra("lab"):
        import onnx
    model = onnx.load(str(source), load_external_data=False)
    about = {each.key: each.value for each in model.metadata_props} | {CARD_KEY: card.model_dump_json()}
    onnx.helper.set_model_props(model, about)
    _, _, weights = about.get(WEIGHTS_KEY, "").partition(" ")
    with appearing(out) as part:
        if weights:
            shutil.copyfile(source.parent / weights, part.parent / weights)
        part.write_bytes(model.SerializeToString(deterministic=True))
        if open_exported(part).card != card:
            raise ModelError(f"The copy of {str(source)!r} does not hold the card it was given. Please report it.")
