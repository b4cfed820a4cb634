"""The contract of the service, for a few hundred cases in the tests and thousands in the benchmark."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection

from drawn_walls import parts_of

CANNOT_TELL = ["2xx", "400", "413", "415", "422"]
"""Whether bytes are a photograph, or as many as height and width say, is more than a schema can tell."""


def photo(kind: str) -> st.SearchStrategy[bytes]:
    """True photographs, small, of any sizes and greys, and bytes that are none."""

    def draw(height: int, width: int, grey: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(np.full((height, width, 3), grey, np.uint8)).save(stream, kind)
        return stream.getvalue()

    sides = st.integers(1, 40)
    return st.builds(draw, sides, sides, st.integers(0, 255)) | st.binary(max_size=200)


schemathesis.openapi.media_type("image/png", photo("PNG"))
schemathesis.openapi.media_type("image/jpeg", photo("JPEG"))


def contract_of(app: Any) -> BaseSchema:
    """What an application promises."""
    checks = {"positive_data_acceptance": {"expected-statuses": CANNOT_TELL}}
    config = SchemathesisConfig.from_dict({"checks": checks})
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


def is_mended(request: Any) -> bool:
    """Whether a form that was meant to be wrong became right on its way: not every name survives its encoding."""
    kind = request.headers.get("Content-Type", "")
    return kind.startswith("multipart/") and list(parts_of(kind, request.body or b"")) == ["image"]


def ask(contract: BaseSchema, path: str, method: str, mode: GenerationMode, cases: int) -> int:
    """Try an operation with so many cases, its answers validated by every check; how many were asked."""
    asked = 0

    @settings(
        max_examples=cases, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=contract[path][method].as_strategy(generation_mode=mode))
    def answers_as_promised(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        answer = case.call()
        case.validate_response(answer, excluded_checks=[negative_data_rejection] if is_mended(answer.request) else [])

    answers_as_promised()
    return asked
