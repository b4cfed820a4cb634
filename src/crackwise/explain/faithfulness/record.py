"""Judged explanations as JSON, CSV and a page."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES, defined
from crackwise.explain.faithfulness.judge import FAITHFULNESS, Conditions, Judgement, estimate
from crackwise.explain.faithfulness.randomise import STAGES
from crackwise.imaging.files import write_atomically
from crackwise.report.plot import INK, new_figure, to_svg
from crackwise.report.render import template_of

__all__ = ["SCHEMA", "to_csv", "to_record", "write_judged"]

SCHEMA = "crackwise.faithfulness/1"
DIGITS = 4
DASHED = ("chance", "probability")
"""The controls."""


def write_judged(
    judgements: Sequence[Judgement], models: Sequence[Mapping[str, Any]], data: str, conditions: Conditions, out: Path
) -> dict[str, Any]:
    """Write ``faithfulness.json``, ``.csv`` and ``.html`` into ``out``, and return the record.

    Raises:
        CrackwiseError: ``out`` cannot be written to.
    """
    record = to_record(judgements, models, data, conditions)
    write_atomically(out / "faithfulness.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "faithfulness.csv", to_csv(record).encode())
    charts = {name: {"curves": curve_chart(found), "stages": stage_chart(found)} for name, found in found_in(record)}
    page = template_of("crackwise.explain.faithfulness", "page.html").render(record=record, charts=charts)
    write_atomically(out / "faithfulness.html", page.encode())
    return record


def to_record(
    judgements: Sequence[Judgement], models: Sequence[Mapping[str, Any]], data: str, conditions: Conditions
) -> dict[str, Any]:
    """Means with intervals by photograph, mean curves, and every picture."""
    options = conditions.options
    found: dict[str, dict[str, Any]] = {}
    for model in dict.fromkeys(j.model for j in judgements):
        of_model = [j for j in judgements if j.model == model]
        found[model] = {
            method: summary([j for j in of_model if j.method == method], conditions.seed)
            for method in dict.fromkeys(j.method for j in of_model)
        }
    return {
        "schema": SCHEMA,
        "data": data,
        "models": list(models),
        "conditions": {
            "baseline": options.baseline,
            "answer": f"mean {options.scalar} over the explained pixels",
            "steps": conditions.steps,
            "segments": options.segments,
            "samples": options.samples,
            "layer": options.layer,
            "random_weights_on": conditions.forgotten,
            "seed": conditions.seed,
        },
        "intervals": {"confidence": CONFIDENCE, "resamples": RESAMPLES, "by": "photograph", "seed": conditions.seed},
        "measures": {name: measure._asdict() for name, measure in FAITHFULNESS.items()},
        "stages": list(STAGES),
        "found": found,
        "pictures": [
            {"model": j.model, "method": j.method, "picture": j.picture, "photograph": j.group}
            | {name: defined(value, DIGITS) for name, value in j.scores.items()}
            for j in judgements
        ],
    }


def summary(judgements: Sequence[Judgement], seed: int) -> dict[str, Any]:
    """One method by one model over all pictures."""
    groups = [j.group for j in judgements]
    scores = {
        name: estimate([j.scores[name] for j in judgements], groups, seed=seed).to_dict(DIGITS) for name in FAITHFULNESS
    }
    return {
        "scores": scores,
        "deletion_curve": mean_of([j.curves.deletion for j in judgements]),
        "insertion_curve": mean_of([j.curves.insertion for j in judgements]),
        "stages": mean_of([np.array(j.stages) for j in judgements]),
    }


def mean_of(rows: Sequence[np.ndarray[Any, np.dtype[np.float64]]]) -> list[float | None]:
    """The mean of every column over the rows in which it is defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is nowhere defined stays so
        return [defined(value, DIGITS) for value in np.nanmean(np.stack(rows), 0)]


def to_csv(record: Mapping[str, Any]) -> str:
    """A row per model, method and measure."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("model", "method", "measure", "better", "value", "low", "high", "pictures", "photographs"))
    for model, methods in record["found"].items():
        for method, summarised in methods.items():
            for name, score in summarised["scores"].items():
                table.writerow((model, method, name, FAITHFULNESS[name].better, *score.values()))
    return text.getvalue()


def found_in(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Models and what was found of each."""
    return list(record["found"].items())


def curve_chart(methods: Mapping[str, Any]) -> Markup:
    """Mean deletion and insertion curves of every method."""
    figure, axes = new_figure(9.5, 3.6, columns=2)
    for axis, name in zip(axes.flat, ("deletion", "insertion"), strict=True):
        for method, summarised in methods.items():
            curve = np.array(summarised[f"{name}_curve"], np.float64)
            shares = np.linspace(0, 100, len(curve))
            axis.plot(shares, curve, "--" if method in DASHED else "-", label=method)
        axis.set(title=name, xlabel=f"% of pixels {'gone' if name == 'deletion' else 'there'}", ylabel="answer")
    axes.flat[0].legend(fontsize=9, frameon=False, labelcolor=INK)
    return to_svg(figure, "Mean deletion and insertion curves of every method")


def stage_chart(methods: Mapping[str, Any]) -> Markup | None:
    """Rank correlation with the map of the trained network, against the share of random layers; else None."""
    figure, axis = new_figure(7.5, 3.2)
    drawn = False
    for method, summarised in methods.items():
        values = [1.0, *(np.nan if v is None else v for v in summarised["stages"])]
        known = [(share, v) for share, v in zip((0.0, *STAGES), values, strict=True) if not math.isnan(v)]
        if len(known) > 1:
            drawn = True
            axis.plot(
                [100 * share for share, _ in known],
                [v for _, v in known],
                "--" if method in DASHED else "-",
                marker="o",
                markersize=4,
                label=method,
            )
    axis.set(xlabel="% of layers with shuffled weights, from the top", ylabel="rank correlation")
    if not drawn:
        return None
    axis.legend(loc="upper left", bbox_to_anchor=(1.02, 1), fontsize=9, frameon=False, labelcolor=INK)
    return to_svg(figure, "How much each map changes as weights are made random")
