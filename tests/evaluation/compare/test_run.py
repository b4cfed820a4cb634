"""Several results to files: verdicts, pictures and failures of drawn models that are known."""

import csv
import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.errors import DataError
from crackwise.evaluation.compare.pictures import choose
from crackwise.evaluation.compare.run import Wanted, compare_results
from evaluation.compare.conftest import crack, draw_walls, leave


def thick(i):
    return crack(i, 12)


def shifted_on_one(i):
    return crack(i, row=50) if i == 2 else crack(i)


def blind(i):
    return crack(9)


@pytest.fixture(scope="module")
def walls(tmp_path_factory):
    return draw_walls(tmp_path_factory.mktemp("set") / "walls")


@pytest.fixture(scope="module")
def results(tmp_path_factory, walls):
    models = {"good 1": shifted_on_one, "<thick> 1": thick, "blind 1": blind}
    folder = tmp_path_factory.mktemp("results")
    return [leave(folder / name, walls, masks) for name, masks in models.items()]


@pytest.fixture(scope="module")
def compared(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    compare_results(results, out, scores=["pooled_crack_iou", "false_alarm_share"])
    return out


def test_the_record_says_who_is_above_whom(compared, walls):
    record = json.loads((compared / "compare.json").read_text())
    assert record["schema"] == "crackwise.comparison/1"
    on_walls = record["sets"][str(walls)]
    verdicts = [pair["verdict"] for pair in on_walls["scores"]["pooled_crack_iou"]["pairs"]]
    assert verdicts == ["good 1 above <thick> 1", "good 1 above blind 1", "<thick> 1 above blind 1"]
    few = on_walls["scores"]["false_alarm_share"]["pairs"][0]
    assert few["verdict"] == "no verdict on good 1 and <thick> 1: one photograph says nothing about others"
    assert few["difference"]["low"] is None


def test_rows_hold_the_same_numbers(compared, walls):
    record = json.loads((compared / "compare.json").read_text())["sets"][str(walls)]["scores"]
    rows = list(csv.DictReader((compared / "compare.csv").read_text().splitlines()))
    assert len(rows) == 2 * 3
    for row, pair in zip(rows, [p for score in record.values() for p in score["pairs"]], strict=True):
        assert (row["first"], row["second"], row["outcome"]) == (pair["first"], pair["second"], pair["outcome"])
        assert float(row["difference"]) == pytest.approx(
            float(row["first_value"]) - float(row["second_value"]), abs=2e-6
        )
        assert float(row["p_holm"]) == pair["p_holm"]


def test_failures_are_of_the_kinds_they_were_drawn_as(compared, walls):
    failures = json.loads((compared / "compare.json").read_text())["sets"][str(walls)]["failures"]
    kinds = {
        model: {kind for kind, found in of["kinds"].items() if found["pictures"]} for model, of in failures.items()
    }
    assert kinds["<thick> 1"] == {"too_thick"}
    assert kinds["blind 1"] == {"missed"}
    assert failures["blind 1"]["pictures"] == 8
    assert failures["good 1"]["pictures"] == 1


def test_the_page_and_the_figure_show_every_model(compared):
    page = (compared / "compare.html").read_text()
    assert "&lt;thick&gt; 1" in page
    assert "<thick>" not in page
    assert "<script" not in page
    assert "good 1 above blind 1" in page
    assert "mask too thick" in page
    (figure,) = compared.glob("pictures_*.png")
    pixels = cv2.imread(str(figure))
    assert pixels.shape[1] > 5 * 200
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_the_same_seed_writes_the_same_bytes(results, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        compare_results(results, out, scores=["pooled_crack_iou"], wanted=Wanted(2, failures=1))
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_without_the_photographs_there_are_numbers_only(tmp_path):
    results = [leave(tmp_path / name, "cfd", crack) for name in ("a", "b")]
    (only,) = compare_results(results, tmp_path / "out", scores=["pooled_crack_iou"], root=tmp_path)
    assert only.failures is None
    assert only.rivals["pooled_crack_iou"].pairs[0].verdict == "no difference shown between a and b"
    assert "--root" in (tmp_path / "out" / "compare.html").read_text()
    assert not list((tmp_path / "out").glob("pictures_*"))


def test_pictures_go_from_most_to_least_disagreement():
    ious = {"a": np.array([0.9, 0.1, np.nan, 0.5, 0.6]), "b": np.array([0.9, 0.8, np.nan, 0.6, 0.3])}
    assert choose(ious, 3) == [1, 3, 0] or choose(ious, 3) == [1, 4, 0]
    assert choose(ious, 4) == [1, 4, 3, 0]
    assert choose(ious, 9) == [1, 4, 3, 0, 2]
    assert choose(ious, 1) == [1]
    assert choose(ious, 0) == []


def test_pictures_are_shown_by_name(results, tmp_path, walls):
    compare_results(results, tmp_path / "out", scores=["f1@2"], wanted=Wanted(names=("w2", "walls/w8"), failures=0))
    page = (tmp_path / "out" / "compare.html").read_text()
    assert page.count('alt="photograph of ') == 2
    assert "photograph of walls/w8" in page
    with pytest.raises(DataError, match="'w77'"):
        compare_results(results, tmp_path / "out", scores=["f1@2"], wanted=Wanted(names=("w77",)))


def test_the_command_prints_verdicts(results, tmp_path):
    said = CliRunner().invoke(app, ["compare", *map(str, results), "--out", str(tmp_path / "o"), "--score", "f1@5"])
    assert said.exit_code == 0, said.output
    assert "good 1 above blind 1 (difference +" in said.output
    assert (tmp_path / "o" / "compare.html").is_file()


def test_an_unknown_score_is_refused(results, tmp_path):
    with pytest.raises(DataError, match="pooled_crack_iou"):
        compare_results(results, tmp_path, scores=["iou"])
