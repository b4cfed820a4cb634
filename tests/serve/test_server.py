"""A service in a process of its own, over real sockets: callers that dawdle, leave or flood it, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from drawn_walls import draw_wall

JPEG = {"Content-Type": "image/jpeg"}
Start = Callable[..., Any]
HEAD = b"POST /inspect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"


@contextmanager
def call(url: str, *sent: bytes) -> Iterator[socket.socket]:
    """A connection over which that was sent."""
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        for piece in sent:
            connection.sendall(piece)
        yield connection


def answer_on(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; nothing where it just hangs up."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def told(url: str, name: str) -> float:
    """One of the service's own numbers."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that is going to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def inspect(url: str, seed: int = 0) -> httpx.Response:
    return httpx.post(f"{url}/inspect", content=draw_wall(seed), headers=JPEG, timeout=60)


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As long as it is there, nothing is answered by the model of `dawdling`."""
    return tmp_path_factory.mktemp("hold") / "hold"


@pytest.fixture(scope="module")
def dawdling(start_once: Start, hold: Path) -> str:
    return str(start_once(hold=hold, workers=1, queue=2, timeout=60).url)


@pytest.fixture(scope="module")
def impatient(start_once: Start) -> str:
    return str(start_once(timeout=1).url)


def test_callers_who_dawdle_are_sent_away(impatient: str) -> None:
    url = impatient
    slow_body = HEAD + b"Content-Length: 1000\r\n\r\nabc"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    pieces = [slow_body, chunked, b"GET /hea", b"", HEAD]
    with (
        call(url, pieces[0]) as a,
        call(url, pieces[1]) as b,
        call(url, pieces[2]) as c,
        call(url) as d,
        call(url, HEAD) as e,
    ):
        assert httpx.get(f"{url}/health").status_code == 200
        for connection in (a, b):
            connection.settimeout(10)
            assert connection.recv(15) == b"HTTP/1.1 408 Re"
        for connection in (c, d, e):
            assert answer_on(connection) == b""


def test_a_slow_trickle_does_not_buy_time(impatient: str) -> None:
    url = impatient
    with call(url, b"GET /health HTTP/1.1\r\n") as connection:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"."):  # noqa: PT012  it closes while we write
            while time.monotonic() - began < 15:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.1)
        assert time.monotonic() - began < 10


def test_what_follows_a_refusal_is_cut_off(impatient: str) -> None:
    url = impatient
    with call(url, HEAD + b"Content-Length: 999999999\r\n\r\n") as connection:
        assert connection.recv(15) == b"HTTP/1.1 413 Re"
        with pytest.raises(OSError, match=r"."):  # noqa: PT012  it closes while we write
            for _ in range(300):
                connection.sendall(bytes(100))
                time.sleep(0.05)


def test_a_body_without_end_is_refused_at_its_limit(dawdling: str) -> None:
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    with call(dawdling, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 20) as connection:
        assert connection.recv(15) == b"HTTP/1.1 413 Re"


NONSENSE = {
    "zeros": b"\0" * 100,
    "a space in the path": b"GET /a b HTTP/1.1\r\n\r\n",
    "a length below zero": HEAD + b"Content-Length: -1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
    "no end of a header": b"A" * 100_000,
}


def test_who_hangs_up_with_the_answer_still_hears_why(dawdling: str) -> None:
    body = bytes(3 * 2**20)
    request = urllib.request.Request(f"{dawdling}/inspect", body, JPEG)  # it sends Connection: close
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    assert caught.value.code == 413
    caught.value.close()


@pytest.mark.parametrize("sent", NONSENSE.values(), ids=NONSENSE)
def test_what_is_no_request_is_answered_with_400(dawdling: str, sent: bytes) -> None:
    with call(dawdling, sent) as connection:
        assert connection.recv(12) == b"HTTP/1.1 400"


def at_desk(url: str) -> float:
    """Requests that have a place."""
    return told(url, "crackwise_working") + told(url, "crackwise_waiting")


def test_health_is_told_while_all_places_are_taken_and_others_are_sent_away(dawdling: str, hold: Path) -> None:
    hold.touch()
    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(inspect, dawdling, i) for i in range(3)]
        until(lambda: at_desk(dawdling) == 3)
        refused = inspect(dawdling)
        ready = httpx.get(f"{dawdling}/ready")
        health = httpx.get(f"{dawdling}/health")
        hold.unlink()
        assert [answer.result().status_code for answer in inside] == [200] * 3
    assert health.json() == {"status": "ok"}
    for answer in (refused, ready):
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert httpx.get(f"{dawdling}/ready").json() == {"status": "ready"}


def test_a_caller_who_left_costs_no_work(dawdling: str, hold: Path) -> None:
    wall = draw_wall()
    request = HEAD + f"Content-Length: {len(wall)}\r\n\r\n".encode() + wall
    hold.touch()
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(inspect, dawdling)
        until(lambda: told(dawdling, "crackwise_working") == 1)
        with call(dawdling, request), call(dawdling, request):
            until(lambda: told(dawdling, "crackwise_waiting") == 2)
        hold.unlink()
        assert inside.result().status_code == 200
    until(lambda: told(dawdling, 'crackwise_refusals_total{code="gone"}') == 2)
    assert told(dawdling, "crackwise_held_bytes") == 0


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing_behind(dawdling: str) -> None:
    for _ in range(5):
        with call(dawdling, HEAD + b"Content-Length: 1000\r\n\r\nabc"):
            pass
    until(lambda: told(dawdling, "crackwise_held_bytes") == 0)
    assert inspect(dawdling).status_code == 200


def test_one_caller_may_not_take_every_place(start: Start, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    url = start(hold=hold, workers=1, per_caller=2, timeout=60).url
    hold.touch()
    with ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(inspect, url, seed) for seed in range(2)]
        until(lambda: at_desk(url) == 2)
        refused, ready = inspect(url), httpx.get(f"{url}/ready")
        hold.unlink()
        assert [answer.result().status_code for answer in inside] == [200] * 2
    assert (refused.status_code, refused.json()["code"], ready.status_code) == (429, "too_many", 200)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert inspect(url).status_code == 200


def test_a_turn_that_does_not_come_is_a_refusal(start: Start, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    url = start(hold=hold, workers=1, timeout=0.5).url
    hold.touch()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(inspect, url)
        until(lambda: told(url, "crackwise_working") == 1)
        assert inspect(url).json()["code"] == "busy"
        hold.unlink()
        assert first.result().status_code == 200


def test_sigterm_finishes_what_was_accepted(start: Start, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    service = start(hold=hold, workers=2, timeout=60)
    hold.touch()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(inspect, service.url, i) for i in range(8)]
        until(lambda: at_desk(service.url) == 8)
        with call(service.url, HEAD + b"Content-Length: 1000\r\n\r\nabc") as unfinished:
            service.send_signal(signal.SIGTERM)
            assert b"stopping" in answer_on(unfinished)
            hold.unlink()
            assert [answer.result().status_code for answer in answers] == [200] * 8
    assert service.wait(20) == 0
    assert service.log()[-1] | {"time": ""} == {
        "time": "", "level": "info", "event": "stopped", "accepted": 8, "finished": 8,
    }  # fmt: skip
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)


def test_a_second_sigterm_ends_it_at_once(start: Start, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    service = start(hold=hold, workers=1)
    hold.touch()
    with call(service.url, HEAD + f"Content-Length: {len(draw_wall())}\r\n\r\n".encode() + draw_wall()):
        until(lambda: told(service.url, "crackwise_working") == 1)
        for _ in range(2):  # the second is an echo
            service.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            service.wait(1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 128 + signal.SIGTERM


def test_the_command_line_serves(start: Start, model: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    options = ("--port", "0", "--workers", "1", "--token-file", str(tmp_path / "token"))
    service = start("-m", "crackwise", "serve", str(model), *options)
    assert urlsplit(service.url).hostname == "127.0.0.1"
    assert httpx.get(f"{service.url}/model").status_code == 401
    told = httpx.get(f"{service.url}/model", headers={"Authorization": "Bearer s3cret"}).json()
    assert told["card"]["name"] == "darkness"
    port = str(urlsplit(service.url).port)
    done = run("--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: Cannot listen on 127.0.0.1:{port}: ")
    service.send_signal(signal.SIGTERM)
    log = service.log()
    assert [line["event"] for line in log] == ["answered", "answered", "stopped"]
    assert "s3cret" not in json.dumps(log)


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crackwise", "serve", *options]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )
