"""Run folders without a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from crackwise.predictor import ModelCard

CARD = ModelCard(name="drawn", version="1", classes=("crack",), threshold=0.5, tile_px=256)


def write(folder: Path, name: str, options: dict[str, object]) -> Path:
    """A run folder of an untrained network."""
    import torch  # the tests of the field, which share this file, do without
    from safetensors.torch import save_file

    from crackwise.models import build_model

    folder.mkdir()
    recipe = {"name": "drawn", "model": {"name": name, "options": options}, "data": {"train": ["a"], "val": ["b"]}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "card.json").write_text(CARD.model_dump_json())
    model = build_model(name, **options)
    with torch.no_grad():
        for _ in range(10):
            model(torch.rand(2, 3, 64, 64))
    save_file(model.state_dict(), folder / "weights.safetensors")
    return folder


@pytest.fixture
def write_run() -> Callable[[Path, str, dict[str, object]], Path]:
    """Writes the folder of an untrained network: ``write_run(folder, model, options)``."""
    return write
