"""The service on a port, its log, and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import uvicorn

from crackwise.errors import CrackwiseError
from crackwise.predictor import Predictor
from crackwise.serve.app import create_app
from crackwise.serve.desk import Desk
from crackwise.serve.patience import patient
from crackwise.serve.settings import Settings
from crackwise.signals import Ending

__all__ = ["serve"]

LOG = logging.getLogger("crackwise.serve")

KEEP_ALIVE_S = 15
"""Longer than the clients' own, so that they close first and never write into a closed connection."""
BACKLOG = 2048
LOOPBACK = ("127.", "::1", "localhost")


class JsonLines(logging.Formatter):
    """One line of JSON for every event."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


class Server(uvicorn.Server):
    """Stops taking in at the first signal and finishes what it has; the second ends it at once."""

    def __init__(self, config: uvicorn.Config, desk: Desk, told: dict[str, Any]) -> None:
        super().__init__(config)
        self.desk = desk
        self.told = told
        self.ending = Ending()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        LOG.info("listening", extra={"told": self.told})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what it has."""
        await super().shutdown(sockets)
        await asyncio.sleep(self.ending.left_s)  # while the echo of a signal is still heard here

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; unlike uvicorn's own, this leaves exit status 0 when all is finished."""
        if self.ending.insisted():
            os._exit(128 + sig)
        self.should_exit = True
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.desk.stop)


def serve(predictor: Predictor, settings: Settings, *, host: str, port: int) -> None:
    """Answer requests until SIGTERM or SIGINT; port 0 takes a free one. The log, on standard output, says which.

    Raises:
        CrackwiseError: nothing can listen there.
    """
    log_to_stdout()
    app = create_app(predictor, settings)
    listener = listen(host, port)
    told = {
        "url": url_of(listener), "model": predictor.card.name, "sha256": predictor.sha256,
        "workers": settings.workers, "queue": settings.queue, "per_caller": settings.per_caller,
        "token": settings.token is not None,
    }  # fmt: skip
    if settings.token is None and not host.startswith(LOOPBACK):
        LOG.warning("anyone who reaches this port may use it: no token is set")
    config = uvicorn.Config(
        app, http=patient(settings.timeout_s), ws="none", loop="asyncio", lifespan="on", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
    )  # fmt: skip
    Server(config, app.state.desk, told).run(sockets=[listener])
    desk: Desk = app.state.desk
    LOG.info("stopped", extra={"told": {"accepted": desk.accepted, "finished": desk.finished}})


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CrackwiseError(f"Cannot listen on {host}:{port}: {reason}. Choose another --host or --port.") from error


def url_of(listener: socket.socket) -> str:
    """Where the service is."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def log_to_stdout() -> None:
    """Everything as lines of JSON; standard error is silenced now and then, while libtiff is at work."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOG.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it quotes what was sent
    logging.captureWarnings(capture=True)
