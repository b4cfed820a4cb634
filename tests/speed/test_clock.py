"""Models take turns, and every call is counted once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.backends.shown import drawn_photo
from crackwise.predictor import ModelCard
from crackwise.speed import clock
from crackwise.speed.clock import LEAST_CALLS, MOST_CALLS, WARM_UP, time_in_turns


class Listed:
    """Writes its name down whenever it is asked."""

    sha256, runtime, precision = "0" * 64, "numpy", "f32"

    def __init__(self, name: str, calls: list[str]) -> None:
        self.card = ModelCard(name=name, version="1")
        self.calls = calls

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.calls.append(self.card.name)
        return np.zeros((1, *pixels.shape[:2]), np.float32)


def test_models_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "TURN_S", 0.0)
    calls: list[str] = []
    timings = time_in_turns([Listed("a", calls), Listed("b", calls)], drawn_photo(32, 32, seed=0), rounds=2, callers=1)
    turn = ["a"] * LEAST_CALLS + ["b"] * LEAST_CALLS
    assert calls == ["a"] * WARM_UP + ["b"] * WARM_UP + 2 * 2 * turn
    for timing in timings:
        assert [len(taken) for taken in timing.latency_ms] == [LEAST_CALLS] * 2
        assert len(timing.cpu_ms) == len(timing.per_s) == 2
        assert min(timing.per_s) > 0


def test_a_quick_model_is_called_often_but_not_without_end() -> None:
    (timing,) = time_in_turns([Listed("a", [])], drawn_photo(32, 32, seed=0), rounds=1, callers=2)
    assert timing.calls == MOST_CALLS


def test_the_wall_is_the_same_every_time() -> None:
    wall = drawn_photo(64, 64, seed=0)
    assert wall.shape == (64, 64, 3)
    assert np.array_equal(wall, drawn_photo(64, 64, seed=0))
    assert wall.min() < 80 < 150 < wall.mean()
