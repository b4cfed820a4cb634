"""Models by test sets: what a model has met is left out, means are of unseen sets, every number is on the map."""

import csv
import io
import json
import shutil
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.data.folder import open_items
from crackwise.errors import DataError
from crackwise.evaluation.bootstrap import Estimate
from crackwise.evaluation.matrix import Cell, Matrix, Row, fill_row, kinship, mean_of_sets, to_csv, to_json
from crackwise.evaluation.matrix_page import draw_heat_map, write_matrix
from crackwise.predictor import DataTerms, ModelCard
from crackwise.report.plot import to_svg


class DarkIsCrack:
    sha256, runtime, precision = "0" * 64, "test", "f32"

    def __init__(self, *trained_on, threshold=0.5):
        data = tuple(DataTerms(name=str(name), terms="drawn") for name in trained_on)
        self.card = ModelCard(name="dark", version="1", threshold=threshold, data=data)

    def __call__(self, pixels):
        return (1 - pixels.mean(axis=2, dtype=np.float32) / 255)[None]


def draw_set(folder, count, seed):
    """Walls of 48 px with one dark zigzag each, and darker dirt that is none on every second."""
    rng = np.random.default_rng(seed)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i in range(count):
        steps = rng.integers(0, 48, (4, 1, 2)).astype(np.int32)
        mask = cv2.polylines(np.zeros((48, 48), np.uint8), [steps], False, 255, 2)
        wall = np.clip(rng.normal(180, 8, (48, 48, 1)).repeat(3, 2) - 130 * (mask[..., None] > 0), 0, 255)
        wall[:6, : 6 * (i % 2)] = 30
        cv2.imwrite(str(folder / "images" / f"{folder.name}{i}.png"), wall.astype(np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{folder.name}{i}.png"), mask)
    return folder


@pytest.fixture
def walls(tmp_path):
    return draw_set(tmp_path / "walls", 5, 0)


@pytest.fixture
def roads(tmp_path):
    return draw_set(tmp_path / "roads", 4, 1)


def row(predictor, *folders, score="pooled_crack_iou"):
    return fill_row(predictor, {str(folder): open_items(str(folder)) for folder in folders}, score)


def test_a_planted_copy_of_a_training_picture_is_found_and_left_out(tmp_path, walls, roads):
    learnt = draw_set(tmp_path / "learnt", 3, 2)
    planted = cv2.imread(str(roads / "images" / "roads2.png"))
    cv2.imwrite(str(learnt / "images" / "planted.jpg"), cv2.flip(planted, 1))
    shutil.copy(roads / "masks" / "roads2.png", learnt / "masks" / "planted.png")
    cells = row(DarkIsCrack(learnt), walls, roads).cells
    leaky, clean = cells[str(roads)], cells[str(walls)]
    assert (leaky.left_out, leaky.estimate.pictures, leaky.kinship) == (1, 3, "trained on")
    assert (clean.left_out, clean.estimate.pictures, clean.kinship) == (0, 5, "unseen")
    assert clean.checked == leaky.checked == (str(learnt),)


def test_a_cell_is_empty_where_the_model_has_met_every_picture(walls, roads):
    found = row(DarkIsCrack(walls), walls, roads)
    assert (found.cells[str(walls)].estimate, found.cells[str(walls)].left_out) == (None, 5)
    assert list(found.unseen) == [str(roads)]
    assert found.unseen_mean[:3] == pytest.approx(found.cells[str(roads)].estimate[:3])


def test_training_parts_that_are_not_at_hand_are_named(walls):
    cell = row(DarkIsCrack("lost:train"), walls).cells[str(walls)]
    assert (cell.checked, cell.absent) == ((), ("lost:train",))


def test_kinship_goes_by_what_the_card_names():
    learnt_walls = ModelCard(name="a", version="1", data=(DataTerms(name="rissbilder:train", terms=""),))
    assert kinship(learnt_walls, "rissbilder:test", 0) == "trained on"
    assert kinship(learnt_walls, "volker:test", 0) == "trained on"  # cut from the same photographs
    assert kinship(learnt_walls, "cfd:fold0/test", 0) == "unseen"
    assert kinship(learnt_walls, "cfd:fold0/test", 2) == "trained on"
    assert kinship(ModelCard(name="b", version="1"), "cfd", 0) == "unknown"


def test_the_mean_of_sets_is_as_sure_as_their_intervals_let_it_be():
    one, other = Estimate(0.6, 0.5, 0.8, 20, 10), Estimate(0.8, 0.4, 0.9, 30, 30)
    mean = mean_of_sets([one, other])
    assert mean.value == pytest.approx(0.7)
    assert mean.low == pytest.approx(0.7 - np.hypot(0.1, 0.4) / 2)
    assert mean.high == pytest.approx(0.7 + np.hypot(0.2, 0.1) / 2)
    assert (mean.pictures, mean.photographs) == (50, 40)
    assert mean_of_sets([one])[:3] == pytest.approx(one[:3])
    assert np.isnan(mean_of_sets([one, other._replace(low=np.nan)]).low)


def test_an_unknown_score_is_refused(walls):
    with pytest.raises(DataError, match="pooled_crack_iou"):
        row(DarkIsCrack(), walls, score="iou")


def test_pictures_judged_as_wholes_have_a_matrix_too(walls):
    cell = row(DarkIsCrack(), walls, score="accuracy").cells[str(walls)]
    assert cell.estimate.value == 1
    assert cell.kinship == "unknown"


def drawn(score="pooled_crack_iou"):
    number, nothing = Estimate(0.612, 0.55, 0.67, 40, 30), Estimate(np.nan, np.nan, np.nan, 3, 3)
    first = {
        "deepcrack:test": Cell(number, 20, "trained on", ("deepcrack:train",), ()),
        "cfd": Cell(number._replace(value=0.123), 0, "unseen", ("deepcrack:train",), ("lost:train",)),
        "crack500:test": Cell(number._replace(value=0.987), 0, "unseen", ("deepcrack:train",), ()),
    }
    second = {
        "deepcrack:test": Cell(None, 237, "trained on", ("all",), ()),
        "cfd": Cell(nothing, 0, "unseen", ("all",), ()),
        "crack500:test": Cell(number, 0, "unknown", (), ()),
    }
    rows = Row("<small> 1", ("deepcrack:train",), 0.4, first), Row("large 2", (), 0.6, second)
    return Matrix(score, rows, 0)


def test_the_heat_map_shows_every_number_in_both_lights():
    svg = str(to_svg(draw_heat_map(drawn()), "a heat map"))
    ElementTree.fromstring(svg.replace("xlink:href", "href"))
    for text in (".612", ".123", ".987", "without 20", "not defined", "known", "no unseen", "0.555", "2 sets"):
        assert text in svg, text
    assert "currentColor" in svg
    assert "<image" not in svg


def test_scores_that_are_no_shares_and_single_cells_are_drawn():
    assert draw_heat_map(drawn("area_ratio"))
    (first, _) = drawn().rows
    alone = Row("one", (), 0.5, {"cfd": first.cells["cfd"]})
    assert draw_heat_map(Matrix("false_alarm_px_per_megapixel", (alone,), 0))


def test_files_hold_the_same_numbers(tmp_path):
    matrix = drawn()
    write_matrix(matrix, tmp_path)
    record = json.loads((tmp_path / "matrix.json").read_text())
    assert record == json.loads(json.dumps(to_json(matrix)))
    assert record["schema"] == "crackwise.matrix/1"
    first, second = record["rows"]
    assert first["unseen_sets"] == ["cfd", "crack500:test"]
    assert first["unseen_mean"]["value"] == pytest.approx((0.123 + 0.987) / 2)
    assert second["cells"]["deepcrack:test"]["estimate"] is None
    assert second["unseen_mean"] is None
    lines = list(csv.DictReader(io.StringIO(to_csv(matrix))))
    assert len(lines) == 2 * 4
    assert lines[3]["set"] == "mean over unseen sets"
    assert float(lines[1]["value"]) == 0.123
    assert lines[4]["value"] == ""
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "matrix.html").read_text()
    assert "&lt;small&gt; 1" in page
    assert "<script" not in page


def test_the_command_writes_the_matrix(tmp_path, walls, roads):
    asked = ["matrix", "packaged", "--data", str(walls), "--data", str(roads), "--score", "f1@2"]
    said = CliRunner().invoke(app, [*asked, "--root", str(tmp_path), "--out", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    (only,) = json.loads((tmp_path / "out" / "matrix.json").read_text())["rows"]
    assert only["unseen_sets"] == [str(walls), str(roads)]
    assert only["cells"][str(walls)]["absent"]
    assert only["unseen_mean"]["pictures"] == 9
