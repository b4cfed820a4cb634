"""What every request passes: it gets a number, shows its token, is counted and logged, and ends in one shape."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crackwise.serve.metrics import Metrics
from crackwise.serve.refusal import RefusalError, refuse

__all__ = ["REQUEST_ID", "Gate"]

LOG = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
OPEN = frozenset({"/health", "/ready"})
"""Paths that ask for no token."""
LEAST_REFUSAL = 400
HEAR_OUT_S = 2.0
SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Gate:
    """An ASGI application around another; logs name paths of ours and numbers, never what the caller sent."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, token: str | None) -> None:
        self.app = app
        self.metrics = metrics
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = number_of(headers)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status, started, arrived = 0, time.monotonic(), False
        waits = "expect" in headers  # to be told that its body is wanted, which it is by reading on

        async def hear() -> Message:
            nonlocal arrived, waits
            waits = False
            message = await receive()
            arrived = not message.get("more_body", False)
            return message

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status >= LEAST_REFUSAL and hangs_up(headers) and not waits:
                    await hear_out(hear, lambda: arrived)
                MutableHeaders(scope=message).update(SAFE | {REQUEST_ID: request_id})
            await send(message)

        try:
            if self.admits(scope["path"], headers):
                await self.app(scope, hear, tell)
            else:
                state["code"] = "no_token"
                refusal = RefusalError("no_token", "Send the token of this service as: Authorization: Bearer TOKEN")
                await refuse(refusal, request_id)(scope, hear, tell)
        except Exception:
            LOG.exception("mistake", extra={"told": {"request_id": request_id}})
            state["code"] = "mistake"
            if status:  # the answer has begun: all that can be done is to break it off
                raise
            await refuse(RefusalError("mistake", "A mistake in crackwise. Please report it."), request_id)(
                scope, hear, tell
            )
        finally:
            self.record(scope, status, time.monotonic() - started)

    def admits(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether the caller may ask for this; how long that takes says nothing about the token."""
        if self.token is None or path in OPEN:
            return True
        given = headers.get("authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, f"Bearer {self.token}".encode())

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Count and log one request."""
        path, state = getattr(scope.get("route"), "path", "other"), scope["state"]
        code = state.get("code")
        self.metrics.count(path, status, seconds, code)
        told = {"request_id": state["request_id"], "path": path, "status": status, "ms": round(1000 * seconds, 1)}
        LOG.info("answered", extra={"told": told | ({"code": code} if code else {}) | state.get("told", {})})


def hangs_up(headers: Mapping[str, str]) -> bool:
    """Whether the connection is closed with the answer, while the caller may still be sending a body."""
    return headers.get("connection", "").lower() == "close"


async def hear_out(hear: Receive, arrived: Callable[[], bool]) -> None:
    """Let the rest of a body come, for a moment: a connection closed on one who still writes loses the answer too."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HEAR_OUT_S):
            while not arrived():
                await hear()


def number_of(headers: Mapping[str, str]) -> str:
    """The caller's own number for a request, where it is one, or a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if SANE_ID.fullmatch(given) else secrets.token_hex(8)
