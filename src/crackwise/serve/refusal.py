"""Requests that are not answered as they wished: one shape of JSON for all of them."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from crackwise.errors import CrackwiseError, ImageError, printable

__all__ = ["CODES", "Fault", "RefusalError", "answer_refusals", "refuse"]

LOG = logging.getLogger(__name__)

CODES = {
    "bad_request": (400, "the body is not what its header says, or has parts that are unknown, missing or too many"),
    "no_token": (401, "the bearer token is missing or wrong"),
    "not_found": (404, "no such path"),
    "wrong_method": (405, "the path knows other methods"),
    "too_slow": (408, "the body did not arrive in time"),
    "too_large": (413, "the body is over the limit"),
    "wrong_type": (415, "the content type is not one of those named here"),
    "photo_refused": (422, "the photograph is damaged, too large, or of another format"),
    "wrong_option": (422, "an option is unknown or out of range"),
    "gone": (499, "the caller left before the answer was there"),
    "too_many": (429, "as many requests of this address are here as may be; ask again after Retry-After seconds"),
    "mistake": (500, "a mistake of ours; the log of the service has the rest"),
    "busy": (503, "every place is taken; ask again after Retry-After seconds"),
    "stopping": (503, "the service is being stopped; ask again after Retry-After seconds"),
}
"""Code of a refusal to its status and meaning."""


class Fault(BaseModel):
    """Why a request was not answered."""

    code: str
    """For programs: a row of `CODES`."""
    error: str
    """For people: what was wrong, what we got, what to do."""
    request_id: str


class RefusalError(Exception):
    """A request that goes no further."""

    def __init__(self, code: str, error: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(error)
        self.code = code
        self.error = error
        self.retry_after_s = retry_after_s


def refuse(refusal: RefusalError, request_id: str) -> JSONResponse:
    """The answer to a request that goes no further."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    if refusal.code == "no_token":
        headers["WWW-Authenticate"] = "Bearer"
    fault = Fault(code=refusal.code, error=printable(refusal.error), request_id=request_id)
    return JSONResponse(fault.model_dump(), CODES[refusal.code][0], headers)


def answer_refusals(app: FastAPI) -> None:
    """Bring whatever ends a request into the one shape."""

    @app.exception_handler(RefusalError)
    async def refused(request: Request, refusal: RefusalError) -> JSONResponse:
        return answer(request, refusal)

    @app.exception_handler(CrackwiseError)
    async def failed(request: Request, error: CrackwiseError) -> JSONResponse:
        code = "photo_refused" if isinstance(error, ImageError) else "mistake"
        if code == "mistake":
            LOG.error("mistake", exc_info=error, extra={"told": {"request_id": request.state.request_id}})
        return answer(request, RefusalError(code, str(error)))

    @app.exception_handler(RequestValidationError)
    async def misasked(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(request, RefusalError("wrong_option", "; ".join(map(fault_text, error.errors()))))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        code = next((code for code, (status, _) in CODES.items() if status == error.status_code), "bad_request")
        response = answer(request, RefusalError(code, f"{error.detail}. See /openapi.json for what there is."))
        response.headers.update(error.headers or {})
        return response


def answer(request: Request, refusal: RefusalError) -> JSONResponse:
    """The answer, noted for the log."""
    request.state.code = refusal.code
    return refuse(refusal, request.state.request_id)


def fault_text(fault: Any) -> str:
    """One wrong option in words."""
    return f"{'.'.join(map(str, fault['loc'][1:])) or 'query'}: {fault['msg']}"
