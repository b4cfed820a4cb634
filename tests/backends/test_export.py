"""An exported file computes what torch computes, at any size, and carries its card."""

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from crackwise.backends import load_predictor, pytorch
from crackwise.backends.export import (
    PARITY_SIZES_PX,
    Parity,
    drawn_photo,
    export,
    measure_parity,
    torch_runs,
)
from crackwise.backends.onnx_export import quietly, to_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model
from crackwise.predictor import ModelCard
from published_sizes import CRACKSAM_TABLE_7

WriteRun = Callable[[Path, str, dict[str, object]], Path]
CARD = ModelCard(name="drawn", version="1", classes=("crack",), threshold=0.5, tile_px=256)

BESIDES: dict[str, dict[str, object]] = {"hrsegnet": {"variant": "tiled"}}
"""Options beside those that make a network small."""


def case(name: str) -> object:
    """A row of MODELS; those to compare with are many, and much alike."""
    slow = [pytest.mark.slow] if "compar" in MODELS[name].build else []
    return pytest.param(name, {**MODELS[name].small, **BESIDES.get(name, {})}, id=name, marks=slow)


def published_cases() -> list[object]:
    """The same networks, as large as they were published."""
    marks = [pytest.mark.full, pytest.mark.slow]
    return [pytest.param(p.model, p.options, id=f"{p.name}-published", marks=marks) for p in CRACKSAM_TABLE_7]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("name", "options"), [*map(case, MODELS), *published_cases()])
def test_a_row_exports_with_parity(name: str, options: dict[str, object], tmp_path: Path) -> None:
    graph = PixelsToProbabilities(build_model(name, **options)).eval()
    runs = to_onnx(graph, CARD, tmp_path / "model.onnx")
    parity = measure_parity(torch_runs(graph), runs, threshold=0.5)
    assert parity.largest_difference < 1e-4
    assert parity.mask_agreement >= 0.9999
    assert runs(drawn_photo(7, 5, seed=9)).shape == (1, 7, 5)
    check_interface(onnx.load(tmp_path / "model.onnx"))


def test_an_exported_reader_holds_what_it_read_and_not_how(tmp_path: Path) -> None:
    graph = PixelsToProbabilities(build_model("clipseg", ("crack", "drywall joint"), size="tiny")).eval()
    to_onnx(graph, CARD, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert not [tensor.name for tensor in model.graph.initializer if ".text" in tensor.name]


def check_interface(model: onnx.ModelProto) -> None:
    def sides(value: onnx.ValueInfoProto) -> list[str | int]:
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    (image,), (probabilities,) = model.graph.input, model.graph.output
    assert (image.name, sides(image)) == ("image", ["height", "width", 3])
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert (probabilities.name, sides(probabilities)) == ("probabilities", [1, "height", "width"])
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    (card,) = [p.value for p in model.metadata_props if p.key == "crackwise.card"]
    assert ModelCard.model_validate_json(card) == CARD


def test_a_run_folder_becomes_one_file_that_predicts_the_same(tmp_path: Path, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "run", "hrsegnet", {"base": 8, "depth": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported = export(run)
    assert exported.path == run / "model.onnx"
    assert exported.parity.photo_sizes_px == PARITY_SIZES_PX
    assert str(tmp_path).encode() not in exported.path.read_bytes()

    photo = drawn_photo(131, 77, seed=3)
    predictor = pytorch.load(run, threads=1)
    field = load_predictor(exported.path, threads=1)
    np.testing.assert_allclose(predictor(photo), field(photo), rtol=0, atol=1e-5)
    assert (predictor.runtime, predictor.precision, predictor.card) == ("torch", "f32", CARD)
    assert field.card == CARD
    assert len(predictor.sha256) == 64
    assert predictor(photo).dtype == np.float32


def test_the_cheap_order_is_what_is_exported(tmp_path: Path) -> None:
    def pixels_projected(options: dict[str, object]) -> list[str]:
        graph = PixelsToProbabilities(build_model("hrsegnet", base=4, depth=1, **options)).eval()
        to_onnx(graph, CARD, tmp_path / "model.onnx")
        nodes = {output: node for node in onnx.load(tmp_path / "model.onnx").graph.node for output in node.output}
        return [nodes[n.input[0]].op_type for n in nodes.values() if n.op_type == "Resize"]

    assert pixels_projected({}).count("Conv") == 4  # three projections and the head
    assert pixels_projected({"project_first": False}).count("Conv") == 1


def test_a_result_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "run", "hrsegnet", {"base": 4, "depth": 1})
    monkeypatch.setattr("crackwise.backends.export.LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(ModelError, match="differs from torch: probabilities by"):
        export(run, "onnx", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crackwise.backends.onnx_export.LARGEST_ONNX_BYTES", 10_000)


@pytest.mark.usefixtures("small_files")
def test_weights_beyond_what_a_file_holds_go_to_a_second_one(tmp_path: Path, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "run", "hrsegnet", {"base": 16, "depth": 1})
    exported = export(run)
    (weights,) = run.glob("*.weights")
    assert exported.weights == weights
    assert exported.path.stat().st_size < weights.stat().st_size
    assert sorted(path.name for path in run.iterdir() if "onnx" in path.name or "part" in path.name) == ["model.onnx"]

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(exported.path, moved / "renamed.onnx")
    with pytest.raises(ModelError, match=r"its \.weights file, if it was exported with one, is not beside it"):
        load_predictor(moved / "renamed.onnx")
    shutil.copy(weights, moved)
    photo, predictor = drawn_photo(131, 77, seed=3), load_predictor(moved / "renamed.onnx", threads=1)
    np.testing.assert_allclose(pytorch.load(run, threads=1)(photo), predictor(photo), rtol=0, atol=1e-5)

    damaged = bytearray(weights.read_bytes())
    damaged[5000] ^= 1
    (moved / weights.name).write_bytes(damaged)
    with pytest.raises(ModelError, match=r"model-[0-9a-f]{8}\.weights' is damaged, or of another model"):
        load_predictor(moved / "renamed.onnx")


@pytest.mark.usefixtures("small_files")
def test_two_files_that_differ_from_torch_are_both_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "run", "hrsegnet", {"base": 16, "depth": 1})
    monkeypatch.setattr("crackwise.backends.export.LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(ModelError, match="differs from torch"):
        export(run, "onnx", tmp_path / "out" / "model.onnx")
    assert not list((tmp_path / "out").iterdir())


def test_an_unknown_format_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Cannot export to 'tflite'; there is onnx"):
        export(tmp_path, "tflite")


def test_parity_counts_every_pixel() -> None:
    def half(pixels: np.ndarray) -> np.ndarray:
        return np.full((1, *pixels.shape[:2]), 0.4, np.float32)

    def off_in_one_corner(pixels: np.ndarray) -> np.ndarray:
        maps = half(pixels)
        maps[0, 0, 0] = 0.6
        return maps

    total = sum(h * w for h, w in PARITY_SIZES_PX)
    parity = measure_parity(half, off_in_one_corner, threshold=0.5)
    assert parity == Parity(pytest.approx(0.2), 1 - len(PARITY_SIZES_PX) / total, PARITY_SIZES_PX)
    with pytest.raises(ModelError, match="where torch returns"):
        measure_parity(half, lambda pixels: half(pixels)[:, 1:], threshold=0.5)


def test_an_exporter_is_kept_quiet_and_its_logger_left_as_it_was() -> None:
    logger = logging.getLogger("onnxscript")
    before = logger.level
    with quietly("onnxscript"):
        assert not logger.isEnabledFor(logging.WARNING)
    assert logger.level == before


def test_a_network_that_torch_cannot_write_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun
) -> None:
    def decides_by_content(self: PixelsToProbabilities, image: torch.Tensor) -> torch.Tensor:
        return image.float() if image.sum() > 0 else -image.float()

    run = write_run(tmp_path / "run", "hrsegnet", {"base": 8})
    monkeypatch.setattr(PixelsToProbabilities, "forward", decides_by_content)
    with pytest.raises(ModelError, match="torch cannot write"):
        export(run)
    assert not (run / "model.onnx").exists()
