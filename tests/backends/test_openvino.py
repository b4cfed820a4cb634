"""OpenVINO's pairs of files: good ones predict, others are refused in one sentence."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crackwise import load_predictor
from crackwise.backends import openvino, openvino_export
from crackwise.backends.openvino import PINS, pin_of, read_notes, weights_of, write_notes
from crackwise.backends.recard import copy_with_card
from crackwise.backends.shown import drawn_photo
from crackwise.errors import CrackwiseError, ModelError
from crackwise.imaging.files import sha256_of
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard
from crackwise.trust.temperature import Tempered
from drawn_onnx import write_smoothed

pytestmark = pytest.mark.openvino

CARD = ModelCard(name="smoothed", version="1", tile_px=128, overlap_px=32, summary='"<Größe>" & more')


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``.xml`` of a model, and beside it its ``.bin`` and the ``.onnx`` it was made of."""
    folder = tmp_path_factory.mktemp("pair")
    source = write_smoothed(folder / "model.onnx", CARD)
    openvino_export.rewrite(source, folder / "model.xml", CARD, precision="f32", fixed_px=None)
    return folder / "model.xml"


@pytest.fixture
def copied(pair: Path, tmp_path: Path) -> Path:
    """Files that a test may spoil."""
    for path in (pair, weights_of(pair)):
        shutil.copy(path, tmp_path)
    return tmp_path / pair.name


def test_a_pair_of_files_predicts_and_says_what_it_is(pair: Path) -> None:
    predictor, reference = load_predictor(pair), load_predictor(pair.with_suffix(".onnx"))
    for size in ((1, 1), (1, 300), (5, 300), (133, 97)):
        photo = drawn_photo(*size, seed=1)
        maps = predictor(photo)
        assert (maps.dtype, maps.shape) == (np.float32, (1, *size))
        np.testing.assert_allclose(maps, reference(photo), rtol=0, atol=1e-5)
    assert predictor.card == CARD
    assert (predictor.runtime, predictor.precision) == ("openvino", "f32")
    assert predictor.sha256 == sha256_of(pair)
    photo = drawn_photo(300, 500, seed=2)
    np.testing.assert_allclose(predict_tiled(predictor, photo), predict_tiled(reference, photo), rtol=0, atol=1e-5)


def test_an_array_that_is_a_view_is_predicted_like_its_copy(pair: Path) -> None:
    predictor, photo = load_predictor(pair), drawn_photo(80, 90, seed=3)
    np.testing.assert_array_equal(predictor(photo[::2, 10:]), predictor(photo[::2, 10:].copy()))


def test_the_numbers_depend_neither_on_threads_nor_on_who_else_asks(pair: Path) -> None:
    photos = [drawn_photo(100 + 10 * seed, 150, seed=seed) for seed in range(8)]
    alone = [load_predictor(pair, threads=1)(photo).tobytes() for photo in photos]
    for threads in (1, 2, None):
        predictor = load_predictor(pair, threads=threads)
        with ThreadPoolExecutor(4) as pool:
            assert [maps.tobytes() for maps in pool.map(predictor, photos)] == alone


def flipped(path: Path) -> None:
    weights = bytearray(weights_of(path).read_bytes())
    weights[len(weights) // 2] ^= 1
    weights_of(path).write_bytes(weights)


def cut_weights(path: Path) -> None:
    weights_of(path).write_bytes(weights_of(path).read_bytes()[:-4])


def short_weights(path: Path) -> None:
    notes = read_notes(path)
    cut_weights(path)
    write_notes(path, notes._replace(weights=sha256_of(weights_of(path))))


def without_weights(path: Path) -> None:
    weights_of(path).unlink()


def cut_graph(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def text(path: Path) -> None:
    path.write_text("no model")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_text(path.read_text().replace("crackwise", "other"))


def no_graph(path: Path) -> None:
    notes = read_notes(path)
    path.write_text('<net name="a" version="11"><layers/><edges/></net>')
    write_notes(path, notes)


def other_input(path: Path) -> None:
    path.write_text(path.read_text().replace('names="image"', 'names="picture"'))


def newer_card(path: Path) -> None:
    write_notes_of(path, card='{"name": "a", "version": "1", "colour": "green"}')


def unknown_precision(path: Path) -> None:
    write_notes_of(path, precision="f4")


def write_notes_of(path: Path, **changes: str) -> None:
    write_notes(path, read_notes(path)._replace(**changes))


@pytest.mark.parametrize(
    "spoil",
    [
        *(flipped, cut_weights, short_weights, without_weights, cut_graph, text, empty, foreign, no_graph, other_input),
        *(newer_card, unknown_precision),
    ],
)
def test_a_pair_that_is_no_model_of_ours_is_refused_in_one_sentence(copied: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    spoil(copied)
    with pytest.raises(ModelError, match=r"model\.(xml|bin)") as caught:
        load_predictor(copied)
    assert "\n" not in str(caught.value)


def test_a_graph_that_fails_is_named(pair: Path) -> None:
    with pytest.raises(ModelError, match="smoothed failed on a 6x5 picture"):
        load_predictor(pair)(np.zeros((5, 6, 4), np.uint8))


def test_it_takes_no_prompts(pair: Path) -> None:
    with pytest.raises(ModelError, match="takes no prompts"):
        load_predictor(pair, prompts=("crack",))


def test_a_precision_is_pinned_or_refused() -> None:
    abilities, path = ("FP32", "INT8"), Path("model.xml")
    assert {name: pin.hint for name, pin in PINS.items()} == {"f32": "f32", "f16": "f16", "bf16": "bf16", "int8": "f32"}
    assert pin_of("f32", abilities, path).told == "f32"
    assert pin_of("f16", abilities, path) == openvino.IN_F32
    assert pin_of("f16", (*abilities, "FP16"), path).told == "f16"
    with pytest.raises(ModelError, match=r"is for bf16, and this processor computes in f32, int8\. Export it again"):
        pin_of("bf16", abilities, path)


def test_another_card_is_another_file_with_the_same_weights(pair: Path, tmp_path: Path) -> None:
    warm = CARD.model_copy(update={"temperature": 2.0, "summary": "warm"})
    copy_with_card(pair, warm, tmp_path / "warm.xml")
    predictor = load_predictor(tmp_path / "warm.xml")
    assert isinstance(predictor, Tempered)
    assert predictor.card == warm
    assert predictor.sha256 != sha256_of(pair)
    assert weights_of(tmp_path / "warm.xml").read_bytes() == weights_of(pair).read_bytes()
    with pytest.raises(ModelError, match=r"must end in \.xml"):
        copy_with_card(pair, warm, tmp_path / "warm.onnx")
    with pytest.raises(CrackwiseError, match="is there already"):
        copy_with_card(pair, warm, tmp_path / "warm.xml")
