"""Recipes of trainings that take seconds, and how a test kills one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crackwise.training.recipe import Recipe


def short_recipe(folder: Path, model: dict[str, Any], **changes: Any) -> Recipe:
    """Three epochs of four steps on a drawn set; changes of ``data``, ``optim`` and ``trainer`` are laid over these."""
    values: dict[str, Any] = {
        "name": "drawn",
        "seed": 3,
        "model": model,
        "data": {
            "train": [f"{folder}:train"],
            "val": [f"{folder}:val"],
            "batch_size": 2,
            "steps_per_epoch": 4,
            "augment": {"crop_px": 64},
        },
        "optim": {"lr": 3e-3, "epochs": 3},
        "trainer": {"accelerator": "cpu", "threads": 1},
    }
    for section, change in changes.items():
        values[section] = values[section] | change if section in ("data", "optim", "trainer") else change
    return Recipe.parse(values, "test")


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@contextmanager
def killed_at(owner: type, hook: str, call: int) -> Iterator[None]:
    """What runs inside dies as it calls a method for the ``call``-th time."""
    calls, real = 0, getattr(owner, hook)

    def dies(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, hook, dies)
        with pytest.raises(Killed):
            yield
