"""Who is worked on, who waits, and who is sent away."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from crackwise.serve.refusal import RefusalError
from crackwise.serve.settings import Settings

__all__ = ["Desk"]

T = TypeVar("T")

LONGEST_RETRY_S = 60
LAST_WORD_S = 1.0
"""What is left to requests that are still arriving when the service is being stopped."""


class Desk:
    """A bounded queue before a few threads, and a bound on what all requests hold in memory together.

    Everything but the jobs themselves runs on the event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="work")
        self.reader = ThreadPoolExecutor(1, thread_name_prefix="read")
        """Takes bodies apart, one after the other: several at it would keep the event loop from answering."""
        self.turns = asyncio.Semaphore(settings.workers)
        self.places_taken = 0
        self.working = 0
        self.held_bytes = 0
        self.callers: Counter[str] = Counter()
        """Requests that are here, of each address."""
        self.stopping = False
        self.accepted = 0
        """Requests that got a place, ever."""
        self.finished = 0
        """Of these."""
        self.arriving: set[asyncio.Timeout] = set()
        self.job_s = 1.0
        """What a job takes, by the last few."""

    def close(self) -> None:
        """Let go of the threads."""
        for threads in (self.threads, self.reader):
            threads.shutdown(wait=False)

    @property
    def waiting(self) -> int:
        """Requests that have a place and no thread yet."""
        return self.places_taken - self.working

    def stop(self) -> None:
        """Take in nobody else; what has a place is finished, what is still arriving gets a last second."""
        self.stopping = True
        for limit in self.arriving:
            when = asyncio.get_running_loop().time() + LAST_WORD_S
            limit.reschedule(min(when, limit.when() or when))

    def refuse_if_full(self) -> None:
        """Send away who would not get a place, before anything is read.

        Raises:
            RefusalError: ``busy`` or ``stopping``.
        """
        if self.stopping:
            raise RefusalError("stopping", "The service is being stopped. Ask again later.", retry_after_s=5)
        if self.places_taken >= self.settings.workers + self.settings.queue:
            raise self.busy(f"All {self.settings.queue} places in the queue are taken.")

    def busy(self, why: str) -> RefusalError:
        """What is said to who is sent away."""
        return RefusalError("busy", f"{why} Ask again after Retry-After.", retry_after_s=self.free_in_s())

    def free_in_s(self) -> int:
        """The time in which a place may be free."""
        seconds = math.ceil(self.places_taken * self.job_s / self.settings.workers)
        return min(max(seconds, 1), LONGEST_RETRY_S)

    @contextmanager
    def caller(self, address: str) -> Iterator[None]:
        """One request of an address, from its body to its answer.

        Raises:
            RefusalError: as many of its requests are here as may be.
        """
        if self.settings.per_caller is not None and self.callers[address] >= self.settings.per_caller:
            told = f"Requests of this address here: {self.callers[address]}, as many as may be. See Retry-After."
            raise RefusalError("too_many", told, retry_after_s=self.free_in_s())
        self.callers[address] += 1
        try:
            yield
        finally:
            self.callers -= Counter([address])

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue."""
        self.refuse_if_full()
        self.places_taken += 1
        self.accepted += 1
        try:
            yield
        finally:
            self.places_taken -= 1
            self.finished += 1

    async def work(self, request: Request, job: Callable[[], T]) -> T:
        """What the job returns, computed on a thread when its turn comes; not at all for a caller who has left.

        Raises:
            RefusalError: the turn did not come in time, or there is nobody to answer.
        """
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                await self.turns.acquire()
        except TimeoutError as error:
            raise self.busy(f"The turn did not come within {self.settings.timeout_s:g} s.") from error
        self.working += 1
        started = time.monotonic()
        try:
            if await request.is_disconnected():
                raise RefusalError("gone", "The caller left.")
            answer = await asyncio.get_running_loop().run_in_executor(self.threads, job)
            self.job_s += 0.1 * (time.monotonic() - started - self.job_s)
            return answer
        finally:
            self.working -= 1
            self.turns.release()

    @asynccontextmanager
    async def body(self, request: Request, read: Callable[[bytes], T]) -> AsyncIterator[T]:
        """What ``read`` makes of a request's body, on a thread; as many bytes count as held until the end.

        The body itself is gone by then, unless it is what ``read`` returns.

        Raises:
            RefusalError: too large, too slow, too much or too many at once, or the caller left before its end.
        """
        self.refuse_if_full()
        announced = request.headers.get("content-length", "")
        if announced.isdecimal():
            self.refuse_larger(int(announced))
        with self.caller(request.client.host if request.client else ""), self.holding() as hold:
            body = await self.collect(request, hold)
            made = await asyncio.get_running_loop().run_in_executor(self.reader, read, body)
            del body
            yield made

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Counts bytes as held, as they come, until the end."""
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            mine += size
            self.held_bytes += size

        try:
            yield hold
        finally:
            self.held_bytes -= mine

    async def collect(self, request: Request, hold: Callable[[int], None]) -> bytes:
        """The body, in one piece from the beginning: small ones, to be joined at the end, would be twice of it."""
        arrived = BytesIO()
        try:
            async with asyncio.timeout(self.settings.timeout_s) as limit:
                self.arriving.add(limit)
                async for piece in request.stream():
                    hold(len(piece))
                    self.refuse_larger(arrived.tell() + len(piece))
                    arrived.write(piece)
                    if self.held_bytes > self.settings.max_held_bytes:
                        raise self.busy("The uploads that are here already fill the memory set aside for them.")
        except TimeoutError as error:
            if self.stopping:
                self.refuse_if_full()
            raise RefusalError("too_slow", f"The body did not arrive within {self.settings.timeout_s:g} s.") from error
        except ClientDisconnect as error:
            raise RefusalError("gone", "The caller left before the end of the body.") from error
        finally:
            self.arriving.discard(limit)
        return arrived.getvalue()

    def refuse_larger(self, size: int) -> None:
        """See that a body stays within its limit."""
        if size > self.settings.max_body_bytes:
            raise RefusalError(
                "too_large", f"A body may have {self.settings.max_body_mib:g} MiB. Send smaller or fewer photographs."
            )
