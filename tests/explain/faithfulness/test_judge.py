"""A model that looks only at one corner: every method that sees it is judged faithful, chance is not."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crackwise.data.folder import open_items
from crackwise.errors import DataError
from crackwise.explain.faithfulness.judge import FAITHFULNESS, Conditions, fitting, judge
from crackwise.explain.faithfulness.record import to_csv, write_judged
from crackwise.explain.heat import Options
from crackwise.explain.run import model_record
from crackwise.explain.subject import subject_of
from crackwise.explain.table import EXPLAINERS
from known_networks import CornerNet, as_subject, corner_mask, dark_corner

CONDITIONS = Conditions(Options(features="patches", baseline="mean", samples=60), steps=5, forgotten=1)


@pytest.fixture
def corners(tmp_path: Path) -> str:
    """Two pictures whose label is the corner, and a white one."""
    for kind in ("images", "masks"):
        (tmp_path / "corners" / kind).mkdir(parents=True)
    for i in range(3):
        picture = dark_corner() if i < 2 else np.full((64, 64, 3), 240, np.uint8)
        picture[40, 20 + i] = 0
        cv2.imwrite(str(tmp_path / "corners" / "images" / f"{i}.png"), picture)
        cv2.imwrite(str(tmp_path / "corners" / "masks" / f"{i}.png"), 255 * corner_mask().astype(np.uint8) * (i < 2))
    return str(tmp_path / "corners")


def test_every_method_is_judged_faithful_to_the_corner_but_chance(corners: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    subject, lines = as_subject(CornerNet(), "resnet50"), list[str]()  # judged as a classifier
    judged = judge(subject, open_items(corners), list(EXPLAINERS), CONDITIONS, told=lines.append)
    assert any("no crack predicted, left out" in line for line in lines)
    by_method = {method: [j for j in judged if j.method == method] for method in {j.method for j in judged}}
    assert set(by_method) == {"gradcam", "seg_gradcam", "kernelshap", "chance"}
    for method, each in by_method.items():
        assert len(each) == 2
        assert each[0].curves.deletion[0] == 1
        scores = each[0].scores
        assert set(scores) == set(FAITHFULNESS)
        if method == "chance":
            assert scores["deletion"] > 0.2
            assert scores["energy"] < 0.15
            assert scores["forgetting"] == pytest.approx(1)
            assert abs(scores["repeats"]) < 0.6
        else:
            assert scores["deletion"] < 0.15
            assert scores["insertion"] > 0.85
            assert scores["points"] == 1
            assert scores["energy"] > 0.85
            assert scores["overlap"] > 0.5
    assert by_method["kernelshap"][0].scores["repeats"] > 0.9
    assert np.isnan(by_method["gradcam"][1].stages).all()

    record = write_judged(judged, [model_record(subject)], "corners", CONDITIONS, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "faithfulness.json").read_text()) == json.loads(json.dumps(record))
    assert record["schema"] == "crackwise.faithfulness/1"
    assert len(record["pictures"]) == 8
    page = (tmp_path / "out" / "faithfulness.html").read_text()
    assert page.count("<svg") == 2
    assert "deletion AUC" in page
    assert to_csv(record).count("\n") == 1 + 4 * len(FAITHFULNESS)
    assert all(score["photographs"] == 2 for score in [record["found"]["known"]["gradcam"]["scores"]["energy"]])


def test_what_a_model_has_no_answer_for_is_left_out(corners: str) -> None:
    file = subject_of("packaged", "packaged")
    assert fitting(file, list(EXPLAINERS)) == ["kernelshap", "activation", "probability", "chance"]
    with pytest.raises(DataError, match="predicts no crack in any of 1 pictures"):
        judge(as_subject(CornerNet()), open_items(corners)[2:], ["chance"], CONDITIONS)
