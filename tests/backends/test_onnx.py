"""Model files: good ones predict, others are refused in one sentence."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from crackwise import load_predictor
from crackwise.backends import BACKENDS
from crackwise.backends.onnx import CARD_KEY, load, runs
from crackwise.errors import CrackwiseError, ModelError
from crackwise.exported import open_exported
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard

DARKNESS = """
<ir_version: 9, opset_import: ["" : 18]>
darkness (uint8[height, width, 3] image) => (float[1, height, width] probabilities)
<int64[1] last = {2}, int64[1] first = {0}, float level = {75.0}, float gain = {0.06}>
{
    grey = Cast<to = 1>(image)
    mean = ReduceMean<keepdims = 0>(grey, last)
    below = Sub(level, mean)
    logit = Mul(below, gain)
    plane = Sigmoid(logit)
    probabilities = Unsqueeze(plane, first)
}
"""
CARD = ModelCard(name="darkness", version="1", tile_px=128, overlap_px=32)


def write_model(path: Path, text: str = DARKNESS, card: str | None = CARD.model_dump_json()) -> Path:
    model = parser.parse_model(text)
    if card is not None:
        onnx.helper.set_model_props(model, {CARD_KEY: card})
    onnx.save(model, path)
    return path


def test_a_model_file_predicts_and_says_what_it_is(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_model(tmp_path / "model.onnx")
    predictor = load_predictor(path)
    pixels = rng.integers(0, 256, (31, 47, 3), np.uint8)
    maps = predictor(pixels)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[0], 1 / (1 + np.exp((pixels.mean(axis=2) - 75) * 0.06)), atol=1e-6)
    assert predictor.card == CARD
    assert predictor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (predictor.runtime, predictor.precision) == ("onnxruntime", "f32")


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (5, 3000), (333, 517)])
def test_any_size_is_predicted(tmp_path: Path, shape: tuple[int, int]) -> None:
    predictor = load_predictor(str(write_model(tmp_path / "model.onnx")))
    assert predict_tiled(predictor, np.zeros((*shape, 3), np.uint8)).shape == (1, *shape)


def test_an_array_that_is_a_view_is_predicted_like_its_copy(tmp_path: Path, rng: np.random.Generator) -> None:
    predictor = load_predictor(write_model(tmp_path / "model.onnx"))
    pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
    np.testing.assert_array_equal(predictor(pixels[::2, 10:]), predictor(pixels[::2, 10:].copy()))


def test_the_numbers_do_not_depend_on_threads(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_model(tmp_path / "model.onnx")
    pixels = rng.integers(0, 256, (300, 400, 3), np.uint8)
    once = load_predictor(path, threads=1)(pixels)
    for threads in (1, 2, None):
        np.testing.assert_array_equal(load_predictor(path, threads=threads)(pixels), once)


def foreign(path: Path) -> None:
    write_model(path, card=None)


def newer_card(path: Path) -> None:
    write_model(path, card='{"name": "a", "version": "1", "colour": "green"}')


def card_of_words(path: Path) -> None:
    write_model(path, card="a card")


def cut(path: Path) -> None:
    write_model(path)
    path.write_bytes(path.read_bytes()[:-100])


def text(path: Path) -> None:
    path.write_text("no model")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_input(path: Path) -> None:
    write_model(path, DARKNESS.replace("image", "picture"))


@pytest.mark.parametrize("spoil", [foreign, newer_card, card_of_words, cut, text, empty, other_input])
def test_a_file_that_is_no_model_of_ours_is_refused_in_one_sentence(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    spoil(tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx") as caught:
        load_predictor(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", DARKNESS.replace("float gain = {0.06}", "float gain = {nan}"))
    with pytest.raises(ModelError, match="finite"):
        load(path)(np.zeros((5, 5, 3), np.uint8))


def test_maps_of_another_size_are_refused(tmp_path: Path) -> None:
    wrong = DARKNESS.replace("Unsqueeze(plane, first)", "Unsqueeze(plane, last)").replace(
        "[1, height, width] p", "[a, b, c] p"
    )
    with pytest.raises(ModelError, match="expected"):
        load(write_model(tmp_path / "model.onnx", wrong))(np.zeros((5, 6, 3), np.uint8))


def test_a_graph_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="darkness failed on a 6x5 picture"):
        load(write_model(tmp_path / "model.onnx"))(np.zeros((5, 6, 4), np.uint8))


@pytest.mark.parametrize("name", ["absent.onnx", "model.pth", "folder"])
def test_what_no_runtime_reads_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.pth").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=name):
        load_predictor(tmp_path / name)


def test_no_threads_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="threads"):
        load_predictor(write_model(tmp_path / "model.onnx"), threads=0)


def test_every_runtime_has_its_module() -> None:
    from importlib.util import find_spec

    assert all(find_spec(row.module) and row.summary for row in BACKENDS.values())


def test_the_packaged_model_is_there_by_two_names(rng: np.random.Generator) -> None:
    try:
        packaged = load_predictor()
    except CrackwiseError as error:
        pytest.skip(str(error))
    assert load_predictor("packaged").sha256 == packaged.sha256
    assert packaged.card.name.startswith("crackwise")
    for shape in ((1, 1), (5, 3000), (33, 65)):
        maps = predict_tiled(packaged, rng.integers(0, 256, (*shape, 3), np.uint8))
        assert maps.shape == (1, *shape)
        assert maps.min() >= 0
        assert maps.max() <= 1


def test_callers_at_the_same_time_have_a_copy_each_of_a_small_network(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    exported = open_exported(path)
    opened = 0

    def copy() -> onnxruntime.InferenceSession:
        nonlocal opened
        opened += 1
        assert exported.copy is not None
        return exported.copy()

    together = threading.Barrier(3)
    picture = np.full((40, 50, 3), 60, np.uint8)

    class Slow:
        """A session in which three callers meet."""

        def __init__(self, session: onnxruntime.InferenceSession) -> None:
            self.session = session

        def run(self, *arguments: object) -> list[np.ndarray]:
            together.wait(timeout=20)
            return self.session.run(*arguments)

    run = runs(exported._replace(session=Slow(exported.session), copy=lambda: Slow(copy())))
    with ThreadPoolExecutor(3) as pool:
        for _ in range(4):
            answers = list(pool.map(run, [picture] * 3))
            assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert opened == 2


def test_a_large_network_has_no_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crackwise.exported.COPIED_UP_TO_MB", 0)
    assert open_exported(write_model(tmp_path / "model.onnx")).copy is None
