"""The image and the compose file, as far as they can be judged without building them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from crackwise.cli import app

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def of_last_stage() -> dict[str, str]:
    rows = instructions()
    last = max(i for i, (word, _) in enumerate(rows) if word == "FROM")
    return dict(rows[last:])


def test_every_file_that_is_copied_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [
        name for word, rest in instructions() if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]
    ]
    assert set(sources) == let_through
    assert all((ROOT / name).exists() for name in sources)


def test_the_image_is_slim_and_not_roots() -> None:
    assert all("-slim" in rest for word, rest in instructions() if word == "FROM")
    assert int(of_last_stage()["USER"]) > 1000
    assert of_last_stage()["STOPSIGNAL"] == "SIGTERM"


def test_the_health_of_the_container_is_that_of_the_service() -> None:
    check = of_last_stage()["HEALTHCHECK"]
    assert json.loads(check[check.index("[") :])[0] == "python"
    assert ":8000/health" in check


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["crackwise"]
    return service


def test_the_commands_are_ones_that_the_program_has() -> None:
    program, name, *options = json.loads(of_last_stage()["ENTRYPOINT"]) + compose()["command"]
    assert program == "crackwise"
    serve = get_command(app).commands[name]  # type: ignore[attr-defined]
    params = serve.make_context(name, options).params
    assert (params["host"], params["workers"], params["port"]) == ("0.0.0.0", 2, 8000)


def test_the_composed_service_is_locked_down() -> None:
    service = compose()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert ":?" in service["environment"]["CRACKWISE_TOKEN"]  # it does not start without one
    assert "volumes" not in service


@pytest.mark.parametrize("word", ["pip install", "useradd"])
def test_commands_of_the_build_can_be_read_by_a_shell(word: str) -> None:
    assert any(word in rest and shlex.split(rest) for kind, rest in instructions() if kind == "RUN")
