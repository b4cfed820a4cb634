"""What may be set in each kind of tuning, in words, read from the fields themselves."""

from __future__ import annotations

import inspect
from typing import Any, TypedDict

from crackwise.models.tuning.config import TUNINGS
from crackwise.strict import Strict

__all__ = ["Described", "Setting", "describe"]

WORDS = {"integer": "whole number", "number": "number", "string": "text"}
BOUNDS = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
"""A bound in a JSON schema to the word before its number."""


class Setting(TypedDict):
    """One field of a tuning."""

    name: str
    values: str
    """``"q | v | qv"``, ``"whole number above 0"``."""
    default: Any
    summary: str
    """Empty where the name says it."""


class Described(TypedDict):
    """One kind of tuning."""

    name: str
    """Its kind, and what may follow in the short form: ``lora:rank:targets``."""
    summary: str
    settings: list[Setting]


def describe() -> list[Described]:
    """Every kind of tuning with all that can be set in it."""
    return [
        {"name": ":".join((kind, *short)), "summary": one_line(inspect.getdoc(config)), "settings": settings_of(config)}
        for kind, (config, short) in TUNINGS.items()
    ]


def settings_of(config: type[Strict]) -> list[Setting]:
    """The fields of a tuning but its kind, as its JSON schema has them."""
    fields = config.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "values": values_of(schema),
            "default": schema["default"],
            "summary": one_line(schema.get("description")),
        }
        for name, schema in fields.items()
        if name != "kind"
    ]


def values_of(schema: dict[str, Any]) -> str:
    """``"q | v | qv"``, ``"number from 0 below 1"``: the values that a schema allows, but null."""
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return " | ".join(schema["enum"])
    return " ".join(
        [WORDS[schema["type"]], *(f"{w} {schema[bound]:g}" for bound, w in BOUNDS.items() if bound in schema)]
    )


def one_line(text: str | None) -> str:
    """A docstring without its line breaks."""
    return " ".join((text or "").replace("``", "").split())
