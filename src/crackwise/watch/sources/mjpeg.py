"""An MJPEG stream over HTTP, as cameras and MJPG-Streamer send it.

Read with the standard library: httpx would take 13 MB of a small computer.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event
from urllib.parse import SplitResult, unquote, urlsplit

from crackwise.errors import StreamError, printable, without_secrets
from crackwise.watch.sources.multipart import boundary_of, split_parts

__all__ = ["read_mjpeg"]

STALLED_S = 10.0
"""How long a camera may take to answer, and a stream may be silent."""
CHUNK_BYTES = 1 << 16


def read_mjpeg(url: str, stop: Event) -> Iterator[bytes]:
    """The JPEGs of a stream, until it ends or ``stop`` is set; not through a proxy: cameras are near.

    Raises:
        StreamError: no answer, no stream of JPEGs, silent for too long, or out of step.
    """
    shown = printable(without_secrets(url))
    try:
        address = split(url)
        with closing(connection_to(address)) as connection:
            connection.request(
                "GET", (address.path or "/") + (f"?{address.query}" if address.query else ""), headers=login(address)
            )
            response = connection.getresponse()
            if response.status != HTTPStatus.OK:
                raise StreamError(f"it answers {response.status} {printable(response.reason)}.")
            boundary = boundary_of(response.headers.get("content-type", ""))
            yield from split_parts(chunks_of(response, stop), boundary)
    except (OSError, HTTPException, ValueError) as error:
        raise StreamError(
            f"No stream from {shown}: {plain(error)}. See that the camera is on and the address right."
        ) from error
    except StreamError as error:
        raise StreamError(f"No stream from {shown}: {error}") from error


def split(url: str) -> SplitResult:
    """The address in parts; what is wrong with one is told without quoting it, for there may be a password in it."""
    try:
        address = urlsplit(url)
        asked = address.path + address.query
        good = address.hostname and address.port != 0 and " " not in asked and asked.isprintable()
    except ValueError:
        good = False
    if not good:
        raise StreamError("it is no address. Write http://host:port/path; elsewhere a / is %2F, a space %20.")
    return address


def connection_to(address: SplitResult) -> HTTPConnection:
    """A connection that is not open yet."""
    assert address.hostname
    if address.scheme.lower() == "https":
        return HTTPSConnection(address.hostname, address.port, timeout=STALLED_S, context=ssl.create_default_context())
    return HTTPConnection(address.hostname, address.port, timeout=STALLED_S)


def login(address: SplitResult) -> dict[str, str]:
    """The header of a name and password in the address; they are sent as they are."""
    if address.username is None:
        return {}
    plainly = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(plainly.encode()).decode()}"}


def chunks_of(response: HTTPResponse, stop: Event) -> Iterator[bytes]:
    """What comes, as it comes, as long as somebody wants it."""
    while not stop.is_set() and (chunk := response.read1(CHUNK_BYTES)):
        yield chunk


def plain(error: Exception) -> str:
    """What went wrong, in words."""
    if isinstance(error, TimeoutError):
        return f"nothing came for {STALLED_S:g} s"
    return getattr(error, "strerror", None) or printable(str(error)) or type(error).__name__
