"""What networks cost to run: processor milliseconds of exported graphs, side by side.

    python benchmarks/zoo_latency.py RECIPE... [--side-px 448] [--rounds 15] [--out docs/benchmark.json]

Builds the network of each recipe with random weights (time does not depend on them), writes it as `crackwise export`
does and lets ONNX Runtime predict on one thread, all networks in turns, so that a busy machine slows all alike. Prints
per network the median of the processor time, its ratio to the first one, and multiply-adds; with ``--out`` also writes
them beside the scores of the same names.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from crackwise.backends.export import drawn_photo
from crackwise.backends.onnx_export import to_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.imaging.files import write_atomically
from crackwise.models import build_model, count_parameters
from crackwise.models.cost import build_on_meta, multiply_adds
from crackwise.predictor import ModelCard
from crackwise.training.recipe import load_recipe


def session_of(recipe: Path, folder: Path) -> onnxruntime.InferenceSession:
    """The network of a recipe, exported and opened for one thread."""
    config = load_recipe(recipe).model
    options = {key: value for key, value in config.options.items() if key != "encoder_weights"}
    graph = PixelsToProbabilities(build_model(config.name, **options).eval())
    path = folder / f"{recipe.stem}.onnx"
    to_onnx(graph, ModelCard(name=recipe.stem, version="0"), path)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def costs_of(recipe: Path, side_px: int) -> dict[str, Any]:
    """Counted, not timed: weights as deployed, and multiply-adds."""
    config = load_recipe(recipe).model
    options = {key: value for key, value in config.options.items() if key != "encoder_weights"}
    model = build_on_meta(config.name, **options)
    return {
        "parameters_deployed": count_parameters(model).deployed,
        "g_multiply_adds": round(multiply_adds(model, side_px) / 1e9, 4),
    }


def timed(sessions: dict[str, onnxruntime.InferenceSession], side_px: int, rounds: int) -> dict[str, list[float]]:
    """Processor milliseconds of every call, the networks in turns; the first two rounds warm up."""
    photo = drawn_photo(side_px, side_px, seed=0)
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for round_ in range(rounds + 2):
        for name, session in sessions.items():
            start = time.process_time()
            session.run(None, {"image": np.ascontiguousarray(photo)})
            if round_ >= 2:
                taken[name].append(1000 * (time.process_time() - start))
    return taken


def main() -> None:
    """Print a line per network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+", type=Path, metavar="RECIPE")
    parser.add_argument("--side-px", type=int, default=448)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sessions = {recipe.stem: session_of(recipe, Path(folder)) for recipe in options.recipes}
        taken = timed(sessions, options.side_px, options.rounds)
    first = statistics.median(taken[options.recipes[0].stem])
    costs = {}
    for recipe in options.recipes:
        median = statistics.median(taken[recipe.stem])
        costs[recipe.stem] = costs_of(recipe, options.side_px) | {
            "cpu_ms": round(median, 2),
            "times_the_first": round(median / first, 3),
            "side_px": options.side_px,
        }
        print(
            f"{recipe.stem:24} {median:8.1f} ms  x{median / first:.2f}  {costs[recipe.stem]['g_multiply_adds']:.3g} G"
        )
    if options.out:
        record = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
        record["costs"] = record.get("costs", {}) | costs
        write_atomically(options.out, f"{json.dumps(record, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
