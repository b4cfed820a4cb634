"""Collects finished rows of the benchmark into docs/benchmark.json, and draws the table and plot of docs/benchmark.md.

    python docs/benchmark_table.py [SWEEP_FOLDER...]

A sweep folder is what ``crackwise sweep recipes/sweeps/benchmark.yaml --out FOLDER`` fills: its finished rows join
those that docs/benchmark.json holds, or take their place. Costs come from ``benchmarks/zoo_latency.py``.
What stands between the two marks in docs/benchmark.md is written anew; the rest is by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from crackwise.imaging.files import write_atomically
from crackwise.report.plot import SERIES, new_figure, to_png
from crackwise.training.recipe import load_recipe

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
RECORD = FOLDER / "benchmark.json"
PAGE = FOLDER / "benchmark.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->"
TICKS_MS = (5, 10, 20, 50, 100, 200)
COLUMNS = {
    "deepcrack:test": ("pooled_crack_iou", "f1@2"),
    "crack500:test": ("pooled_crack_iou",),
    "conglomerate_walls:test": ("f1@2",),
    "cfd": ("f1@2",),
    "noncrack_walls:test": ("false_alarm_share_50px",),
    "deepcrack:test, dark": ("pooled_crack_iou",),
    "deepcrack:test, blur": ("pooled_crack_iou",),
    "cfd, dark": ("f1@2",),
    "cfd, blur": ("f1@2",),
}
NAMES = {"pooled_crack_iou": "IoU", "f1@2": "F1@2", "false_alarm_share_50px": "alarms"}


def collected(record: dict[str, Any], sweep: Path) -> None:
    """The finished rows of one sweep."""
    found = json.loads((sweep / "sweep.json").read_text(encoding="utf-8"))
    for row in found["rows"]:
        cells = list(zip(found["columns"], row["cells"], strict=True))
        if row["finished"] and all(cell["value"] is not None for _, cell in cells):
            record["rows"] = [known for known in record["rows"] if known["run"] != row["name"]]
            record["rows"].append(row_of(row, cells))


def row_of(row: dict[str, Any], cells: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """One network with all that was counted."""
    recipe = load_recipe(ROOT / "recipes" / "benchmark" / "rows" / f"{row['name']}.yaml")
    scores: dict[str, dict[str, Any]] = {}
    for column, cell in cells:
        scores.setdefault(column["case"], {})[column["score"]] = {key: cell[key] for key in ("value", "low", "high")}
    return {
        "run": row["name"],
        "model": recipe.model.name,
        "seeds": [run["seed"] for run in row["runs"]],
        "steps": recipe.optim.epochs * (recipe.data.steps_per_epoch or 0),
        "core_minutes": row["core_minutes"],
        "scores": scores,
    }


def table(record: dict[str, Any]) -> str:
    """Markdown, the best on deepcrack:test first."""
    titles = [f"{case}<br>{NAMES[score]}" for case, scores in COLUMNS.items() for score in scores]
    head = ["network", "weights", "G multiply-adds", "CPU ms", "steps", "core-minutes", *titles]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    rows = sorted(record["rows"], key=lambda r: -r["scores"]["deepcrack:test"]["pooled_crack_iou"]["value"])
    for row in rows:
        cost = record["costs"][row["run"]]
        cells = [cell(row["scores"][case][score]) for case, scores in COLUMNS.items() for score in scores]
        said = [f"`{row['run']}`", f"{cost['parameters_deployed']:,}", f"{cost['g_multiply_adds']:.3g}"]
        said += [f"{cost['cpu_ms']:.0f}", f"{row['steps']:,}", f"{row['core_minutes']:.1f}"]
        lines.append("| " + " | ".join([*said, *cells]) + " |")
    return "\n".join(lines) + "\n"


def cell(score: dict[str, Any]) -> str:
    """A number and its interval."""
    ends = "" if score["low"] is None else f"<br><small>{score['low']:.3f}-{score['high']:.3f}</small>"
    return f"{score['value']:.3f}{ends}"


def plot(record: dict[str, Any]) -> bytes:
    """Accuracy against cost."""
    figure, axes = new_figure(8, 4.6)
    costs = {row["run"]: record["costs"][row["run"]]["cpu_ms"] for row in record["rows"]}
    for i, row in enumerate(sorted(record["rows"], key=lambda row: costs[row["run"]])):
        score, cost = row["scores"]["deepcrack:test"]["pooled_crack_iou"], costs[row["run"]]
        ends = [[score["value"] - score["low"]], [score["high"] - score["value"]]]
        axes.errorbar(cost, score["value"], ends, fmt="o", capsize=3, color=SERIES[i % len(SERIES)])
        place, side, away = (score["low"], "top", -5) if i % 2 else (score["high"], "bottom", 5)  # names in turns
        at = {"xytext": (0, away), "textcoords": "offset points", "ha": "center", "va": side}
        axes.annotate(row["run"], (cost, place), fontsize=9, **at)
    axes.set_xscale("log")
    axes.set_xticks(TICKS_MS, [str(tick) for tick in TICKS_MS])
    axes.minorticks_off()
    axes.set_xlim(min(costs.values()) / 1.5, max(costs.values()) * 1.5)
    axes.margins(y=0.12)
    axes.set_xlabel("processor milliseconds at 448 x 448 px, one thread, ONNX Runtime f32")
    axes.set_ylabel("crack IoU, deepcrack:test")
    return to_png(figure)


def main() -> None:
    """Collect, then draw."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    record = {"rows": record.get("rows", []), "costs": record.get("costs", {})}
    for folder in sys.argv[1:]:
        collected(record, Path(folder))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(RECORD, f"{json.dumps(record, indent=1)}\n".encode())
    write_atomically(FOLDER / "benchmark.png", plot(record))
    write_atomically(PAGE, (before + BEGIN + table(record) + END + after).encode())


if __name__ == "__main__":
    main()
