"""A service around one line of arithmetic, and walls to send to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from crackwise.backends import load_predictor
from crackwise.predictor import ModelCard, Predictor
from crackwise.serve import Settings, create_app
from drawn_onnx import write_brightness

SLOW_SERVICE = Path(__file__).parents[1] / "slow_service.py"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finds what is dark, in tiles of 128 px."""
    card = ModelCard(name="darkness", version="1", tile_px=128, overlap_px=32)
    return write_brightness(tmp_path_factory.mktemp("model") / "darkness.onnx", card, black=200.0, white=0.0)


@pytest.fixture(scope="session")
def predictor(model: Path) -> Predictor:
    return load_predictor(model, threads=1)


@pytest.fixture
def app(predictor: Predictor) -> FastAPI:
    return create_app(
        predictor, Settings(workers=2, queue=4, max_body_mib=1, max_megapixels=1, max_photos=5, timeout_s=5)
    )


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


class Service(subprocess.Popen[str]):
    """A service in a process of its own, whose log is read when it has ended."""

    url: str

    def log(self) -> list[dict[str, object]]:
        """What it said after its first line."""
        return [json.loads(line) for line in self.communicate(timeout=30)[0].splitlines()]


Start = Callable[..., Service]


def starting(model: Path) -> Iterator[Start]:
    """Starts ``slow_service.py MODEL`` with its options, or the words that are given."""
    started: list[Service] = []

    def begin(*command: str, **options: object) -> Service:
        words = command or (
            str(SLOW_SERVICE),
            str(model),
            *(f"--{k.replace('_', '-')}={v}" for k, v in options.items()),
        )
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        service = Service([sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment)
        started.append(service)
        assert service.stdout is not None
        for line in service.stdout:
            told = json.loads(line)
            if told["event"] == "listening":
                service.url = told["url"]
                return service
        raise AssertionError("it ended before it listened")

    yield begin
    for service in started:
        service.kill()
        service.communicate()


@pytest.fixture
def start(model: Path) -> Iterator[Start]:
    """Starts a service for one test."""
    yield from starting(model)


@pytest.fixture(scope="module")
def start_once(model: Path) -> Iterator[Start]:
    """Starts a service for all tests of a file."""
    yield from starting(model)
