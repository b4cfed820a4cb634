"""Which models take part, and what runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crackwise.errors import ModelError
from crackwise.predictor import ModelCard
from crackwise.speed.subject import RUNTIMES, Subject, open_subject, subjects_of
from drawn_onnx import write_brightness

pytestmark = pytest.mark.openvino


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_brightness(tmp_path / "m.onnx", ModelCard(name="brightness", version="1")))


def test_every_model_comes_with_its_own_runtime_or_with_all_that_can_run_it(model: str, tmp_path: Path) -> None:
    run = str(tmp_path)
    assert subjects_of([model, run], []) == (Subject(model), Subject(run))
    assert subjects_of([model, run], list(RUNTIMES)) == (
        Subject(model, "onnxruntime"),
        Subject(model, "openvino"),
        Subject(run, "torch"),
    )


def test_what_cannot_be_run_is_one_sentence(model: str) -> None:
    with pytest.raises(ModelError, match="No runtime 'tensorflow'; there is onnxruntime"):
        subjects_of([model], ["tensorflow"])
    with pytest.raises(ModelError, match="run by none of torch"):
        subjects_of([model], ["torch"])
    with pytest.raises(ModelError, match=r"'http://host\.local' is run by none of torch"):
        subjects_of(["http://bob:hunter2@host.local"], ["torch"])
    with pytest.raises(ModelError, match="No model at"):
        open_subject(Subject("absent.onnx"), threads=1)


def test_openvino_reads_the_same_file_and_computes_the_same(
    model: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
    by_onnxruntime = open_subject(Subject(model, "onnxruntime"), threads=1)
    by_openvino = open_subject(Subject(model, "openvino"), threads=1)
    np.testing.assert_allclose(by_openvino(pixels), by_onnxruntime(pixels), atol=1e-6)
    assert by_openvino.card == by_onnxruntime.card
    assert (by_openvino.sha256, by_openvino.runtime) == (by_onnxruntime.sha256, "openvino")
    with pytest.raises(ModelError, match="No model at"):
        open_subject(Subject("absent.onnx", "openvino"), threads=1)
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="OpenVINO cannot open it"):
        open_subject(Subject(str(tmp_path / "broken.onnx"), "openvino"), threads=1)
