"""A network that becomes a file computes there what torch computes, at any size, and carries its card."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from crackwise.backends import load_predictor, openvino_export, pytorch
from crackwise.backends.export import drawn_photo, export
from crackwise.backends.onnx_export import to_onnx
from crackwise.backends.parity import LIMITS, NEAR
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.models import MODELS, build_model
from crackwise.predictor import ModelCard
from published_sizes import CRACKSAM_TABLE_7

pytestmark = pytest.mark.openvino

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
def test_a_row_exports_with_parity_to_onnx_and_openvino(name: str, options: dict[str, object], tmp_path: Path) -> None:
    graph = PixelsToProbabilities(build_model(name, **options)).eval()
    path = tmp_path / "model.onnx"
    to_onnx(graph, CARD, path)
    check_interface(onnx.load(path))
    openvino_export.rewrite(path, path.with_suffix(".xml"), CARD, precision="f32", fixed_px=None)
    files = [load_predictor(path, threads=1), load_predictor(path.with_suffix(".xml"), threads=1)]
    for seed, size in enumerate(((7, 5), (64, 64), (97, 161), (200, 133), (333, 517))):
        photo = drawn_photo(*size, seed=seed)
        with torch.inference_mode():
            expected = graph(torch.from_numpy(photo)).numpy()
        for predictor in files:
            maps = predictor(photo)
            np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4)
            clear = np.abs(expected - 0.5) > NEAR
            assert np.sum(((maps >= 0.5) != (expected >= 0.5)) & clear) <= 1e-4 * np.sum(clear)


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
    assert (exported.path, exported.weights) == (run / "model.onnx", None)
    assert (exported.parity.reference, exported.parity.pictures) == ("torch f32", 20)
    assert str(tmp_path).encode() not in exported.path.read_bytes()

    photo = drawn_photo(131, 77, seed=3)
    predictor = pytorch.load(run, threads=1)
    field = load_predictor(exported.path, threads=1)
    np.testing.assert_allclose(predictor(photo), field(photo), rtol=0, atol=1e-5)
    assert (predictor.runtime, predictor.precision, predictor.card) == ("torch", "f32", CARD)
    assert field.card == CARD.model_copy(update={"parity": (exported.parity,)})
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


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crackwise.backends.onnx_file.LARGEST_ONNX_BYTES", 10_000)


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
    monkeypatch.setitem(LIMITS, "f32", LIMITS["f32"]._replace(largest_difference=-1.0))
    with pytest.raises(ModelError, match="differs from torch f32: probabilities by"):
        export(run, "onnx", tmp_path / "out" / "model.onnx")
    assert not list((tmp_path / "out").iterdir())


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
