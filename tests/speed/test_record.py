"""Numbers of timings, and the score that stands beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.predictor import ModelCard
from crackwise.speed.clock import Timing
from crackwise.speed.record import Asked, common_score, record_of, text_table

MACHINE = {
    "processor": "a <slow> one", "cores": 2, "system": "Linux", "python": "3", "versions": {"numpy": "2"},
    "load_before": 0.1, "load_after": 1.0, "busy": False,
}  # fmt: skip


class Silent:
    runtime, precision = "numpy", "f32"

    def __init__(self, name: str, sha256: str, **scores: dict[str, Any]) -> None:
        self.card = ModelCard(name=name, version="1", scores=scores, parameters=7)
        self.sha256 = sha256

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        raise AssertionError("nobody asks")


def timing(factor: float) -> Timing:
    """Two rounds; the second on a machine half as fast."""
    return Timing(2, [[factor, 3 * factor], [2 * factor, 6 * factor]], [factor, 2 * factor], [1 / factor, 0.5 / factor])


@pytest.fixture
def record() -> dict[str, Any]:
    quick = {"deepcrack:val": {"iou": 0.9}, "deepcrack:test": {"iou": 0.6, "f1@2": 0.8}}
    slow = {"deepcrack:val": {"iou": 0.9}, "deepcrack:test": {"iou": 0.7, "f1@2": 0.9, "pictures": 3}}
    predictors = [Silent("slow", "a" * 64, **slow), Silent("quick", "b" * 64, **quick), Silent("quick", "c" * 64)]
    timings = [timing(8.0), timing(2.0), timing(4.0)]
    return record_of(predictors, timings, [120.0, 30.5, None], Asked(448, 1, 2, 2), MACHINE)


def test_ratios_are_those_within_each_round(record: dict[str, Any]) -> None:
    slow, quick, other = record["models"]
    assert quick["times_the_first"] == {"p50_ms": 0.25, "cpu_ms": 0.25, "per_s": 4.0}
    assert slow["times_the_first"] == {"p50_ms": 1.0, "cpu_ms": 1.0, "per_s": 1.0}
    assert (slow["calls"], slow["p50_ms"], slow["cpu_ms"], slow["per_s"]) == (4, 20.0, 8.0, 0.12)
    assert slow["p50_ms"] < slow["p99_ms"] < 48
    assert (quick["name"], other["name"]) == ("quick 1 #1", "quick 1 #2")


def test_the_score_is_one_that_most_cards_tell_of_a_test_set(record: dict[str, Any]) -> None:
    assert record["score"] == {"set": "deepcrack:test", "name": "f1@2"}
    assert [model["accuracy"] for model in record["models"]] == [0.9, 0.8, None]
    assert common_score([ModelCard(name="a", version="1")]) is None


def test_the_table_has_a_line_for_each_model(record: dict[str, Any]) -> None:
    heads, *lines = text_table(record)
    assert heads.split()[:3] == ["model", "runtime", "precision"]
    assert [line.split()[0] for line in lines] == ["slow", "quick", "quick"]
    assert lines[1].split()[-2:] == ["30.5", "0.25"]
    assert len({len(line) for line in (heads, *lines)}) == 1


def test_the_page_shows_everything(record: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from crackwise.speed.page import write_speed

    write_speed(record, tmp_path)
    assert json.loads((tmp_path / "speed.json").read_text(encoding="utf-8")) == record
    page = (tmp_path / "speed.html").read_text(encoding="utf-8")
    assert "a &lt;slow&gt; one" in page
    assert "<svg" in page
    assert page.count('<tr><th scope="row">') == 3
    assert "was busy" not in page
    for model in record["models"]:
        model["accuracy"] = None
    write_speed(record | {"score": None, "machine": MACHINE | {"busy": True}}, tmp_path / "plain")
    page = (tmp_path / "plain" / "speed.html").read_text(encoding="utf-8")
    assert "<svg" not in page
    assert "was busy" in page
