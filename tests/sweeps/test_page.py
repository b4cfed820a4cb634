"""The page of a sweep shows every run beside its published number, believes no name, and opens without a network."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from crackwise.sweeps.chart import Point, cost_chart, step_of
from crackwise.sweeps.page import render_page
from crackwise.sweeps.table import to_csv

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EVIL = "<script>document.title='owned'</script>"


def cell(value: float | None, published: float | None = None) -> dict[str, Any]:
    there = None not in (value, published)
    return {
        "value": value,
        "low": None if value is None else value - 0.02,
        "high": None if value is None else value + 0.02,
        "published": published,
        "difference": round(value - published, 6) if there and value and published else None,
        "difference_low": None,
        "difference_high": None,
    }


def run(seed: int, cells: list[dict[str, Any]], state: str = "finished", error: str | None = None) -> dict[str, Any]:
    facts = {"folder": f"runs/a/seed{seed}", "core_minutes": 12.5, "validation_score": 0.7, "threshold": 0.4}
    return {"seed": seed, "state": state, "error": error, "cells": cells, **facts}


def row(name: str, runs: list[dict[str, Any]], cells: list[dict[str, Any]], learn: int) -> dict[str, Any]:
    done = sum(each["state"] == "finished" for each in runs)
    return {
        "name": name,
        "swept": {"tuning": "lora:4"},
        "finished": done,
        "parameters_total": 637_179_886,
        "parameters_trainable": learn,
        "published_parameters_M": 637.2,
        "published_note": "",
        "core_minutes": 12.5 if done else None,
        "validation_score": 0.7 if done else None,
        "cells": cells,
        "runs": runs,
    }


def record_of_two(cost: str = "parameters_trainable") -> dict[str, Any]:
    """A run with two seeds, one of another name that failed, and two columns, one of them unlike the published."""
    column = {
        "case": "cfd",
        "score": "per_image_crack_iou",
        "title": "crack IoU",
        "averaging": "per image",
        "over": "all",
        "tolerance_px": 0,
        "definition": "mean of each picture's IoU",
        "threshold": 0.5,
        "pictures": 118,
        "photographs": 110,
        "leaking": 3,
        "published": "IoU",
        "differences": [],
    }
    other = column | {"case": "road420", "leaking": 0, "differences": ["threshold: ours 0.5, published 0.3"]}
    cells = [cell(0.62, 0.64), cell(0.4, 0.6)]
    alone = {"scores": {"IoU": 0.55}, "parameters_M": 54.0, "note": ""}
    return {
        "name": "ranks",
        "summary": "Two ranks.",
        "cost": cost,
        "intervals": {"method": "bootstrap", "confidence": 0.95, "resamples": 2000},
        "published": {
            "table": "t",
            "source": "A paper, table 3",
            "notes": ["One run per number."],
            "differs": ["Another order."],
            "rows_alone": {"VGG": alone},
        },
        "columns": [column, other],
        "rows": [
            row("r=4", [run(0, cells), run(1, cells)], cells, 4_439_278),
            row(EVIL, [run(0, [cell(None)] * 2, "failed", "RuntimeError: out of memory")], [cell(None, 0.6)] * 2, 9),
        ],
    }


def test_the_page_says_what_was_found_and_what_keeps_it_apart() -> None:
    text = re.sub(r"\s+", " ", render_page(record_of_two()))
    for said in (
        "0.620",
        "0.600 \u2013 0.640",
        "-0.020",
        "4,439,278",
        "637.2 M",
        "mean of 2 seeds",
        "118 pictures of 110 photographs",
        "3 of them met in training",
        "out of memory",
        "published alone",
        "A paper, table 3",
        "One run per number.",
        "Another order.",
        "threshold: ours 0.5, published 0.3",
    ):
        assert said in text, said
    assert text.count("≠ 1") == 1
    assert "range apart" in text.split("0.400")[1].split("</td>")[1]
    assert EVIL not in text
    assert "document.title" in text
    assert not re.search(r"<script|https?://", text)


def test_values_are_told_where_the_name_does_not() -> None:
    record = record_of_two()
    several = {f"optim.{name}": 1 for name in "abcd"}
    for name, swept, shown in (
        ("lr=0.1", {"optim.lr": 0.1}, []),
        ("trial 000", {"optim.lr": 0.1}, ["optim.lr=0.1"]),
        ("full", several, ["4 values of its own", "optim.d=1"]),
        ("plain", {}, []),
    ):
        record["rows"] = [record["rows"][0] | {"name": name, "swept": swept}]
        text = render_page(record)
        assert [said for said in ("optim.lr=0.1", "4 values of its own", "optim.d=1") if said in text] == shown


def test_a_sweep_without_published_numbers_or_cases_has_a_page_too() -> None:
    record = record_of_two("core_minutes") | {"published": None, "columns": [], "rows": []}
    assert "≠" not in render_page(record)
    bare = record_of_two("core_minutes")
    columns = [column | {"published": None, "differences": [], "pictures": None} for column in bare["columns"]]
    text = render_page(bare | {"published": None, "columns": columns})
    assert "ours \u2013 theirs" not in text
    assert "not judged yet" in text


def test_the_csv_has_a_row_per_run_and_one_that_joins_seeds() -> None:
    lines = to_csv(record_of_two()).splitlines()
    assert [line.split(",")[1] for line in lines] == ["seed", "0", "1", "mean", "0"]
    assert "cfd: per_image_crack_iou: difference" in lines[0]
    assert '"threshold: ours 0.5, published 0.3"' in lines[1]
    assert "as published" in lines[1]


def test_the_plot_puts_higher_scores_higher_and_dearer_runs_to_the_right() -> None:
    points = [Point(1, "a", 1e4, 0.5, 0.45, 0.55, 0.52), Point(2, "b", 1e7, 0.7, math.nan, math.nan, math.nan)]
    svg = cost_chart(points, cost="parameters", score="crack IoU")
    ours = [(float(x), float(y)) for x, y in re.findall(r'class="ours" cx="([\d.]+)" cy="([\d.]+)"', svg)]
    (ring,) = re.findall(r'class="published" cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert ours[0][0] < ours[1][0]
    assert ours[0][1] > ours[1][1]
    assert float(ring[0]) == ours[0][0]
    assert ours[1][1] < float(ring[1]) < ours[0][1]
    assert svg.count('class="interval"') == 1
    assert ">100 k<" in svg
    assert cost_chart([], cost="x", score="y") == ""


def test_one_run_alone_is_drawn() -> None:
    for cost in (0.0, 5.0):
        svg = cost_chart([Point(1, "a", cost, 0.5, math.nan, math.nan, math.nan)], cost="minutes", score="F1")
        assert svg.count('class="ours"') == 1
        assert "nan" not in svg


@pytest.mark.parametrize(("span", "step"), [(1, 0.2), (0.04, 0.01), (7, 2), (0.5, 0.1), (2.4, 0.5)])
def test_steps_of_the_grid_are_round(span: float, step: float) -> None:
    assert step_of(span) == pytest.approx(step)


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_it_opens_in_a_browser(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    (tmp_path / "sweep.html").write_text(render_page(record_of_two()))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.goto((tmp_path / "sweep.html").as_uri())
        assert page.title() == "Sweep ranks"
        assert page.locator("svg.chart circle.ours").count() == 1
        assert messages == []
        browser.close()
