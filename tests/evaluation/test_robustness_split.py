"""The fourth part of a four-way split is scored beside the third, by the same command."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.sweeps.config import load_sweep

RECIPES = Path(__file__).parents[2] / "recipes"


def run(*arguments):
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.output


@pytest.fixture
def patches(tmp_path):
    """``ccic``: 40 patches, a quarter of them cracked, in four parts."""
    rng = np.random.default_rng(0)
    for own, count in (("Positive", 10), ("Negative", 30)):
        (tmp_path / "ccic" / own).mkdir(parents=True)
        for i in range(count):
            patch = rng.normal(180, 6, (32, 32, 1)).repeat(3, 2)
            patch[14:17] -= 150 * (own == "Positive")
            cv2.imwrite(str(tmp_path / "ccic" / own / f"{i}.png"), np.clip(patch, 0, 255).astype(np.uint8))
    report = tmp_path / "ccic" / "report.csv"
    run("data", "split", "ccic", "--root", tmp_path, "--out", report, "--fractions", "0.4,0.2,0.2,0.2", "--stratify")
    return tmp_path


def test_the_robustness_part_is_scored_beside_test(patches):
    parts = [argument for part in ("test", "robustness") for argument in ("--data", f"ccic:report/{part}")]
    run("evaluate", "packaged", *parts, "--root", patches, "--out", patches / "scores")
    sets = json.loads((patches / "scores" / "scores.json").read_text())["sets"]
    assert list(sets) == ["ccic:report/test", "ccic:report/robustness"]
    for judged in sets.values():
        assert (judged["judgements"]["all"]["pictures"], judged["judgements"]["all"]["cracked_pictures"]) == (8, 2)
        assert 0 <= judged["judgements"]["all"]["scores"]["accuracy"]["value"] <= 1


def test_the_page_of_the_report_scores_it_of_both_sets():
    cases = [case.data for case in load_sweep(RECIPES / "sweeps" / "classification.yaml").evaluate]
    assert sorted(cases) == sorted(
        f"{of}:report/{part}" for of in ("ccic", "sdnet2018") for part in ("test", "robustness")
    )
