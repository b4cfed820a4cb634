"""Hostile callers, one kind after another: the answer, the memory it took, and whether /health went on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from service_client import Running, exchange, health_ms, post

HEAD = b"POST /inspect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
MIB = 2**20
Attack = Callable[[str], Awaitable[str]]


async def stream(url: str, pieces: Iterator[bytes], *, pause_s: float = 0.0) -> str:
    """Send pieces until the other side has had enough; its status line."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    answer = asyncio.create_task(reader.read(12))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
            if answer.done():
                break
        return (await answer).decode("latin-1") or "closed"
    except OSError:
        return "closed"
    finally:
        answer.cancel()
        writer.close()


def chunks(size: int, count: int, together: int) -> Iterator[bytes]:
    """A chunked body, several chunks at a time."""
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    piece = f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"
    for _ in range(count // together):
        yield piece * together
    yield b"0\r\n\r\n"


def trickle(start: bytes, piece: bytes, count: int) -> Iterator[bytes]:
    """A beginning, then little by little."""
    yield start
    for _ in range(count):
        yield piece


async def status(url: str, request: bytes) -> str:
    """Of one request."""
    return str((await exchange(url, request))[0])


async def many(attack: Callable[[], Awaitable[str]], count: int) -> str:
    """The same at once from so many callers."""
    answers = await asyncio.gather(*(attack() for _ in range(count)))
    return ", ".join(sorted(set(answers)))


def form(parts: bytes) -> bytes:
    """A request with a form."""
    return post("/inspect", parts + b"--b--\r\n", "multipart/form-data; boundary=b")


PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
CLAIMED = b"Content-Length: 9999999999\r\n\r\n"
SLOW = b"Content-Length: 1000\r\n\r\n"
FORM = "multipart/form-data; "
ATTACKS: dict[str, Attack] = {
    "nothing, for 3 s": lambda _: asyncio.sleep(3, "none"),
    "length over the limit": lambda url: stream(url, trickle(HEAD + CLAIMED, bytes(MIB), 60)),
    "1 GiB without a length": lambda url: stream(url, chunks(65536, 16384, 1)),
    "6-byte chunks x 10^6": lambda url: stream(url, chunks(6, 10**6, 2000)),
    "10^4 parts": lambda url: status(url, form(PART % (b"image", b"") * 10**4)),
    "text field of 30 MiB": lambda url: status(url, form(PART % (b"text", bytes(30 * MIB)))),
    "9 forms of 31 MiB": lambda url: many(lambda: status(url, form(PART % (b"image", bytes(31 * MIB)))), 9),
    "10^4 headers in a part": lambda url: status(url, form(b"--b\r\n" + b"X-A: b\r\n" * 10**4 + b"\r\nx\r\n")),
    "64 slow bodies": lambda url: many(lambda: stream(url, trickle(HEAD + SLOW, b"x", 60), pause_s=0.5), 64),
    "64 slow headers": lambda url: many(lambda: stream(url, trickle(HEAD, b"X-A: b\r\n", 60), pause_s=0.5), 64),
    "200 silent callers": lambda url: many(lambda: stream(url, iter([b""])), 200),
    "content type of 30 kB": lambda url: status(url, post("/inspect", b"x", FORM + 'a="\\' * 7500)),
    "boundary of 30 kB": lambda url: status(url, post("/inspect", b"x", FORM + "boundary=" + "=" * 30000)),
    "pixels that are too many": lambda url: status(
        url, post("/predict?height=99999&width=99999", b"x", "application/octet-stream")
    ),
    "2 tiles that are photographs": lambda url: many(
        lambda: status(url, post("/predict?height=3300&width=3300", bytes(3 * 3300**2), "application/octet-stream")), 2
    ),
}


class Lookout:
    """Asks for /health and looks at the memory from a thread of its own: the attacker's loop is busy."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.before = self.highest = service.rss_mib()
        self.longest_ms = 0.0
        self.over = Event()
        self.thread = Thread(target=lambda: asyncio.run(self.look()))

    async def look(self) -> None:
        """Until it is over."""
        while not self.over.is_set():
            self.longest_ms = max(self.longest_ms, await health_ms(self.service.url))
            self.highest = max(self.highest, self.service.rss_mib())
            await asyncio.sleep(0.02)

    def __enter__(self) -> Lookout:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def under(service: Running, attack: Attack) -> dict[str, Any]:
    """One attack, with /health and the memory watched meanwhile."""
    start = time.monotonic()
    with Lookout(service) as lookout:
        answer = asyncio.run(attack(service.url))
    return {
        "answer": answer, "seconds": round(time.monotonic() - start, 2),
        "growth MiB": round(lookout.highest - lookout.before, 1), "health ms": round(lookout.longest_ms, 1),
    }  # fmt: skip


def run(bombs: dict[str, bytes], photo: bytes, large: bytes) -> dict[str, Any]:
    """All of them, and honest callers with large photographs, against one service whose time for a request is 5 s."""
    with Running("--timeout", "5") as service:
        for _ in range(8):
            asyncio.run(exchange(service.url, post("/inspect", photo)))
        found = {name: under(service, attack) for name, attack in ATTACKS.items()}
        for name, bomb in bombs.items():
            found[name] = under(service, lambda url, bomb=bomb: status(url, post("/inspect", bomb)))
        honest = "4 large photographs, honestly"
        found[honest] = under(service, lambda url: many(lambda: status(url, post("/inspect", large)), 4))
        alive = asyncio.run(exchange(service.url, post("/inspect", photo)))[0]
    return {"alive afterwards": alive == 200, "attacks": found}
