"""What browsers see of a watch."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from threading import Event
from urllib.error import HTTPError

import cv2
import numpy as np
import pytest

from crackwise.errors import StreamError
from crackwise.imaging.overlay import encode_jpeg
from crackwise.watch import stream
from crackwise.watch.sources.mjpeg import read_mjpeg
from crackwise.watch.stream import Overlays, address_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STATE = {
    "source": "camera 0", "frame": 7, "cracks": [{"max_width_px": 3.25, "max_width_mm": None}], "cracks_so_far": 4,
    "latency_ms": 81.2, "counts": {"computed": 6, "dropped": 1},
}  # fmt: skip


@pytest.fixture
def overlays() -> Iterator[Overlays]:
    with Overlays(("127.0.0.1", 0)) as serving:
        yield serving


def picture(level: int) -> bytes:
    return encode_jpeg(np.full((120, 160, 3), level, np.uint8))


def test_a_viewer_gets_every_new_picture_and_what_was_there(overlays: Overlays) -> None:
    overlays.show(lambda: picture(10), STATE)
    frames = read_mjpeg(f"{overlays.url}stream.mjpg", Event())
    assert next(frames) == picture(10)
    overlays.show(lambda: picture(20), STATE)
    assert next(frames) == picture(20)
    frames.close()


def test_nothing_is_drawn_while_nobody_looks(overlays: Overlays) -> None:
    drawn: list[int] = []

    def draw(number: int) -> bytes:
        drawn.append(number)
        return picture(number)

    for number in range(5):
        overlays.show(lambda number=number: draw(number), STATE)
    for _ in range(3):
        assert urllib.request.urlopen(f"{overlays.url}frame.jpg").read() == picture(4)
    assert drawn == [4]


def test_a_state_and_a_page_and_nothing_else(overlays: Overlays) -> None:
    overlays.show(lambda: picture(10), STATE)
    assert json.load(urllib.request.urlopen(f"{overlays.url}state.json")) == STATE
    assert b"crack<b>wise</b>" in urllib.request.urlopen(overlays.url).read()
    for path in ("../../etc/passwd", "page.html", "%2e%2e/x"):
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(overlays.url + path)
    request = urllib.request.Request(overlays.url, data=b"x")
    with pytest.raises(HTTPError, match="501"):
        urllib.request.urlopen(request)


def test_one_viewer_too_many_is_turned_away_until_another_leaves(
    overlays: Overlays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WAKE_S", 0.05)
    overlays.show(lambda: picture(10), STATE)
    address = overlays.server.server_address[:2]
    viewers = []
    for _ in range(stream.MOST_VIEWERS):
        viewer = socket.create_connection(address, timeout=10)
        viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\n\r\n")
        assert b" 200 " in viewer.recv(100)
        viewers.append(viewer)
    refused = HTTPConnection(*address, timeout=10)
    refused.request("GET", "/")
    assert refused.getresponse().status == 503
    viewers[0].close()
    for level in range(100):
        overlays.show(lambda level=level: picture(level), STATE)
        try:
            status = urllib.request.urlopen(overlays.url, timeout=10).status
        except HTTPError:
            status = 503
        if status == 200:
            break
    assert status == 200
    for viewer in viewers[1:]:
        viewer.close()


def test_a_watch_that_ends_lets_its_viewers_go() -> None:
    with Overlays(("127.0.0.1", 0)) as serving:
        serving.show(lambda: picture(10), STATE)
        frames = read_mjpeg(f"{serving.url}stream.mjpg", Event())
        next(frames)
    assert len(list(frames)) <= 1


def test_an_address_that_is_taken_is_told(overlays: Overlays) -> None:
    with pytest.raises(StreamError, match="Choose another port"):
        Overlays(("127.0.0.1", overlays.server.server_address[1]))


@pytest.mark.parametrize(
    ("text", "address"),
    [(":8090", ("127.0.0.1", 8090)), ("8090", ("127.0.0.1", 8090)), ("0.0.0.0:80", ("0.0.0.0", 80))],
)
def test_an_address_without_a_host_is_of_this_machine(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "host", ":x", ":70000", "host:-1"])
def test_no_address(text: str) -> None:
    with pytest.raises(StreamError, match="Cannot serve at"):
        address_of(text)


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_the_stream(overlays: Overlays) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    overlays.show(lambda: encode_jpeg(np.full((120, 160, 3), (0, 160, 0), np.uint8)), STATE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 1000})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(overlays.url, wait_until="commit")
        shown = 0
        for _ in range(200):
            colour = (0, 160, 0) if shown < 160 else (200, 0, 0)
            overlays.show(lambda colour=colour: encode_jpeg(np.full((120, 160, 3), colour, np.uint8)), STATE)
            page.wait_for_timeout(50)
            shown = page.evaluate("document.querySelector('img').naturalWidth")
            shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            _, green, red = shot[300, 450].tolist()
            if red > 150 > green:
                break
        assert shown == 160
        assert red > 150 > green
        assert page.inner_text("#so_far") == "4"
        assert page.inner_text("#widest") == "3.3 px"
        assert problems == []
        browser.close()
