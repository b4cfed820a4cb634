"""Drawn data and seeds that several test modules share."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

SHARED = Path(__file__).parents[1] / ".." / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run networks at their published sizes too (marker full)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked ``full`` unless asked for."""
    left_out = [] if config.getoption("--full") else [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real annotated photographs."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real photographs of ../shared/data")
    return (SHARED / "data").resolve()


def draw_crack(size_px: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A grey wall with one dark zigzag, and its mask; both uint8, (h, w, 3) and (h, w)."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, size_px, (4, 1, 2)).astype(np.int32)
    mask = cv2.polylines(np.zeros((size_px, size_px), np.uint8), [steps], False, 255, 3)
    wall = rng.normal(170, 6, (size_px, size_px, 1)).repeat(3, 2)
    return np.clip(wall - 110 * (mask[..., None] > 0), 0, 255).astype(np.uint8), mask


@pytest.fixture
def drawn_set(tmp_path: Path) -> Path:
    """A folder ``walls`` of 8 training and 4 validation pairs, 64 px, one of each without a crack."""
    folder = tmp_path / "walls"
    for part, count, start in (("train", 8, 0), ("val", 4, 100)):
        for kind in ("images", "masks"):
            (folder / kind / part).mkdir(parents=True)
        for i in range(count):
            image, mask = draw_crack(64, start + i)
            if i == 0:
                image, mask = np.full_like(image, 160 + start // 10), np.zeros_like(mask)
            cv2.imwrite(str(folder / "images" / part / f"{part}_{i}.png"), image)
            cv2.imwrite(str(folder / "masks" / part / f"{part}_{i}.png"), mask)
    return folder


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Has the system refuse to read a file or to list a folder; by its permissions it would refuse all but root."""
    forbidden: set[str] = set()

    def guard(owner: Any, name: str) -> None:
        works = getattr(owner, name)

        def guarded(place: Any = ".", *args: Any, **options: Any) -> Any:
            if str(place) in forbidden:
                if name == "access":
                    return False
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
            return works(place, *args, **options)

        monkeypatch.setattr(owner, name, guarded)

    for owner, name in ((os, "access"), (os, "listdir"), (os, "scandir"), (io, "open")):
        guard(owner, name)
    return lambda path: forbidden.add(str(path))
