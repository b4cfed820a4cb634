"""MJPEG as cameras send it, and as they should not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackwise.errors import StreamError
from crackwise.watch.sources import multipart
from crackwise.watch.sources.multipart import boundary_of, split_parts

PICTURES = [b"\xff\xd8first\r\n--not the boundary\xff\xd9", b"", b"\xff\xd8second\xff\xd9"]


def sent(pictures: list[bytes], *, told: bool, end: bytes = b"--b--\r\n") -> bytes:
    parts = []
    for picture in pictures:
        length = f"Content-Length: {len(picture)}\r\n".encode() if told else b""
        parts.append(b"--b\r\nContent-Type: image/jpeg\r\n" + length + b"X-Timestamp: 1.5\r\n\r\n" + picture + b"\r\n")
    return b"".join(parts) + end


@given(st.integers(1, 200), st.booleans())
def test_pictures_come_out_whole_however_the_bytes_arrive(size: int, told: bool) -> None:
    stream = sent(PICTURES, told=told)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert list(split_parts(chunks, b"b")) == PICTURES


def test_a_picture_comes_out_before_the_next_begins() -> None:
    parts = split_parts(iter([sent(PICTURES[:1], told=True, end=b"")]), b"b")
    assert next(parts) == PICTURES[0]
    with pytest.raises(StreamError, match="in the middle"):
        next(parts)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"x" * 10_000, "out of step"),
        (b"--b\r\nContent-Type: text/html\r\n\r\n", "image/jpeg was expected"),
        (b"--b\r\nContent-Length: -4\r\n\r\n", "announces a picture of '-4'"),
        (b"--b\r\nContent-Length: 99999999999\r\n\r\n", "announces"),
        (b"--b\r\nContent-Length: 3\r\n\r\nabcdef\r\n--b\r\n", "longer than its Content-Length"),
        (b"--b\r\n" + b"X: y\r\n" * 2000, "out of step"),
        (b"--b\r\nContent-Length: 3\r\n\r\nab", "in the middle"),
    ],
)
def test_a_stream_out_of_step_is_left(stream: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        list(split_parts([stream], b"b"))


def test_what_never_ends_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "MOST_PART_BYTES", 100_000)
    asked = 0

    def endless():
        nonlocal asked
        yield b"--b\r\nContent-Type: image/jpeg\r\n\r\n"
        while True:
            asked += 1
            yield b"\xff" * 10_000

    with pytest.raises(StreamError, match="within 100,000 bytes"):
        list(split_parts(endless(), b"b"))
    assert asked <= 12


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=boundarydonotcross", b"boundarydonotcross"),
        ('Multipart/X-Mixed-Replace; charset=x; Boundary="a b"', b"a b"),
        ("multipart/x-mixed-replace; boundary=--myboundary", b"myboundary"),
    ],
)
def test_the_boundary_is_found_in_what_cameras_write(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize("header", ["", "text/html", "multipart/x-mixed-replace", "multipart/form-data; boundary=x"])
def test_a_page_is_no_stream(header: str) -> None:
    with pytest.raises(StreamError, match="not an MJPEG stream"):
        boundary_of(header)
