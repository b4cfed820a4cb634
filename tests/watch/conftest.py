"""A model of one line of arithmetic, and films drawn for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from crackwise.backends import load_predictor
from crackwise.predictor import ModelCard, Predictor
from drawn_onnx import write_brightness


@pytest.fixture(scope="session")
def dark_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose probability is 1 on black and 0 on a wall."""
    card = ModelCard(name="darkness", version="1", threshold=0.5)
    return write_brightness(tmp_path_factory.mktemp("model") / "dark.onnx", card, black=190.0, white=30.0)


@pytest.fixture
def darkness(dark_model: Path) -> Predictor:
    return load_predictor(dark_model, threads=1)


@pytest.fixture
def film(tmp_path: Path) -> Callable[[Iterable[np.ndarray]], Path]:
    """Writes pictures (h, w, 3), RGB, as a film of 10 a second."""

    def write(pictures: Iterable[np.ndarray]) -> Path:
        path = tmp_path / "film.avi"
        writer = None
        for picture in pictures:
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
            writer.write(picture[:, :, ::-1])
        assert writer is not None
        writer.release()
        return path

    return write
