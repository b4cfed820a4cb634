"""A field test without a field: a camera that drives over photographs and sends what it sees as MJPEG.

    python benchmarks/drive.py [PHOTO ...] [--port 8081] [--size 640x480] [--fps 10] [--speed 80]
                               [--down SECONDS --up SECONDS]

Photographs (default: those in ``examples/``, side by side) are one long wall. The view moves to and fro along it at
``--speed`` px a second. With ``--down`` and ``--up`` the stream dies and returns in turns. Watch it:

    crackwise watch http://127.0.0.1:8081/ --serve :8090
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

EXAMPLES = Path(__file__).parents[1] / "examples"
BOUNDARY = "drive"
NOISE_LEVELS = 2.0
"""Standard deviation of the sensor."""

Pixels = NDArray[np.uint8]


def draw_wall(width_px: int, height_px: int, cracks: Sequence[Sequence[tuple[int, int]]], seed: int = 0) -> Pixels:
    """A wall with texture that stays and dark lines of 4 px through the points (x, y) of each crack; RGB."""
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (height_px, width_px)).astype(np.float32), (0, 0), 2.5)
    wall = np.clip(170 + 90 * coarse, 135, 210).astype(np.uint8)
    for points in cracks:
        cv2.polylines(wall, [np.array(points, np.int32)], False, 50, 4, cv2.LINE_AA)
    return np.repeat(wall[:, :, None], 3, axis=2)


def lay_out(photos: Sequence[Path], height_px: int) -> Pixels:
    """Photographs side by side, all as high as a view and a half."""
    rows = round(1.5 * height_px)
    pictures = [cv2.imread(str(photo)) for photo in photos]
    scaled = [
        cv2.resize(p, (round(p.shape[1] * rows / p.shape[0]), rows), interpolation=cv2.INTER_AREA) for p in pictures
    ]
    return np.ascontiguousarray(np.hstack(scaled)[:, :, ::-1])


class Pan:
    """What a camera sees that moves to and fro along a wall, by the second; (h, w, 3) RGB."""

    def __init__(self, wall: Pixels, width_px: int, height_px: int, speed_px_s: float, *, noise: bool = True) -> None:
        self.wall = wall
        self.size = height_px, width_px
        self.speed_px_s = speed_px_s
        self.noise = noise

    def __call__(self, seconds: float) -> Pixels:
        """The view at a time."""
        height, width = self.size
        room = self.wall.shape[1] - width
        left = round(seconds * self.speed_px_s) % max(2 * room, 1)
        left = min(left, 2 * room - left)
        top = round((self.wall.shape[0] - height) / 2 * (1 + np.sin(seconds / 3)))
        view = self.wall[top : top + height, left : left + width]
        if not self.noise:
            return np.ascontiguousarray(view)
        rng = np.random.default_rng(round(seconds * 1000))
        grain = rng.normal(0, NOISE_LEVELS, (height, width, 1)).astype(np.float32)
        return np.clip(view + grain, 0, 255).astype(np.uint8)


class Camera:
    """Sends what ``view`` shows at each moment as MJPEG, on a port that stays the same; it can die and return."""

    def __init__(self, view: Callable[[float], Pixels], fps: float, port: int = 0) -> None:
        self.view, self.fps, self.port = view, fps, port
        self.server: ThreadingHTTPServer | None = None
        self.connections: set[socket.socket] = set()
        self.began_s = time.monotonic()
        self.sent = 0
        self.damage: Callable[[int, bytes], bytes] = lambda _, jpeg: jpeg
        """What happens to a frame, by its number, on its way."""

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self.port}/?action=stream"

    def start(self) -> Self:
        """Switch on."""
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler())
        self.server.daemon_threads, self.server.block_on_close = True, False
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Cut the power: every viewer is cut off in the middle of whatever it was getting."""
        if self.server is not None:
            server, self.server = self.server, None
            server.shutdown()
            server.server_close()
            for connection in tuple(self.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Sends frames until the viewer or the camera is gone."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.connections.add(self.connection)
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY}")
                    self.end_headers()
                    while camera.server is not None:
                        self.wfile.write(camera.part())
                        time.sleep(1 / camera.fps)
                except OSError:
                    pass
                finally:
                    camera.connections.discard(self.connection)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def part(self) -> bytes:
        """The frame of this moment with its headers."""
        pixels = self.view(time.monotonic() - self.began_s)
        self.sent += 1
        _, coded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        jpeg = self.damage(self.sent, coded.tobytes())
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        return head.encode() + jpeg + b"\r\n"


def main() -> None:
    """Drive until interrupted."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photos", nargs="*", type=Path)
    arguments.add_argument("--port", type=int, default=8081)
    arguments.add_argument("--size", default="640x480")
    arguments.add_argument("--fps", type=float, default=10)
    arguments.add_argument("--speed", type=float, default=80)
    arguments.add_argument("--down", type=float, default=0)
    arguments.add_argument("--up", type=float, default=60)
    given = arguments.parse_args()
    width, height = map(int, given.size.split("x"))
    wall = lay_out(given.photos or sorted(EXAMPLES.glob("*.jpg")), height)
    camera = Camera(Pan(wall, width, height, given.speed), given.fps, given.port).start()
    print(f"{camera.url} drives along {wall.shape[1]} px of wall.", flush=True)
    while True:
        time.sleep(given.up)
        if given.down:
            camera.stop()
            time.sleep(given.down)
            camera.start()


if __name__ == "__main__":
    main()
