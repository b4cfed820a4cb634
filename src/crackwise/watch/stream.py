"""What a watch sees, served to browsers as MJPEG."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import BoundedSemaphore, Condition, Thread
from typing import Any, Self

from crackwise.errors import StreamError

__all__ = ["Overlays", "address_of"]

LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MOST_VIEWERS = 8
"""Connections at a time; one more is turned away."""
SLOW_S = 10.0
"""A viewer that takes nothing, or asks nothing, for so long is let go."""
WAKE_S = 1.0
BOUNDARY = "crackwise-frame"
PAGE = "page.html"


def address_of(text: str) -> tuple[str, int]:
    """Host and port of ``":8090"`` (this machine only), ``"8090"`` or ``"0.0.0.0:8090"`` (whoever reaches it).

    Raises:
        StreamError: there is no such port.
    """
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise StreamError(f"Cannot serve at {text!r}: pass :8090 for this machine alone, or HOST:PORT.")
    return host.strip("[]") or LOOPBACK, int(port)


class Overlays:
    """A small server of the newest picture; viewers wait for the next one and miss what comes too fast for them."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Begins to serve; port 0 takes a free one.

        Raises:
            StreamError: the address is taken, or not ours.
        """
        self.changed = Condition()
        self.number = 0
        """Of the newest picture; 0 before the first."""
        self.draw: Callable[[], bytes] = bytes
        self.drawn: tuple[int, bytes] = (0, b"")
        self.state: dict[str, Any] = {}
        self.closed = False
        try:
            self.server = Server(address, self)
        except OSError as error:
            raise StreamError(
                f"Cannot serve at {address[0]}:{address[1]}: {error.strerror or error}. Choose another port."
            ) from error
        self.thread = Thread(target=self.server.serve_forever, args=(0.1,), name="crackwise-overlays", daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def show(self, draw: Callable[[], bytes], state: dict[str, Any]) -> None:
        """The next picture, drawn once somebody looks, as a JPEG; ``state`` is told beside it."""
        with self.changed:
            self.number += 1
            self.draw, self.state = draw, state
            self.changed.notify_all()

    def after(self, number: int) -> tuple[int, bytes] | None:
        """The newest picture, as soon as it is another than ``number``; None where it takes a while."""
        with self.changed:
            self.changed.wait_for(lambda: self.number > number or self.closed, WAKE_S)
            if self.number <= number:
                return None
            if self.drawn[0] != self.number:
                self.drawn = self.number, self.draw()
            return self.drawn

    def close(self) -> None:
        """Let all viewers go."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Server(ThreadingHTTPServer):
    """A thread for each viewer, but no more than there are places."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], overlays: Overlays) -> None:
        self.overlays = overlays
        self.places = BoundedSemaphore(MOST_VIEWERS)
        super().__init__(address, Viewer)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a viewer in, or turn it away."""
        if not self.places.acquire(blocking=False):
            request.settimeout(SLOW_S)
            request.sendall(
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One viewer from its first word to its last."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that leaves is no error of ours."""
        LOG.debug("a viewer was lost", exc_info=True)


class Viewer(BaseHTTPRequestHandler):
    """Answers one viewer."""

    server: Server
    timeout = SLOW_S
    server_version = "crackwise"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, the stream, one picture, or the newest line."""
        overlays = self.server.overlays
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer("text/html; charset=utf-8", (Path(str(files("crackwise.watch"))) / PAGE).read_bytes())
        elif path == "/stream.mjpg":
            self.stream(overlays)
        elif path == "/frame.jpg" and overlays.number:
            shown = overlays.after(0)
            self.answer("image/jpeg", shown[1] if shown else b"")
        elif path == "/state.json":
            self.answer("application/json", json.dumps(overlays.state, allow_nan=False).encode())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def answer(self, kind: str, content: bytes) -> None:
        """One answer, whole."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def stream(self, overlays: Overlays) -> None:
        """Picture after picture, until the viewer or the watch ends; where none comes, the last one again.

        Browsers show a picture when the next one begins; and a viewer that has gone is noticed only by sending.
        """
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(f"--{BOUNDARY}\r\n".encode())
        number, jpeg = 0, b""
        while not overlays.closed:
            number, jpeg = overlays.after(number) or (number, jpeg)
            if not number or overlays.closed:
                continue
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Who asks for what."""
        LOG.debug(format, *args)
