"""A caller that costs little, and a service to call: what `service.py` and `service_attacks.py` share."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

__all__ = ["Running", "batter", "exchange", "get", "health_ms", "post", "slope_mib_per_minute"]

Answer = tuple[int, dict[str, str], bytes]


class Running:
    """`crackwise serve` in a process of its own, on a free port."""

    def __init__(self, *options: str) -> None:
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed at the end
        command = [sys.executable, "-m", "crackwise", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=self.out, text=True)
        while not (lines := self.log()):
            if self.process.poll() is not None:
                raise SystemExit("the service did not start")
            time.sleep(0.05)
        self.url = str(lines[0]["url"])
        while asyncio.run(exchange(self.url, get("/ready")))[0] != 200:
            time.sleep(0.05)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.out.close()

    def log(self) -> list[dict[str, Any]]:
        """What it has said so far."""
        text = os.pread(self.out.fileno(), 1 << 30, 0).decode()
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def rss_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """CPU time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def get(path: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def post(path: str, body: bytes, kind: str = "image/jpeg") -> bytes:
    """A request with a body."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def exchange(url: str, request: bytes, *, leave_after_s: float | None = None) -> Answer:
    """What comes back; status 0 where nothing does, or where it does not come whole."""
    place = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
    except OSError:
        return 0, {}, b""
    try:
        writer.write(request)
        if leave_after_s is not None:
            await asyncio.sleep(leave_after_s)
            return 0, {}, b""
        received = await reader.read(-1)
    except OSError:
        return 0, {}, b""
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    whole = int(headers.get("content-length", len(body))) == len(body)
    return (int(status.split()[1]), headers, body) if status and whole else (0, {}, b"")


async def health_ms(url: str) -> float:
    """How long /health takes."""
    start = time.monotonic()
    status, _, _ = await exchange(url, get("/health"))
    return 1000 * (time.monotonic() - start) if status == 200 else float("inf")


async def batter(url: str, path: str, bodies: Sequence[bytes], clients: int) -> None:
    """Send all, so many at once."""
    left = list(bodies)

    async def client() -> None:
        while left:
            status, _, _ = await exchange(url, post(path, left.pop()))
            if status != 200:
                raise SystemExit(f"status {status}")

    await asyncio.gather(*(client() for _ in range(clients)))


def slope_mib_per_minute(memory: Sequence[tuple[float, float]]) -> float:
    """Of (s, MiB), by least squares."""
    seconds, mib = np.array(memory).T
    return float(60 * np.polyfit(seconds, mib, 1)[0])
