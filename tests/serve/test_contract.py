"""The service against what /openapi.json promises."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from schemathesis import GenerationMode

from contract import ask, contract_of

POSTS = ("/inspect", "/inspect/batch", "/predict")
GETS = ("/health", "/ready", "/model", "/metrics")


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", POSTS)
def test_bodies_are_answered_as_promised(app: FastAPI, path: str, mode: GenerationMode) -> None:
    assert ask(contract_of(app), path, "POST", mode, 60) > 10


@pytest.mark.parametrize("path", GETS)
def test_conditions_are_told_as_promised(app: FastAPI, path: str) -> None:
    assert ask(contract_of(app), path, "GET", GenerationMode.POSITIVE, 5) >= 1


def test_the_contract_promises_that_probabilities_are_signed(app: FastAPI) -> None:
    assert "X-Model-SHA256" in app.openapi()["paths"]["/predict"]["post"]["responses"]["200"]["headers"]


def test_the_contract_has_an_example_for_every_answer(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert sorted(paths) == sorted((*POSTS, *GETS))
    for path, methods in paths.items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                json = response.get("content", {}).get("application/json")
                assert json is None or json.keys() & {"example", "examples"}, (path, status)
