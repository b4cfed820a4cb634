"""Judged explanations in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crackwise.evaluation.tracking import log_run

__all__ = ["log_means"]


def log_means(record: Mapping[str, Any], address: str) -> str:
    """Log the mean of every measure as ``model/method/measure`` of one new run; returns its number.

    Raises:
        MissingExtraError: MLflow is not installed.
        CrackwiseError: it cannot log there.
    """
    numbers = {
        f"{model}/{method}/{measure}": score["value"]
        for model, methods in record["found"].items()
        for method, found in methods.items()
        for measure, score in found["scores"].items()
        if score["value"] is not None
    }
    texts = {name: str(value) for name, value in record["conditions"].items()}
    return log_run(address, f"faithfulness on {record['data']}", texts, numbers)
