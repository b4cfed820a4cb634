"""Places, turns and memory, without a socket."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from starlette.requests import Request

from crackwise.serve.desk import Desk
from crackwise.serve.refusal import RefusalError
from crackwise.serve.settings import MIB, Settings


def request_of(*pieces: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), end: str = "http.request") -> Request:
    """A request whose body comes in pieces, and then ends, or never does where ``end`` is empty."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    left += [{"type": end, "body": b"", "more_body": False}] if end else []

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return Request({"type": "http", "method": "POST", "headers": list(headers)}, receive)


def request_of_each(pieces: Iterator[bytes]) -> Request:
    """A request whose body is made as it is read."""

    async def receive() -> dict[str, object]:
        piece = next(pieces, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def desk_of(**options: float) -> Desk:
    return Desk(Settings(**{"workers": 1, "queue": 1, "max_body_mib": 1, "timeout_s": 5, **options}))  # type: ignore[arg-type]


async def read(desk: Desk, request: Request) -> bytes:
    async with desk.body(request, lambda body: body) as body:
        assert desk.held_bytes == len(body)
        return body


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(RefusalError) as caught:
        act()
    return caught.value.code


def test_a_body_is_given_back_when_it_is_no_longer_needed() -> None:
    desk = desk_of()
    assert asyncio.run(read(desk, request_of(b"ab", b"c"))) == b"abc"
    assert desk.held_bytes == 0


def test_a_body_is_in_memory_once_and_not_at_all_when_it_has_been_read() -> None:
    desk = desk_of(max_body_mib=8)
    pieces = (bytes([i]) * (MIB // 4) for i in range(16))

    async def sizes() -> tuple[int, int]:
        async with desk.body(request_of_each(pieces), len) as size:
            return size, tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        size, left = asyncio.run(sizes())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 4 * MIB
    assert left < 0.5 * MIB
    assert peak < 1.5 * size


def test_a_body_that_cannot_be_read_holds_nothing() -> None:
    desk = desk_of()

    async def read_badly() -> None:
        async with desk.body(request_of(b"abc"), lambda body: 1 // (len(body) - 3)):
            pass

    with pytest.raises(ZeroDivisionError):
        asyncio.run(read_badly())
    assert desk.held_bytes == 0


@pytest.mark.parametrize("end", ["http.disconnect", ""])
def test_a_body_that_does_not_come_whole_holds_nothing(end: str) -> None:
    desk = desk_of(timeout_s=0.05)
    code = refused(lambda: asyncio.run(read(desk, request_of(b"abc", end=end))))
    assert code == ("gone" if end else "too_slow")
    assert desk.held_bytes == 0


def test_a_body_is_refused_as_soon_as_it_is_over_the_limit() -> None:
    unread = request_of(bytes(MIB), b"1", end="")
    assert refused(lambda: asyncio.run(read(desk_of(), unread))) == "too_large"
    claimed = request_of(headers=((b"content-length", b"9999999"),), end="")
    assert refused(lambda: asyncio.run(read(desk_of(), claimed))) == "too_large"


def test_all_bodies_together_have_a_limit() -> None:
    desk = desk_of()
    desk.held_bytes = 8 * MIB
    assert refused(lambda: asyncio.run(read(desk, request_of(b"a")))) == "busy"
    assert desk.held_bytes == 8 * MIB


def test_places_are_counted() -> None:
    desk = desk_of()
    with desk.place(), desk.place():
        assert refused(lambda: desk.place().__enter__()) == "busy"
        assert (desk.places_taken, desk.waiting) == (2, 2)
    assert (desk.places_taken, desk.accepted, desk.finished) == (0, 2, 2)


def test_requests_of_one_address_are_counted() -> None:
    desk = desk_of(per_caller=2)
    with desk.caller("a"), desk.caller("a"), desk.caller("b"):
        assert refused(lambda: desk.caller("a").__enter__()) == "too_many"
        assert desk.callers == {"a": 2, "b": 1}
    assert not desk.callers


def test_who_is_sent_away_is_told_when_to_come_again() -> None:
    desk = desk_of(workers=2, queue=4)
    desk.job_s, desk.places_taken = 3.0, 6
    assert desk.busy("").retry_after_s == 9
    desk.places_taken = 1000
    assert desk.busy("").retry_after_s == 60


def test_a_desk_that_stops_takes_in_nobody_and_hurries_those_who_arrive() -> None:
    desk = desk_of(timeout_s=60)

    async def stop_while_one_arrives() -> None:
        arriving = asyncio.create_task(read(desk, request_of(b"a", end="")))
        await asyncio.sleep(0.01)
        desk.stop()
        await arriving

    assert refused(lambda: asyncio.run(stop_while_one_arrives())) == "stopping"
    assert refused(lambda: desk.place().__enter__()) == "stopping"


def test_work_for_who_has_left_is_not_done() -> None:
    done: list[int] = []
    code = refused(lambda: asyncio.run(desk_of().work(request_of(end="http.disconnect"), lambda: done.append(1))))
    assert (code, done) == ("gone", [])


def test_a_turn_is_given_back_by_a_job_that_fails() -> None:
    desk = desk_of()

    async def fail_then_work() -> int:
        request = request_of(end="")
        with pytest.raises(ZeroDivisionError):
            await desk.work(request, lambda: 1 // 0)
        return await desk.work(request, lambda: 1)

    assert asyncio.run(fail_then_work()) == 1
    assert desk.working == 0
