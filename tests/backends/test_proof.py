"""An export is compared on what was asked for, else on the sets that its card names, else on drawn photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from crackwise.backends.proof import find_proof, spread
from crackwise.backends.shown import FEWEST, drawn, drawn_photo
from crackwise.errors import DataError, ModelError
from crackwise.predictor import DataTerms, ModelCard
from drawn_onnx import write_brightness


def write(path: Path, *validation: str) -> Path:
    data = tuple(DataTerms(name=name, terms="none", role="val") for name in validation)
    return write_brightness(path, ModelCard(name="drawn", version="1", data=data))


def test_the_validation_set_of_the_card_is_shown_where_it_is_there(tmp_path: Path, drawn_set: Path) -> None:
    model = write(tmp_path / "model.onnx", f"{drawn_set}:val", "deepcrack:val")
    shown = find_proof(model, precision="f32", root=tmp_path).shown
    assert shown is not None
    assert shown.name == f"4 of {drawn_set}:val"
    assert all(picture.target is not None for picture in shown)
    filled = shown.filled()
    assert filled.name == f"4 of {drawn_set}:val, 16 drawn"
    assert len(list(filled)) == FEWEST
    assert find_proof(write(tmp_path / "other.onnx", "deepcrack:val"), precision="f32", root=tmp_path).shown is None


def test_a_folder_of_photographs_needs_no_labels(tmp_path: Path) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(tmp_path / "photos" / "deep" / f"{number}.png"), drawn_photo(40, 50, seed=number))
    proof = find_proof(write(tmp_path / "model.onnx"), precision="bf16", parity_on=[str(tmp_path / "photos")])
    assert proof.shown is not None
    assert proof.shown.name == f"3 of {tmp_path / 'photos'}"
    assert [picture.target for picture in proof.shown] == [None] * 3
    assert proof.calibration is None


def test_int8_never_is_judged_on_photographs_that_gave_it_ranges(tmp_path: Path, drawn_set: Path) -> None:
    model = write(tmp_path / "model.onnx", f"{drawn_set}:val")
    given = find_proof(model, precision="int8", calibrate_on=[f"{drawn_set}:train"])
    own = find_proof(model, precision="int8")
    for proof, count in ((given, 8), (own, 4)):
        assert proof.shown is not None
        assert proof.calibration is not None
        seen = [{picture.pixels.tobytes() for picture in part} for part in proof]
        assert len(seen[0]) == len(seen[1]) == count // 2
        assert not seen[0] & seen[1]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"precision": "int8"}, DataError, "pass --calibrate-on SET"),
        ({"precision": "f32", "calibrate_on": ["walls"]}, ModelError, "--calibrate-on is for --precision int8"),
        ({"precision": "f32", "parity_on": ["nowhere"]}, DataError, "No data set at 'nowhere'"),
        ({"precision": "int8", "calibrate_on": ["nowhere"]}, DataError, "No data set at 'nowhere'"),
    ],
)
def test_what_is_not_there_is_named(
    options: dict[str, object], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        find_proof(write(tmp_path / "model.onnx"), **options)  # type: ignore[arg-type]


def test_few_of_many_are_taken_at_even_distances() -> None:
    assert spread(range(9), 3) == [0, 4, 8]
    assert spread("ab", 3) == ["a", "b"]


def test_enough_photographs_are_enough() -> None:
    assert drawn(FEWEST).filled().name == f"{FEWEST} drawn"
    assert [picture.pixels.shape[:2] for picture in drawn(1)] == [(64, 64)]
