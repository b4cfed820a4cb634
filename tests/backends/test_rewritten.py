"""A model file becomes another: in another format, precision or for one size; one that lost too much never appears."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from crackwise.backends import load_predictor, onnx_file, openvino, openvino_export
from crackwise.backends.export import FORMATS, export
from crackwise.backends.parity import LIMITS
from crackwise.backends.proof import find_proof
from crackwise.backends.shown import drawn_photo
from crackwise.errors import ModelError
from crackwise.imaging.files import sha256_of
from crackwise.predictor import ModelCard
from drawn_onnx import write_smoothed

pytestmark = pytest.mark.openvino

CARD = ModelCard(name="smoothed", version="1", tile_px=256, overlap_px=32)
KINDS = [("onnx", "f32"), ("onnx", "f16"), ("openvino", "f32"), ("openvino", "f16"), ("openvino", "bf16")]


@pytest.fixture
def smoothed(tmp_path: Path) -> Path:
    return write_smoothed(tmp_path / "smoothed.onnx", CARD)


def able(precision: str) -> bool:
    """Whether this processor computes so."""
    ov = pytest.importorskip("openvino")
    return openvino.PINS[precision].ability in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize(("to", "precision"), KINDS)
def test_a_file_becomes_another_and_tells_what_it_lost(to: str, precision: str, smoothed: Path) -> None:
    if precision == "bf16" and not able("bf16"):
        pytest.skip("this processor does not compute in bf16")
    if (to, precision) == ("onnx", "f32"):
        with pytest.raises(ModelError, match="is that file already"):
            export(smoothed, to)
        return
    exported = export(smoothed, to, precision=precision)
    mark = "" if precision == "f32" else f"-{precision}"
    assert exported.path == smoothed.with_name(f"smoothed{mark}{FORMATS[to].suffix}")
    predictor = load_predictor(exported.path, threads=1)
    parity = exported.parity
    assert predictor.card == CARD.model_copy(update={"parity": (parity,)})
    assert (parity.runtime, parity.precision) == (predictor.runtime, predictor.precision)
    assert (parity.photographs, parity.pictures, parity.f1) == ("20 drawn", 20, None)
    assert parity.largest_difference <= LIMITS[precision].largest_difference
    assert parity.clear_agreement >= LIMITS[precision].clear_agreement
    assert parity.cracks[0] > 20
    assert parity.median_width_px is not None
    assert parity.median_width_px[1] == pytest.approx(parity.median_width_px[0], rel=0.01)
    assert sorted(p.suffix for p in smoothed.parent.iterdir()) == sorted(
        [".onnx", *((".bin", ".xml") if to == "openvino" else (".onnx",))]
    )


def test_half_the_weights_are_half_the_bytes_and_the_arithmetic_is_told(tmp_path: Path) -> None:
    path = write_smoothed(tmp_path / "wide.onnx", CARD, channels=100)
    graph = export(path, "onnx", precision="f16").path
    pair = export(path, "openvino", precision="f16")
    assert graph.stat().st_size < 0.6 * path.stat().st_size
    assert pair.weights is not None
    assert pair.weights.stat().st_size < 0.6 * path.stat().st_size
    assert load_predictor(graph).precision == "f32, weights f16"
    assert load_predictor(pair.path).precision == ("f16" if able("f16") else "f32, weights f16")
    with pytest.raises(ModelError, match="has lost precision already"):
        export(graph, "openvino")


def scale_onnx(path: Path) -> None:
    """One weight of all is another."""
    model = onnx.load(path)
    (mix,) = (tensor for tensor in model.graph.initializer if tensor.name.startswith("mix"))
    weights = numpy_helper.to_array(mix).copy()
    weights[0, 0, 1, 1] *= 1.5
    mix.CopyFrom(numpy_helper.from_array(weights, mix.name))
    onnx.save(model, path)


def scale_openvino(path: Path) -> None:
    """One weight of all is another, and the file knows of it."""
    notes = openvino.read_notes(path)
    kind = np.float16 if notes.precision == "f16" else np.float32
    weights = np.frombuffer(openvino.weights_of(path).read_bytes(), np.uint8)
    values = weights[: len(weights) // 4 * 4].copy().view(kind)
    values[np.nanargmin(np.where(np.abs(values.astype("f4")) < 100, values.astype("f4"), 0))] *= 1.5
    openvino.weights_of(path).write_bytes(values.tobytes() + weights[len(weights) // 4 * 4 :].tobytes())
    openvino.write_notes(path, notes._replace(weights=sha256_of(openvino.weights_of(path))))


@pytest.mark.parametrize(("to", "precision"), KINDS)
def test_a_file_with_one_weight_changed_is_refused_and_nothing_is_left(
    to: str, precision: str, smoothed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if precision == "bf16" and not able("bf16"):
        pytest.skip("this processor does not compute in bf16")
    writer, spoil = (openvino_export, scale_openvino) if to == "openvino" else (onnx_file, scale_onnx)
    right = writer.rewrite

    def wrong(onnx_path: Path, out: Path, card: ModelCard, **options: object) -> None:
        right(onnx_path, out, card, **options)  # type: ignore[arg-type]
        spoil(out)

    monkeypatch.setattr(writer, "rewrite", wrong)
    out = tmp_path / "out" / f"broken{FORMATS[to].suffix}"
    with pytest.raises(ModelError, match=r"file differs from .* f32: .*Nothing was written"):
        export(smoothed, to, out, precision=precision)
    assert not list(out.parent.iterdir())


def test_a_file_that_takes_red_for_blue_is_refused_on_drawn_walls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right, swapped = onnx_file.rewrite, tmp_path / "swapped.onnx"

    def wrong(onnx_path: Path, out: Path, card: ModelCard, **options: object) -> None:
        model = onnx.load(onnx_path)
        first = next(node.input[1] for node in model.graph.node if node.op_type == "Conv")
        (mix,) = (tensor for tensor in model.graph.initializer if tensor.name == first)
        mix.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(mix)[:, ::-1].copy(), mix.name))
        onnx.save(model, swapped)
        right(swapped, out, card, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_file, "rewrite", wrong)
    with pytest.raises(ModelError, match=r"f16 onnx file differs from .*masks agree on"):
        export("packaged", "onnx", tmp_path / "out.onnx", precision="f16")


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_a_graph_of_one_size_takes_any_photograph(to: str, smoothed: Path) -> None:
    exported = export(smoothed, to, fixed_px=(96, 128))
    assert exported.path.stem == "smoothed-128x96"
    fixed, free = load_predictor(exported.path, threads=1), load_predictor(smoothed, threads=1)
    assert fixed.card.fixed_px == (96, 128)
    for size in ((96, 128), (97, 128), (300, 129), (500, 700)):
        photo = drawn_photo(*size, seed=4)
        np.testing.assert_allclose(fixed(photo), free(photo), rtol=0, atol=1e-4)
    for size in ((50, 60), (96, 60), (1, 1), (40, 400)):
        photo = drawn_photo(*size, seed=5)
        maps = fixed(photo)
        assert maps.shape == (1, *size)
        inner = np.s_[:, 2:-2, 2:-2]  # beyond its edge the filled photograph goes on, and the other is black
        np.testing.assert_allclose(maps[inner], free(photo)[inner], rtol=0, atol=1e-4)
    if to == "openvino":
        return
    again = export(exported.path, "openvino", exported.path.with_name("again.xml"))
    assert load_predictor(again.path).card.fixed_px == (96, 128)
    assert len(load_predictor(again.path).card.parity) == 2
    with pytest.raises(ModelError, match="takes pictures of 128x96 px only"):
        export(exported.path, "openvino", fixed_px=(64, 64))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8_is_calibrated_on_one_half_of_a_set_and_judged_on_the_other(smoothed: Path, drawn_set: Path) -> None:
    proof = find_proof(smoothed, precision="int8", calibrate_on=[f"{drawn_set}:train"])
    assert proof.shown is not None
    assert proof.calibration is not None
    exported = export(smoothed, "openvino", precision="int8", shown=proof.shown, calibration=proof.calibration)
    predictor = load_predictor(exported.path, threads=1)
    assert (predictor.runtime, predictor.precision) == ("openvino", "int8")
    assert exported.parity.f1 is not None
    assert exported.parity.f1[1] > exported.parity.f1[0] - 0.005 > 0.3
    assert "photographs that gave no ranges, 16 drawn" in exported.parity.photographs
    text = exported.path.read_text()
    assert "FakeQuantize" in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8_that_lost_cracks_is_refused(smoothed: Path, drawn_set: Path) -> None:
    for path in (drawn_set / "images" / "val").iterdir():
        cv2.imwrite(str(path), np.zeros((64, 64, 3), np.uint8))  # ranges of the night
    proof = find_proof(smoothed, precision="int8", calibrate_on=[f"{drawn_set}:val"], parity_on=[f"{drawn_set}:train"])
    with pytest.raises(ModelError, match=r"int8 openvino file differs.*F1 falls from"):
        export(smoothed, "openvino", precision="int8", shown=proof.shown, calibration=proof.calibration)
    assert sorted(path.name for path in smoothed.parent.iterdir()) == ["smoothed.onnx", "walls"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "tflite"}, "Cannot export to 'tflite'; there is onnx, openvino, tensorrt"),
        ({"precision": "int8"}, "onnx is written in f32, f16, not in 'int8'; --to openvino has it"),
        ({"precision": "f8"}, "there is no such precision"),
        ({"to": "openvino", "precision": "int8"}, "pass --calibrate-on SET"),
        ({"to": "openvino", "fixed_px": (0, 5)}, "at least 1x1, not 5x0"),
        ({"to": "openvino", "out": "model.onnx"}, "A file for openvino ends in .xml"),
        ({"to": "tensorrt"}, "choose it: --input 448x448"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str, smoothed: Path) -> None:
    with pytest.raises(ModelError, match=said):
        export(smoothed, **options)  # type: ignore[arg-type]


def test_a_file_of_another_runtime_is_no_source(smoothed: Path) -> None:
    with pytest.raises(ModelError, match=r"Only run folders and \.onnx files are exported"):
        export(export(smoothed, "openvino").path, "onnx")
    with pytest.raises(ModelError, match="No model at"):
        export(smoothed.with_name("absent.onnx"))


def test_old_cards_are_read_as_before(smoothed: Path) -> None:
    card = CARD.model_dump(exclude={"parity", "fixed_px"})
    assert ModelCard.model_validate(card) == CARD
