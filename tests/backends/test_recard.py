"""A copy of a model with another card predicts as that card says, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from crackwise.backends import load_predictor
from crackwise.backends.recard import copy_with_card
from crackwise.errors import CrackwiseError, ModelError
from crackwise.predictor import ModelCard
from crackwise.trust.temperature import Tempered, temper, tempered_threshold
from drawn_onnx import write_brightness

CARD = ModelCard(name="grey", version="1", threshold=0.611)
WARM = CARD.model_copy(update={"temperature": 2.0, "threshold": tempered_threshold(0.611, 2.0)})


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    return write_brightness(tmp_path / "grey.onnx", CARD)


def test_a_copy_is_tempered_as_its_card_says_and_draws_the_same_mask(grey, rng):
    before = grey.read_bytes()
    copy_with_card(grey, WARM, grey.with_name("warm.onnx"))
    old, new = load_predictor(grey), load_predictor(grey.with_name("warm.onnx"))
    pixels = rng.integers(0, 256, (31, 47, 3)).astype(np.uint8)
    assert grey.read_bytes() == before
    assert isinstance(new, Tempered)
    assert not isinstance(old, Tempered)
    assert new.card == WARM
    assert new.sha256 != old.sha256
    np.testing.assert_array_equal(new(pixels), temper(old(pixels), 2.0))
    np.testing.assert_array_equal(new(pixels) >= new.card.threshold, old(pixels) >= old.card.threshold)
    notes = {each.key: each.value for each in onnx.load(str(grey.with_name("warm.onnx"))).metadata_props}
    assert notes["note"] == "kept"


def test_of_a_run_folder_everything_is_copied_but_what_was_exported_with_the_old_card(tmp_path):
    run, out = tmp_path / "run", tmp_path / "new"
    (run / "spelling").mkdir(parents=True)
    for name in ("recipe.yaml", "weights.safetensors", "metrics.csv", "spelling/words.txt", "model.onnx"):
        (run / name).write_text(name)
    (run / "card.json").write_text(CARD.model_dump_json())
    copy_with_card(run, WARM, out)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "card.json", "metrics.csv", "recipe.yaml", "spelling/words.txt", "weights.safetensors",
    ]  # fmt: skip
    assert ModelCard.model_validate_json((out / "card.json").read_text()) == WARM


def test_nothing_is_overwritten_and_a_file_stays_a_file_of_its_kind(grey, tmp_path):
    with pytest.raises(CrackwiseError, match="is there already"):
        copy_with_card(grey, WARM, grey)
    with pytest.raises(ModelError, match=r"must end in \.onnx"):
        copy_with_card(grey, WARM, tmp_path / "folder")
