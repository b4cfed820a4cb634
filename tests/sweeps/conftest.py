"""A page of a sweep whose runs take a second each, on a drawn set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from crackwise.sweeps.run import Order, open_order

WritePage = Callable[..., Path]


@pytest.fixture
def write_page(tmp_path: Path, drawn_set: Path) -> WritePage:
    """Writes ``small.yaml``, a training of one step, and a sweep beside it that is judged on the drawn validation."""
    recipe = {
        "name": "small",
        "seed": 3,
        "model": {"name": "hrsegnet", "options": {"base": 2, "depth": 1}},
        "data": {
            "train": [f"{drawn_set}:train"],
            "val": [f"{drawn_set}:val"],
            "batch_size": 2,
            "steps_per_epoch": 1,
            "augment": {"crop_px": 32},
        },
        "optim": {"lr": 0.003, "epochs": 1},
        "trainer": {"accelerator": "cpu", "threads": 1},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(recipe))

    def write(**values: Any) -> Path:
        case = {"data": f"{drawn_set}:val", "scores": ["per_image_crack_iou", "f1@2"], "threshold": 0.05}
        page = {"name": "tried", "base": "small.yaml", "evaluate": [case]} | values
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in page.items() if value is not None}))
        return path

    return write


@pytest.fixture
def order_of(write_page: WritePage, tmp_path: Path) -> Callable[..., Order]:
    """The order of such a page, into the folder ``out``."""
    return lambda *settings, **values: open_order(write_page(**values), tmp_path / "out", settings)
