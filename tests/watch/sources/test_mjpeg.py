"""MJPEG over HTTP as cameras serve it: logins, answers that are none, silence."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from crackwise.errors import StreamError
from crackwise.watch.sources import mjpeg
from crackwise.watch.sources.mjpeg import read_mjpeg

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"
PART = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\njpeg\r\n"


@contextmanager
def camera(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """Answers one request as a function says."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answer(connection, connection.recv(10_000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}/video?x=1"
        thread.join(10)


def test_a_login_in_the_address_is_sent() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(HEAD + PART + PART + b"--b--\r\n")

    with camera(answer) as place:
        assert list(read_mjpeg(f"http://me:p%40ss@{place}", Event())) == [b"jpeg", b"jpeg"]
    assert asked[0].startswith(b"GET /video?x=1 HTTP/1.1\r\n")
    assert b"Authorization: Basic " + base64.b64encode(b"me:p@ss") in asked[0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "it answers 401 Unauthorized"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "It sends 'text/html', not an MJPEG stream"),
        (b"nonsense\r\n\r\n", "No stream from"),
        (HEAD + PART + b"--b\r\nContent-Length: 9\r\n\r\nj", "in the middle of a picture"),
    ],
)
def test_what_is_no_stream_is_told(answer: bytes, message: str) -> None:
    with (
        camera(lambda connection, _: connection.sendall(answer)) as place,
        pytest.raises(StreamError, match=message),
    ):
        list(read_mjpeg(f"http://me:secret@{place}", Event()))


def test_a_stream_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "STALLED_S", 0.3)
    end = Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(HEAD + PART)
        end.wait(10)

    with camera(answer) as place:
        frames = read_mjpeg(f"http://{place}", Event())
        assert next(frames) == b"jpeg"
        with pytest.raises(StreamError, match=r"nothing came for 0\.3 s"):
            next(frames)
        end.set()
