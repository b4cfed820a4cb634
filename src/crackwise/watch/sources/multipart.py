"""The parts of a ``multipart/x-mixed-replace`` stream, in a memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crackwise.errors import StreamError

__all__ = ["boundary_of", "split_parts"]

MOST_HEADER_BYTES = 8192
"""Before a part's picture, and between the parts."""
MOST_PART_BYTES = 32 << 20
LONGEST_BOUNDARY = 70
"""RFC 2046, 5.1.1."""
JPEG_TYPES = ("image/jpeg", "image/jpg")


class Incoming:
    """Bytes as they come, taken off up to a marker or by number."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.held = bytearray()

    def more(self) -> None:
        """Wait for the next bytes.

        Raises:
            StreamError: there are none.
        """
        chunk = next(self.chunks, None)
        if chunk is None:
            raise StreamError("The stream ended in the middle of a picture.")
        self.held += chunk

    def over(self) -> bool:
        """Whether nothing is held and nothing comes."""
        while not self.held:
            chunk = next(self.chunks, None)
            if chunk is None:
                return True
            self.held += chunk
        return False

    def until(self, marker: bytes, most: int) -> bytes:
        """What comes before the marker, which is taken off too."""
        searched = 0
        while (at := self.held.find(marker, searched)) < 0:
            if len(self.held) > most:
                raise StreamError(f"The stream is out of step: no {marker!r} within {most:,} bytes.")
            searched = max(0, len(self.held) - len(marker) + 1)
            self.more()
        if at > most:
            raise StreamError(f"The stream is out of step: no {marker!r} within {most:,} bytes.")
        return self.take(at, len(marker))

    def exactly(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        while len(self.held) < count:
            self.more()
        return self.take(count, 0)

    def take(self, count: int, beyond: int) -> bytes:
        """Take off ``count`` bytes, and forget the ``beyond`` that follow."""
        taken = bytes(self.held[:count])
        del self.held[: count + beyond]
        return taken


def boundary_of(content_type: str) -> bytes:
    """The delimiter between the parts, from the header of the stream; cameras disagree whether it brings its dashes.

    Raises:
        StreamError: this is no stream of pictures.
    """
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    names = dict(part.partition("=")[::2] for part in parameters)
    boundary = next((value.strip('"') for name, value in names.items() if name.strip().lower() == "boundary"), "")
    if kind.lower() != "multipart/x-mixed-replace" or not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise StreamError(
            f"It sends {content_type or 'something without a type'!r}, not an MJPEG stream "
            "(multipart/x-mixed-replace). Pass the address of the stream itself, not of the page that shows it."
        )
    return boundary.removeprefix("--").encode("latin-1", "replace")


def split_parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The JPEGs of a stream, each as soon as its last byte is there.

    Raises:
        StreamError: it ends inside a picture, is out of step, or sends something else.
    """
    incoming = Incoming(chunks)
    delimiter = b"--" + boundary
    incoming.until(delimiter, MOST_HEADER_BYTES)
    while True:
        if incoming.exactly(2) == b"--" or incoming.over():
            return
        length = read_headers(incoming)
        if length is None:
            yield incoming.until(b"\r\n" + delimiter, MOST_PART_BYTES)
            continue
        yield incoming.exactly(length)
        if incoming.until(delimiter, MOST_HEADER_BYTES).strip(b"\r\n-"):
            raise StreamError("The stream is out of step: a picture is longer than its Content-Length.")


def read_headers(incoming: Incoming) -> int | None:
    """Read up to the empty line; how many bytes follow, where they are told."""
    length = None
    left = MOST_HEADER_BYTES
    while line := incoming.until(b"\r\n", left):
        left -= len(line) + 2
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "content-type" and value.partition(";")[0].strip().lower() not in JPEG_TYPES:
            raise StreamError(f"The stream sends {value.strip()!r} where image/jpeg was expected.")
        if name.strip().lower() == "content-length":
            if not value.strip().isascii() or not value.strip().isdigit() or int(value) > MOST_PART_BYTES:
                raise StreamError(f"The stream announces a picture of {value.strip()[:40]!r} bytes.")
            length = int(value)
        if left <= 0:
            raise StreamError("The stream is out of step: its headers do not end.")
    return length
