"""What the service promises, as /openapi.json says it: types, refusals, examples."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel, PositiveInt

from crackwise.predictor import ModelCard
from crackwise.serve.refusal import CODES, Fault
from crackwise.strict import Strict

__all__ = [
    "BATCH", "HEALTH", "INSPECT", "METRICS", "MODEL", "MODEL_SHA256", "PREDICT", "READY", "Health", "Model", "Tile"
]  # fmt: skip

MODEL_SHA256 = "X-Model-SHA256"
"""The header by which an answer of /predict says whose it is; `crackwise.backends.remote` holds it to that."""


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "ready"]


class Model(BaseModel):
    """Which model answers, and what one request may hold."""

    card: ModelCard
    sha256: str
    """Of the model file."""
    runtime: str
    precision: str
    max_megapixels: float
    """Of one photograph."""
    max_body_bytes: int
    max_photos: int
    max_tile_px: tuple[int, int]
    """Height and width of what /predict takes at once."""
    per_caller: int | None = None
    """Requests that one address may have here at a time; null: no limit of its own."""


class Tile(Strict):
    """How many pixels follow; `max_tile_px` of /model says how many may."""

    height: PositiveInt
    width: PositiveInt


RESULT = {
    "schema": "crackwise.inspection/1", "source": "upload", "sha256": "9f86d0...", "width_px": 640, "height_px": 480,
    "mm_per_px": 0.2, "mm_per_px_source": "given", "model": {"name": "crackwise-small"}, "cracks": [],
    "totals": {"crack_count": 0},
}  # fmt: skip
"""Cut short: docs/results.md has all keys."""
ABOUT = {
    "card": {"name": "crackwise-small", "version": "0.1.0", "classes": ["crack"], "threshold": 0.6},
    "sha256": "5e3058...", "runtime": "onnxruntime", "precision": "f32",
    "max_megapixels": 50.0, "max_body_bytes": 33554432, "max_photos": 32, "max_tile_px": [1536, 1536],
    "per_caller": None,
}  # fmt: skip
FAILED = {"schema": "crackwise.error/1", "source": "b.jpg", "error": "b.jpg is damaged or incomplete: ..."}
PICTURE = {"schema": {"type": "string", "format": "binary"}}
SIGNED = {MODEL_SHA256: {"description": "Of the model file that answered.", "schema": {"type": "string"}}}
RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Responses by status; codes that share one stand together."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, meaning = CODES[code]
        row = found.setdefault(status, {"model": Fault, "description": ""})
        row["description"] = "; ".join(filter(None, (row["description"], f"`{code}`: {meaning}")))
        example = {"code": code, "error": f"{meaning[0].upper()}{meaning[1:]}.", "request_id": "5f0c9e1d2b3a4857"}
        row.setdefault("content", {"application/json": {"examples": {}}})
        row["content"]["application/json"]["examples"][code] = {"value": example}
        if status in (429, 503):
            row["headers"] = RETRY
    return found


def form(array: bool) -> dict[str, Any]:
    """A form of one photograph, or of several."""
    part: dict[str, Any] = {"type": "string", "format": "binary"}
    schema = {"type": "array", "items": part, "minItems": 1} if array else part
    fields = {"type": "object", "properties": {"image": schema}, "required": ["image"], "additionalProperties": False}
    return {"schema": fields}


def answers(example: Any) -> dict[str, Any]:
    """What comes back where all is well."""
    kinds = ("image/png", "image/jpeg", "multipart/form-data")
    content: dict[str, Any] = {"application/json": {"schema": {}, "example": example}}
    return {"description": "What `answer` asks for.", "content": content | dict.fromkeys(kinds, PICTURE)}


SENT = ("bad_request", "no_token", "too_slow", "too_large", "wrong_type", "photo_refused", "wrong_option", "too_many",
        "mistake", "busy", "stopping")  # fmt: skip
"""What can become of a body."""
BODIES = {"image/jpeg": PICTURE, "image/png": PICTURE, "application/octet-stream": PICTURE}

RAW: dict[str, Any] = {"response_class": Response}
"""Answers that are no JSON, or not always."""

INSPECT: dict[str, Any] = RAW | {
    "responses": {200: answers(RESULT), **refusals(*SENT)},
    "openapi_extra": {"requestBody": {"required": True, "content": BODIES | {"multipart/form-data": form(False)}}},
}
BATCH: dict[str, Any] = RAW | {
    "responses": {200: answers([RESULT, FAILED]), **refusals(*SENT)},
    "openapi_extra": {"requestBody": {"required": True, "content": {"multipart/form-data": form(True)} | BODIES}},
}
PREDICT: dict[str, Any] = RAW | {
    "responses": {
        200: {
            "description": "Float32, little-endian.",
            "headers": SIGNED,
            "content": {"application/octet-stream": PICTURE},
        },
        **refusals(*SENT),
    },
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/octet-stream": PICTURE}}},
}
HEALTH: dict[str, Any] = {"responses": {200: {"content": {"application/json": {"example": {"status": "ok"}}}}}}
READY: dict[str, Any] = {
    "responses": {
        200: {"content": {"application/json": {"example": {"status": "ready"}}}},
        **refusals("busy", "stopping"),
    }
}
MODEL: dict[str, Any] = {
    "responses": {200: {"content": {"application/json": {"example": ABOUT}}}, **refusals("no_token")}
}
METRICS: dict[str, Any] = RAW | {
    "responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals("no_token")}
}
