"""HrSegNet as it is exported beside the graph as it was published, and beside torch.

    python benchmarks/engines.py [--bases 16 32 48] [--side-px 448] [--rounds 9]

The published graph enlarges maps before a 1x1 convolution, ours convolves first: the same numbers for less work. Both
are exported with random weights (time does not depend on them) and run by ONNX Runtime, and by OpenVINO in f32 where it
is installed, on one thread; torch runs the published graph eagerly. All take turns. Prints medians over rounds of
processor time, and the share of the multiply-adds that ours needs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch

from crackwise.backends import load_predictor
from crackwise.backends.onnx_export import to_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.backends.shown import drawn_photo
from crackwise.models import build_model
from crackwise.models.cost import build_on_meta, multiply_adds
from crackwise.predictor import ModelCard
from crackwise.speed.machine import describe_machine, load_average
from crackwise.speed.subject import read_by_openvino

CALLS = 6


def graph_of(base: int, *, project_first: bool) -> PixelsToProbabilities:
    """The network of one size with random weights."""
    torch.manual_seed(0)
    return PixelsToProbabilities(build_model("hrsegnet", base=base, project_first=project_first).eval())


def engines(base: int, side_px: int, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that is timed, by name."""
    pixels = drawn_photo(side_px, side_px, seed=0)
    found: dict[str, Callable[[], object]] = {}
    for name, first in (("ours", True), ("published", False)):
        path = folder / f"{name}{base}.onnx"
        to_onnx(graph_of(base, project_first=first), ModelCard(name=name, version="0"), path)
        by_onnxruntime = load_predictor(path, threads=1)
        found[f"{name}, onnxruntime"] = lambda run=by_onnxruntime: run(pixels)  # type: ignore[misc]
        if find_spec("openvino"):
            by_openvino = read_by_openvino(path, threads=1)
            found[f"{name}, openvino"] = lambda run=by_openvino: run(pixels)  # type: ignore[misc]
    literal, picture = graph_of(base, project_first=False), torch.from_numpy(pixels)

    def eager() -> object:
        with torch.inference_mode():
            return literal(picture)

    return found | {"published, torch eager": eager}


def turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Processor milliseconds of a call, round by round; a first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            start = time.process_time()
            for _ in range(CALLS):
                work()
            if number:
                taken[name].append(1000 * (time.process_time() - start) / CALLS)
    return taken


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bases", type=int, nargs="+", default=[16, 32, 48])
    parser.add_argument("--side-px", type=int, default=448)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    machine = describe_machine()
    print(f"{machine['processor']}, {machine['versions']}, load {load_average()}; {options.side_px} px, one thread")
    for base in options.bases:
        with tempfile.TemporaryDirectory() as folder:
            taken = turns(engines(base, options.side_px, Path(folder)), options.rounds)
        macs = [
            multiply_adds(build_on_meta("hrsegnet", base=base, project_first=first), options.side_px)
            for first in (True, False)
        ]
        print(
            f"B{base}: {macs[0] / 1e9:.3f} of {macs[1] / 1e9:.3f} G multiply-adds, {macs[1] / macs[0]:.2f} times less"
        )
        ours = taken["ours, onnxruntime"]
        for name, each in taken.items():
            ratio = statistics.median(a / b for a, b in zip(each, ours, strict=True))
            print(f"  {name:24} {min(each):7.2f} ms  {ratio:.2f} times ours by onnxruntime", flush=True)
        if "ours, openvino" in taken:
            pairs = zip(taken["published, openvino"], taken["ours, openvino"], strict=True)
            print(f"  published / ours by openvino: {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
