"""Folders through `crackwise inspect` beside the bare runtime, in turns.

    python benchmarks/pipeline.py [MODEL.onnx ...] [--data DIR] [--rounds 5] [--count 80] [--large 6] [--case TEXT]

The bare runtime is one ONNX Runtime session that is shown the same pixels, read and cut into the same tiles before the
clock starts: by one thread for each core, a tile each, and once with all cores in one call; the faster of the two
counts. Ours reads files, predicts and writes, with as many threads. Photographs are real where `--data` has them
(`volker` at 448 px; enlarged, and 63 of them side by side, to 4000 x 3000), else drawn. Prints for every case the
median over rounds of the ratio of throughputs, the best round against the best, and processor time against processor
time; then what else the scoreboard asks for: tiles, measuring, and how long the first mask of a cold process takes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crackwise.allocator import keep_freed_memory
from crackwise.backends import load_predictor, source_path
from crackwise.backends.shown import drawn_photo
from crackwise.batch import Settings, inspect_batch, name_outputs
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import encode_jpeg
from crackwise.imaging.tiles import predict_tiled, split_axis
from crackwise.measure import measure
from crackwise.speed.machine import describe_machine, load_average

Pixels = NDArray[np.uint8]
CORES = os.cpu_count() or 1
LARGE = (3000, 4000)
ACROSS, DOWN = 9, 7
SIZES_PX = ((3000, 4000), (3456, 5184), (4000, 6000), (5464, 8192), (1080, 1920), (2160, 3840), (1500, 2000))


class Case(NamedTuple):
    """A folder, and what is written of it."""

    title: str
    photos: tuple[Path, ...]
    only: frozenset[str]


def small_photos(data: Path, count: int) -> list[Pixels]:
    """448 px, real or drawn."""
    found = sorted((data / "volker" / "images").glob("*.jpg"))[:count]
    if not found:
        return [drawn_photo(448, 448, seed=seed) for seed in range(count)]
    return [read_image(path) for path in found]


def write_photos(folder: Path, photos: list[Pixels], quality: int) -> tuple[Path, ...]:
    """As JPEG."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(photos):
        (folder / f"{number:03}.jpg").write_bytes(encode_jpeg(pixels, quality=quality))
    return tuple(sorted(folder.iterdir()))


def mosaic(photos: list[Pixels], rng: np.random.Generator) -> Pixels:
    """Many photographs side by side, 12 megapixels: more cracks than any one photograph shows."""
    parts = [[photos[n] for n in rng.integers(len(photos), size=ACROSS)] for _ in range(DOWN)]
    return np.ascontiguousarray(np.vstack([np.hstack(row) for row in parts])[: LARGE[0], : LARGE[1]])


def cases(data: Path, scratch: Path, count: int, large: int) -> list[Case]:
    """What is timed."""
    rng = np.random.default_rng(0)
    small = small_photos(data, count)
    enlarged = [cv2.resize(small[n], LARGE[::-1], interpolation=cv2.INTER_CUBIC) for n in range(large)]
    at_448 = write_photos(scratch / "448", small, 90)
    at_12 = write_photos(scratch / "12", [np.asarray(each, np.uint8) for each in enlarged], 92)
    mosaics = write_photos(scratch / "mosaic", [mosaic(small, rng) for _ in range(large)], 92)
    masks, results = frozenset({"masks"}), frozenset({"masks", "results"})
    return [
        Case("448 px, masks", at_448, masks),
        Case("12 MP, masks", at_12, masks),
        Case("12 MP, masks and results", at_12, results),
        Case("12 MP of 63 crack photos, masks", mosaics, masks),
        Case("12 MP of 63 crack photos, masks and results", mosaics, results),
    ]


def session_of(model: str, threads: int) -> onnxruntime.InferenceSession:
    """As its documentation recommends for the CPU."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(str(source_path(model)), settings, providers=["CPUExecutionProvider"])


def bare(session: onnxruntime.InferenceSession, tiles: list[Pixels], callers: int) -> Callable[[], None]:
    """Predict tiles that are in memory."""

    def run(tile: Pixels) -> None:
        session.run(None, {"image": tile})

    def work() -> None:
        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(run, tiles))

    return work


def timed(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of every work in every round, in turns; a first round warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken


def run_case(case: Case, model: str, rounds: int, scratch: Path) -> None:
    """Print one line."""
    predictor = load_predictor(model, threads=1)
    card = predictor.card
    photos = [read_image(path) for path in case.photos]
    tiles = [
        np.ascontiguousarray(pixels[top:bottom, left:right])
        for pixels in photos
        for top, bottom in split_axis(pixels.shape[0], card.tile_px, card.overlap_px)
        for left, right in split_axis(pixels.shape[1], card.tile_px, card.overlap_px)
    ]
    del photos

    def ours() -> None:
        out = scratch / "out"
        shutil.rmtree(out, ignore_errors=True)
        inspect_batch(name_outputs(case.photos), out, predictor, Settings(only=case.only), workers=CORES)

    taken = timed(
        {
            "each": bare(session_of(model, 1), tiles, CORES),
            "together": bare(session_of(model, CORES), tiles, 1),
            "ours": ours,
        },
        rounds,
    )
    walls = {name: [wall for wall, _ in each] for name, each in taken.items()}
    cpus = {name: min(cpu for _, cpu in each) for name, each in taken.items()}
    fastest = min(("each", "together"), key=lambda name: min(walls[name]))
    ratios = [b / o for b, o in zip(walls[fastest], walls["ours"], strict=True)]
    best = min(walls[fastest]) / min(walls["ours"])
    before_ms, after_ms = (1000 * cpus[name] / len(case.photos) for name in (fastest, "ours"))
    print(
        f"  {case.title:45} throughput {statistics.median(ratios):.2f}, best rounds {best:.2f}, "
        f"all {' '.join(f'{ratio:.2f}' for ratio in sorted(ratios))}; "
        f"CPU {after_ms / before_ms:.3f} ({before_ms:.1f} and {after_ms:.1f} ms an image)",
        flush=True,
    )


def print_tiles() -> None:
    """Pixels predicted for each pixel there is."""
    for height, width in SIZES_PX:
        rows, columns = (sum(stop - start for start, stop in split_axis(side, 1024, 64)) for side in (height, width))
        print(f"  {width} x {height}: {rows * columns / (height * width):.3f}")


def print_measuring(model: str, case: Case, rounds: int) -> None:
    """Processor time of measuring beside that of predicting, one thread."""
    predictor = load_predictor(model, threads=1)
    cv2.setNumThreads(1)
    pixels = read_image(case.photos[0])
    maps = predict_tiled(predictor, pixels)
    level = predictor.card.threshold
    taken = timed(
        {
            "predict": lambda: predict_tiled(predictor, pixels),
            "measure": lambda: measure(pixels, maps, classes=predictor.card.classes, threshold=level),
        },
        rounds,
    )
    predict, measured = (min(cpu for _, cpu in taken[name]) for name in ("predict", "measure"))
    megapixels = pixels.shape[0] * pixels.shape[1] / 1e6
    print(f"  {case.title}: measuring {1000 * measured / megapixels:.1f} ms/MP, {measured / predict:.3f} of predicting")


def print_cold(photo: Path, scratch: Path, rounds: int) -> None:
    """Seconds of whole processes, the best of the rounds."""
    commands = {
        "--help": ["--help"],
        "first mask": ["inspect", str(photo), "--only", "masks", "--out", str(scratch / "cold")],
        "first inspection": ["inspect", str(photo), "--out", str(scratch / "cold")],
    }
    for name, arguments in commands.items():
        walls, cpus = [], []
        for _ in range(rounds):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, "-m", "crackwise", *arguments], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            walls.append(time.perf_counter() - start)
            cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        print(f"  {name:17} {min(walls):.2f} s, of which {min(cpus):.2f} s processor")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["packaged"], metavar="MODEL")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=80, help="photographs of 448 px")
    parser.add_argument("--large", type=int, default=6, help="photographs of 12 megapixels")
    parser.add_argument("--case", default="", help="only those whose title holds this")
    options = parser.parse_args()
    keep_freed_memory(shared=True)  # as `crackwise inspect` does
    machine = describe_machine()
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['versions']}, load {load_average()}")
    with tempfile.TemporaryDirectory(dir=".", prefix="scratch-") as folder:
        scratch = Path(folder)
        every = cases(options.data, scratch, options.count, options.large)
        print("pixels predicted for each pixel, tiles of 1024 px:")
        print_tiles()
        print("cold processes:")
        print_cold(every[0].photos[0], scratch, options.rounds)
        for model in options.models:
            print(f"{load_predictor(model).card.name}, ours against the bare runtime:")
            for case in (case for case in every if options.case in case.title):
                run_case(case, model, options.rounds, scratch)
            for case in (every[2], every[4]):
                print_measuring(model, case, options.rounds)
    print(f"load {load_average()} at the end")


if __name__ == "__main__":
    main()
