"""The command that watches, as it is typed, and how it ends."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from drive import Camera, Pan, draw_wall

from crackwise.cli import main
from crackwise.errors import without_secrets
from crackwise.predictor import ModelCard
from drawn_onnx import write_brightness

WALL = draw_wall(1200, 260, [[(20, 60), (420, 200)], [(700, 200), (1050, 60)]])
MOST_MB = 250
"""Of a watch with the packaged model on one thread: docs/edge.md."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_brightness(tmp_path / "dark.onnx", ModelCard(name="dark", version="1"), black=190.0, white=30.0)


def start(*arguments: str | Path, most_bytes: int | None = None) -> subprocess.Popen[str]:
    """The program in a process of its own, whose files may be so large, as on a disk that is nearly full.

    An interrupt reaches it even where tests run in the background.
    """

    def heard() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "crackwise", "watch", *map(str, arguments)]
    return subprocess.Popen(command, **pipes, text=True, preexec_fn=heard)


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_that_is_asked_to_end_ends_whole(tmp_path: Path, model: Path, how: signal.Signals) -> None:
    out = tmp_path / "out"
    with Camera(Pan(WALL, 320, 240, 100), fps=20) as camera:
        process = start(camera.url, "--model", model, "--out", out, "--serve", "127.0.0.1:0", "--save", "masks")
        url = process.stderr.readline().split()[-1]
        eventually(lambda: (out / "frames.jsonl").exists() and (out / "frames.jsonl").read_bytes().count(b"\n") >= 3)
        shown = json.load(urllib.request.urlopen(f"{url}state.json", timeout=10))["source"]
        assert shown == without_secrets(camera.url)
        for _ in range(2):  # as `timeout` and `uv run` do
            process.send_signal(how)
            time.sleep(0.05)
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, complained
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert re.match(rf"\d+ different cracks? on {len(lines)} of \d+ frames", said)
    assert json.loads((out / "summary.json").read_bytes())["counts"]["computed"] == len(lines)
    assert len(list((out / "masks").iterdir())) == len(lines)


@pytest.mark.parametrize("pause_s", [0.1, 0.3])
def test_the_echo_of_a_signal_is_none_of_its_own(tmp_path: Path, model: Path, pause_s: float) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    process = start(folder, "--model", model, "--out", out, "--serve", "127.0.0.1:0")
    process.stderr.readline()
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(pause_s)
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "0 different cracks on 0 of 0 frames.\n"), complained


def test_a_disk_that_fills_up_is_one_sentence(tmp_path: Path, model: Path) -> None:
    with Camera(Pan(WALL, 320, 240, 100), fps=20) as camera:
        process = start(camera.url, "--model", model, "--out", tmp_path / "out", most_bytes=3000)
        _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in complained
    assert re.match(r"error: Cannot write into .* Free some space", complained.splitlines()[-1])


def test_the_packaged_model_watches_in_little_memory(tmp_path: Path) -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs /proc to read memory from")
    wall = draw_wall(1200, 500, [[(20, 60), (1100, 400)]])
    with Camera(Pan(wall, 640, 480, 100), fps=10) as camera:
        process = start(camera.url, "--out", tmp_path / "out", "--threads", "1", "--frames", "4", "--save", "overlays")
        peak_kb = 0
        while process.poll() is None:
            fields = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", fields)
            peak_kb = int(found[1]) if found else peak_kb
            time.sleep(0.02)
        said, complained = process.communicate()
    assert process.returncode == 0, complained
    assert "on 4 of" in said
    assert 50 < 1024 * peak_kb / 1e6 <= MOST_MB


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["nothing.mp4"], 1, "error: Nothing to watch at 'nothing.mp4'"),
        (["0", "--save", "films"], 2, "no kind 'films'; there is frames, masks, overlays"),
        (["0", "--share", "1.5"], 2, "above 0 and at most at 1"),
        (["0", "--fps", "0"], 2, "must be above 0"),
        (["0", "--seconds", "inf"], 2, "must be above 0, and a number"),
        (["0", "--serve", "here"], 1, "error: Cannot serve at 'here'"),
        (["0", "--model", "no.onnx"], 1, "error: No model at 'no.onnx'"),
        (["0", "--scale", "wide"], 2, "scale"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path,
    arguments: list[str],
    code: int,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["crackwise", "watch", *arguments, "--out", str(tmp_path / "out")])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfd.readouterr()
    assert (ended.value.code, said.out) == (code, "")
    assert complaint in said.err
    assert not (tmp_path / "out").exists()
