"""A copy of a model that differs in its card alone."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

from crackwise.backends.export import FORMATS
from crackwise.errors import CrackwiseError, ModelError, needs_extra
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
    """Write the model of a run folder or an exported file with another card; it appears whole or not at all.

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
        copy_file(source, card, out)


def copy_file(source: Path, card: ModelCard, out: Path) -> None:
    """The same graph and weights, another card; weights in a second file are copied too."""
    row = next((row for row in FORMATS.values() if row.suffix == source.suffix.lower()), None)
    if row is None:
        raise ModelError(f"The card of {str(source)!r} cannot be changed: it is no exported file.")
    with needs_extra(row.extra):
        writer = import_module(row.module)
    with appearing(out) as part:
        shutil.copyfile(source, part)
        weights = writer.beside(source)
        if weights is not None:
            shutil.copyfile(weights, writer.beside(part))
        writer.write_card(part, card)
        if writer.read_card(part) != card:
            raise ModelError(f"The copy of {str(source)!r} does not hold the card it was given. Please report it.")
