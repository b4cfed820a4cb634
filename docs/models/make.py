"""Writes the page of every network in this folder from the table: whose it is, what it costs, what we measured.

    python docs/models/make.py

What stands above the line `<!-- by hand below -->` is made, what stands below is kept. Scores come from
docs/benchmark.json, where `docs/benchmark_table.py` puts them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crackwise.models import MODELS, ModelRow, count_parameters, model_options
from crackwise.models.cost import build_on_meta, multiply_adds

FOLDER = Path(__file__).parent
MEASURED = FOLDER.parent / "benchmark.json"
BY_HAND = "<!-- by hand below -->"
COST_PX = 448


def main() -> None:
    """Write them all."""
    for name in MODELS:
        path = FOLDER / f"{name}.md"
        path.write_text(page_of(name) + by_hand(path), encoding="utf-8")


def by_hand(path: Path) -> str:
    """What somebody wrote below the made part; a page without one is somebody's throughout."""
    if not path.is_file():
        return "\n"
    made, line, below = path.read_text(encoding="utf-8").partition(BY_HAND)
    return below if line else "\n\n" + made


def page_of(name: str) -> str:
    """The made part of the page of one network, with the line that ends it."""
    row = MODELS[name]
    paragraphs = [f"# `{name}`", f"{row.summary[0].upper()}{row.summary[1:]}.", facts(name, row), costs(name, row)]
    if row.notes:
        paragraphs.append("\n".join(f"- {note}" for note in row.notes))
    paragraphs += [measured(name), BY_HAND]
    return "\n\n".join(paragraphs)


def facts(name: str, row: ModelRow) -> str:
    """Whose it is and how it is asked for."""
    options = ", ".join(f"`{option}: {p.default}`" for option, p in model_options(name).items()) or "none"
    table = {
        "paper": row.paper,
        "licence, of code and weights": row.licence,
        "answers of": row.answers,
        "options": options,
        "first weights": f"option `{row.start}`; random without" if row.start else "random",
        "published with": f"pictures of {row.input_px} px; any size is accepted" if row.input_px else "any size",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in table.items())])


def costs(name: str, row: ModelRow) -> str:
    """Parameters and multiply-adds of every published size."""
    lines = [
        f"| size | options | parameters in training | deployed | G multiply-adds at {COST_PX} px |",
        "|---|---|---|---|---|",
    ]
    for size, options in (row.sizes or {"default": {}}).items():
        model = build_on_meta(name, **options)
        count, adds = count_parameters(model), multiply_adds(model, COST_PX) / 1e9
        said = ", ".join(f"`{key}: {value}`" for key, value in options.items()) or "as above"
        lines.append(f"| {size} | {said} | {count.total:,} | {count.deployed:,} | {adds:.3g} |")
    return "\n".join(lines)


ELSEWHERE = {
    "timm": "`mobilenetv2_100` and a ViT-Ti, trained and judged on patches: [classification](../classification.md), "
    "[explanation](../explanation.md)."
}
"""Networks that were measured, but not for the benchmark."""


def measured(name: str) -> str:
    """The lines of the benchmark that are of this network."""
    rows = list(measured_rows(name))
    if not rows:
        return ELSEWHERE.get(name, "Not measured by us yet: [benchmark](../benchmark.md).")
    sets = [of for of, scores in rows[0]["scores"].items() if "pooled_crack_iou" in scores]
    head = ["| run | core-minutes |", *(f" {of} |" for of in sets)]
    lines = ["".join(head), "|---|---|" + "---|" * len(sets)]
    for row in rows:
        scores = " | ".join(f"{row['scores'][of]['pooled_crack_iou']['value']:.3f}" for of in sets)
        lines.append(f"| {row['run']} | {row['core_minutes']:.0f} | {scores} |")
    told = "Crack IoU over pooled pixels, threshold chosen on validation; more of it: [benchmark](../benchmark.md)."
    return "\n".join([*lines, "", told])


def measured_rows(name: str) -> Iterator[Mapping[str, Any]]:
    """What the benchmark measured of a network."""
    if MEASURED.is_file():
        yield from (row for row in json.loads(MEASURED.read_text(encoding="utf-8"))["rows"] if row["model"] == name)


if __name__ == "__main__":
    main()
