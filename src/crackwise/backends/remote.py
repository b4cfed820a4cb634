"""Predict on another machine: a `crackwise serve` there is one more `Predictor` here."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Sequence
from threading import BoundedSemaphore

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from crackwise.errors import ModelError, ModelReplacedError, printable, without_secrets
from crackwise.predictor import ModelCard

__all__ = ["TOKEN_VARIABLE", "RemotePredictor", "load"]

TOKEN_VARIABLE = "CRACKWISE_TOKEN"
MODEL_SHA256 = "X-Model-SHA256"
"""The header by which a server says which model answered."""
TIMEOUT_S = httpx.Timeout(120.0, connect=10.0)
TRIES = 5
LONGEST_WAIT_S = 30.0
COME_AGAIN = (429, 503)
MOST_AT_ONCE = 64
"""Requests that are on their way, where the server has no limit of its own."""


class RemotePredictor:
    """The model of a server. Pixels travel as they are and probabilities in full, so the numbers are the server's own.

    Several threads may call it.
    """

    def __init__(self, client: httpx.Client) -> None:
        """Ask the server which model it has.

        Raises:
            ModelError: nobody answers there, or not like a service of ours.
        """
        self.client = client
        self.place = printable(without_secrets(str(client.base_url)))
        weakref.finalize(self, client.close)
        answer = self.ask("GET", "/model")
        try:
            about = answer.json()
            self.card = ModelCard.model_validate(about["card"])
            self.sha256, self.runtime, self.precision = (str(about[key]) for key in ("sha256", "runtime", "precision"))
            self.at_once = BoundedSemaphore(int(about.get("per_caller") or MOST_AT_ONCE))
        except (ValueError, LookupError, TypeError, ValidationError) as error:
            raise ModelError(
                f"{self.place} is no crackwise service, or one of another version: its /model has no card that "
                "can be read."
            ) from error

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """uint8 RGB (h, w, 3) to float32 probabilities (k, h, w), the server's own bits.

        Raises:
            ModelError: the server is gone, refuses, stays busy, has another model by now, or answers something else.
        """
        height, width = pixels.shape[:2]
        with self.at_once:  # else callers of ours would send each other away
            answer = self.ask("POST", f"/predict?height={height}&width={width}", pixels.tobytes())
        self.refuse_another_model(answer.headers.get(MODEL_SHA256, ""))
        expected = (len(self.card.classes), height, width)
        maps = np.frombuffer(answer.content[: len(answer.content) // 4 * 4], "<f4")
        if maps.nbytes != len(answer.content) or maps.size != np.prod(expected) or not np.isfinite(maps).all():
            raise ModelError(
                f"{self.place} returned {len(answer.content)} bytes where finite numbers of {expected} were "
                "expected. Something between may have cut the answer: try again."
            )
        return maps.reshape(expected).astype(np.float32)

    def refuse_another_model(self, sha256: str) -> None:
        """See that the answer is of the model whose card results will carry.

        Raises:
            ModelReplacedError: it is not, or does not tell.
        """
        if not sha256:
            raise ModelReplacedError(
                f"{self.place} does not say which model answered, as every `crackwise serve` of this version "
                f"does. Bring the server to this version, let proxies pass {MODEL_SHA256}, and start again."
            )
        if sha256 != self.sha256:
            raise ModelReplacedError(
                f"{self.place} has another model by now: {printable(sha256[:12])} answered, and this began "
                f"with {self.sha256[:12]}. Start again to use the new one throughout."
            )

    def ask(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        """What the server says, after waiting where it says that it is busy."""
        answer = self.send(method, path, content)
        for _ in range(TRIES - 1):
            if answer.status_code not in COME_AGAIN:
                break
            time.sleep(wait_s(answer))
            answer = self.send(method, path, content)
        if answer.status_code != httpx.codes.OK:
            raise ModelError(f"{self.place} {reason_of(answer)}")
        return answer

    def send(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        """One request."""
        kind = {"Content-Type": "application/octet-stream"} if content is not None else {}
        try:
            return self.client.request(method, path, content=content, headers=kind)
        except httpx.TimeoutException as error:
            raise ModelError(f"{self.place} does not answer in time. Is it overloaded?") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = printable(str(error)) or type(error).__name__
            raise ModelError(f"Cannot reach {self.place}: {reason}. Is `crackwise serve` running there?") from error


def load(source: str, *, threads: int | None = None, prompts: Sequence[str] = ()) -> RemotePredictor:  # noqa: ARG001
    """The model of the server at ``http://host:port``, whose own affair ``threads`` are.

    `CRACKWISE_TOKEN` in the environment is shown to it.

    Raises:
        ModelError: nobody answers there, not like a service of ours, or there are ``prompts``.
    """
    place = printable(without_secrets(source))
    if prompts:
        raise ModelError(f"{place} takes no prompts: a server's model knows its own classes.")
    token = os.environ.get(TOKEN_VARIABLE)
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        client = httpx.Client(base_url=source, headers=shown, timeout=TIMEOUT_S)
    except (httpx.InvalidURL, ValueError) as error:
        raise ModelError(  # the reason may quote a password
            f"{place!r} is no address of a server. Write http://host:port; in a name or password / is %2F and @ is %40."
        ) from error
    return RemotePredictor(client)


def wait_s(answer: httpx.Response) -> float:
    """How long the server asks us to wait."""
    told = answer.headers.get("Retry-After", "")
    return min(float(told), LONGEST_WAIT_S) if told.isdecimal() else 1.0


def reason_of(answer: httpx.Response) -> str:
    """What a server that did not do it says about that."""
    try:
        told = str(answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        told = "It may be no crackwise service."
    if answer.status_code in COME_AGAIN:
        return f"is still busy after {TRIES} tries. {printable(told)}"
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return f"asks for a token: set {TOKEN_VARIABLE} to the one it was started with."
    return f"refused with status {answer.status_code}. {printable(told)}"
