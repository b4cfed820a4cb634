"""From names of models to a record, and as it is typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from crackwise.cli import main
from crackwise.errors import ModelError
from crackwise.predictor import ModelCard
from crackwise.speed import clock, memory
from crackwise.speed.machine import describe_machine, load_average
from crackwise.speed.memory import peak_growth_mib
from crackwise.speed.run import benchmark
from crackwise.speed.subject import Subject
from drawn_onnx import write_brightness


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(clock, "TURN_S", 0.0)
    return str(write_brightness(tmp_path / "m.onnx", ModelCard(name="brightness", version="1")))


def test_two_models_side_by_side(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crackwise.speed.run.peak_growth_mib", lambda *_, **__: 12.5)
    heard: list[str] = []
    record = benchmark([model, model], size_px=64, rounds=2, say=heard.append)
    assert record["schema"] == "crackwise.speed/1"
    assert [entry["name"] for entry in record["models"]] == ["brightness 1"] * 2
    assert record["models"][0]["peak_growth_mib"] == 12.5
    assert record["asked"]["size_px"] == 64
    assert record["machine"]["cores"] >= 1
    assert heard[-1] == "2 rounds of 2 models"


def test_a_model_that_cannot_be_opened_is_told_before_any_process_is_begun(model: str) -> None:
    heard: list[str] = []
    with pytest.raises(ModelError, match=r"^No model at 'absent\.onnx'"):
        benchmark([model, "absent.onnx"], size_px=64, rounds=1, say=heard.append)
    assert not heard


def test_memory_is_that_of_a_process_of_its_own(model: str) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs /proc")
    grown = peak_growth_mib(Subject(model), side_px=64, threads=1)
    assert grown is not None
    assert 5 < grown < 400
    with pytest.raises(ModelError, match="failed in a process of its own"):
        peak_growth_mib(Subject("absent.onnx"), side_px=64, threads=1)


def test_the_process_prints_one_number(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/proc/self/clear_refs").is_file():
        pytest.skip("needs /proc")
    memory.main(json.dumps({"subject": {"model": model, "runtime": None}, "side_px": 64, "threads": 1}))
    assert float(capsys.readouterr().out) >= 0


def test_the_machine_is_named() -> None:
    machine = describe_machine()
    assert machine["processor"]
    assert "onnxruntime" in machine["versions"]
    assert load_average() >= 0


def test_the_command_prints_a_table_and_writes_a_page(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("crackwise.speed.run.peak_growth_mib", lambda *_, **__: None)
    typed = ["crackwise", "benchmark", model, "--size", "64", "--rounds", "1"]
    for options in (["--out", str(tmp_path / "speed")], ["--json"]):
        monkeypatch.setattr(sys, "argv", [*typed, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", [*typed, "--out", str(tmp_path / "file")])
    monkeypatch.setattr("crackwise.speed.run.benchmark", None)  # it is refused before
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1].startswith("brightness 1")
    assert json.loads(out[-1])["models"][0]["name"] == "brightness 1"
    assert (tmp_path / "speed" / "speed.html").is_file()
