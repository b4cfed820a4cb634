"""Published numbers stand beside ours, with what keeps them apart; every sweep of the repository is whole."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from crackwise.errors import RecipeError
from crackwise.models import model_options
from crackwise.sweeps.config import Case, Sweep
from crackwise.sweeps.published import PublishedColumn, PublishedTable, differences, load_published
from crackwise.sweeps.run import counted, open_order
from crackwise.training.recipe import read_values

FOLDER = Path(__file__).parents[2] / "recipes" / "sweeps"
SWEEPS = sorted(FOLDER.glob("[a-z]*.yaml"))
OURS = {"benchmark", "distillation", "small"}
"""Sweeps that no paper has numbers of."""
COMPARED = [path for path in SWEEPS if path.stem not in OURS]
TABLES: dict[str, Any] = json.loads((FOLDER / "published.json").read_text())["tables"]
ALONE = {"hrsegnet/CrackSeg9k": {"HrSegNet-B48 (journal)", "DeepLabV3+ R101", "DeepLabV3+ R101 + DINO"}}
"""Published rows without a run of ours."""


def case(**changes: Any) -> Case:
    return Case.model_validate({"data": "cfd", "scores": ["per_image_crack_iou"], "threshold": 0.5} | changes)


COLUMN = PublishedColumn(score="per_image_crack_iou", data="cfd", threshold=0.5)


def test_the_same_protocol_may_be_compared() -> None:
    assert list(differences(case(), "per_image_crack_iou", COLUMN)) == []


@pytest.mark.parametrize(
    ("changes", "score", "said"),
    [
        ({"data": "deepcrack:test"}, "per_image_crack_iou", "pictures: ours deepcrack:test, published cfd"),
        ({"threshold": None}, "per_image_crack_iou", "threshold: ours chosen on validation, published 0.5"),
        ({"noise": "dark"}, "per_image_crack_iou", "noise: ours dark, published none"),
        ({"open_close": True}, "per_image_crack_iou", "opened and closed: ours yes, published no"),
        ({}, "pooled_crack_iou", "score: ours crack IoU (pooled, over all pictures), published crack IoU (per image,"),
        ({}, "cracked_crack_iou", "score: ours crack IoU (per image, over cracked pictures)"),
        ({}, "f1@2", "F1 within 2 px (pooled, over all pictures, within 2 px)"),
        ({}, "recall", "score: ours recall (whole pictures, over cracked pictures), published crack IoU (per image,"),
    ],
)
def test_every_difference_of_protocol_is_said(changes: dict[str, Any], score: str, said: str) -> None:
    (text,) = differences(case(**changes), score, COLUMN)
    assert said in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"table": "t9"}, "has no table 't9'; there is t1"),
        ({"file": "lost.json"}, "Cannot read"),
        ({"column": "Rec"}, "t1 has no column 'Rec'; there is IoU"),
        ({"run": "r=9"}, "name the runs as the rows of t1: r=1"),
        ({"score": "iuo"}, "no score named 'iuo'"),
    ],
)
def test_a_table_that_does_not_fit_is_named(tmp_path: Path, change: dict[str, str], named: str) -> None:
    column = {"score": change.get("score", "per_image_crack_iou"), "data": "cfd"}
    table = {"source": "a paper", "columns": {"IoU": column}, "rows": {"r=1": {"scores": {"IoU": 0.5}}}}
    (tmp_path / "published.json").write_text(json.dumps({"source": "papers", "tables": {"t1": table}}))
    values = {
        "name": "n",
        "runs": {change.get("run", "r=1"): {"recipe": "a.yaml"}},
        "evaluate": [{"data": "cfd", "scores": {"per_image_crack_iou": change.get("column", "IoU")}}],
        "published": {"table": change.get("table", "t1"), "file": change.get("file", "published.json")},
    }
    with pytest.raises(RecipeError, match=re.escape(named)):
        load_published(Sweep.model_validate(values), tmp_path / "sweep.yaml")


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("cracksam/T1", "dim=32", "IoU", 0.6495),
        ("cracksam/T2", "s=1", "Facade390_IoU", 0.4313),
        ("cracksam/T3", "r=4", "F1", 0.7639),
        ("cracksam/T4", "q", "Concrete3k_IoU", 0.6562),
        ("cracksam/T5", "head_only", "Pr", 0.6951),
        ("cracksam/T6", "LoRA ViT-B", "Re", 0.7823),
        ("cracksam/T7", "CrackSAM_LoRA", "noise1", 0.5782),
        ("cracksam/T7", "DeepLabV3+ ResNet-50", "Road420", 0.3918),
        ("cracksam/TB.1", "HRNet-W18", "noise2", 0.4134),
        ("classification", "ResNet-50 after", "AUROC", 0.94828),
        ("classification", "ViT-B/16 after", "crack recall", 0.9972),
        ("clipseg/T1", "joint LoRA", "segment wall crack: mIoU", 0.6851),
        ("clipseg/T2", "joint LoRA", "overall: Dice", 0.6166),
        ("clipseg/T3", "joint LoRA", "segment drywall seam: mIoU", 0.5024),
        ("clipseg/T4", "full fine-tuning", "overall: mIoU", 0.5295),
        ("clipseg/T5", "full fine-tuning", "segment wall crack: Dice", 0.7691),
        ("hrsegnet/CrackSeg9k", "HrSegNet-B16", "mIoU", 0.7843),
    ],
)
def test_the_copied_numbers_are_those_of_the_papers(table: str, row: str, column: str, value: float) -> None:
    assert TABLES[table]["rows"][row]["scores"][column] == value


@pytest.mark.parametrize("name", TABLES)
def test_every_published_table_is_whole(name: str) -> None:
    table = PublishedTable.model_validate(TABLES[name])
    assert table.source
    assert table.notes
    for row in table.rows.values():
        assert row.scores.keys() <= table.columns.keys()
        assert all(0 <= value <= 1 for value in row.scores.values())


def test_every_table_has_a_sweep() -> None:
    assert {read_values(path)["published"]["table"] for path in COMPARED} == TABLES.keys()
    assert {path.stem for path in SWEEPS} == OURS | {
        *(f"cracksam_table{n}" for n in (1, 2, 3, 4, 5, 6, 7, "_b1")),
        *(f"clipseg_table{n}" for n in (1, 2, 3, 4, 5)),
        "classification",
        "hrsegnet",
    }


@pytest.mark.parametrize("path", COMPARED, ids=lambda path: path.stem)
def test_every_published_row_has_a_run_and_every_column_a_score(path: Path) -> None:
    page = read_values(path)
    table = TABLES[page["published"]["table"]]
    assert page["runs"].keys() >= table["rows"].keys() - ALONE.get(page["published"]["table"], set())
    shown = [column for case in page["evaluate"] for column in case["scores"].values() if column]
    assert len(set(shown)) == len(shown)
    assert {column for row in table["rows"].values() for column in row["scores"]} - set(shown) <= {"crack F1"}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_says_where_it_is_from_what_to_expect_and_what_it_costs(path: Path) -> None:
    comment = " ".join(takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines()))
    assert set(re.findall(r"[#.] (Source|Expect|Cost)\b.*?: \S", comment)) == {"Source", "Expect", "Cost"}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_of_the_repository_can_be_ordered(path: Path, tmp_path: Path) -> None:
    order = open_order(path, tmp_path)
    assert (order.published is None) == (path.stem in OURS)
    for arm in order.samples():
        model = arm.runs[0].recipe.model
        assert model.options.keys() <= model_options(model.name).keys()


def test_sweeps_of_cracksam_are_measured_as_published(tmp_path: Path) -> None:
    for path in (path for path in SWEEPS if path.stem.startswith("cracksam")):
        order = open_order(path, tmp_path)
        assert order.published is not None
        for each in order.sweep.evaluate:
            for score, column in each.scores.items():
                assert column is not None
                assert list(differences(each, score, order.published.columns[column])) == []


def test_the_counts_of_a_sweep_are_the_published_ones(tmp_path: Path) -> None:
    counts = counted(open_order(FOLDER / "cracksam_table3.yaml", tmp_path))
    assert {name: (count.trainable, count.total) for name, count in counts.items()} == {
        "r=1": (3_947_758, 636_688_366),
        "r=4": (4_439_278, 637_179_886),
        "r=8": (5_094_638, 637_835_246),
        "r=16": (6_405_358, 639_145_966),
    }
