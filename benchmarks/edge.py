"""What a small computer would need to watch a stream: memory, frame rate, and whether it lasts.

    python benchmarks/edge.py memory [--model M] [--size 640x480 --size 1280x720] [--frames 40] [--source mjpeg|film]
    python benchmarks/edge.py share [--model M] [--size 640x480] [--share 1 --share 0.25] [--seconds 60]
    python benchmarks/edge.py tiles [--model M] [--data deepcrack:test --root ../shared/data] [--tile 256 --tile 1024]
    python benchmarks/edge.py soak [--model M] [--minutes 30] [--size 640x480] [--down 3 --up 57]

Each starts `crackwise watch --threads 1` as a process of its own on the drive of ``drive.py`` over the photographs in
``examples/`` (or ``--photo``) and reads from /proc what that process takes.

    memory   highest resident memory (VmHWM), and how much of it is files that other programs could share
    share    frames computed a second and the processor time of each, at shares of one core (``--share``)
    tiles    F1 of small tiles and processor time of their predictions against whole pictures, in turns, same process
    soak     memory, file descriptors and threads over time, while the stream dies and returns and browsers look in;
             the slope of memory is of the second half, by least squares
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from drive import EXAMPLES, Camera, Pan, lay_out

MB = 1e6
FPS, SPEED_PX_S = 10.0, 80.0
SAMPLE_S = 5.0


def main() -> None:
    """Read the arguments and measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("memory", "share", "tiles", "soak"))
    options.add_argument("--data", default="deepcrack:test")
    options.add_argument("--root", default="../shared/data")
    options.add_argument("--tile", action="append", type=int)
    options.add_argument("--model", default="packaged")
    options.add_argument("--size", action="append")
    options.add_argument("--photo", action="append", type=Path)
    options.add_argument("--source", choices=("mjpeg", "film"), default="mjpeg")
    options.add_argument("--frames", type=int, default=40)
    options.add_argument("--share", action="append", type=float)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--down", type=float, default=3)
    options.add_argument("--up", type=float, default=57)
    options.add_argument("--option", action="append", default=[], help="Passed on to watch: --option=--tile=320")
    given = options.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; model {given.model}", flush=True)
    {"memory": memory, "share": share, "tiles": tiles, "soak": soak}[given.what](given)


def memory(given: argparse.Namespace) -> None:
    """Peak memory of each size of frame."""
    for size in given.size or ("640x480", "1280x720"):
        with tempfile.TemporaryDirectory() as out, source(given, size, out) as where:
            process = watch(where, out, given, f"--frames={given.frames}", "--save=masks", "--serve=127.0.0.1:0")
            peak = {}
            while process.poll() is None:
                peak = status(process.pid) or peak
                time.sleep(0.2)
            summary = finished(process, out)
        print(
            f"{size}: VmHWM {peak['VmHWM'] / MB:.0f} MB, of which files {peak['RssFile'] / MB:.0f} MB; "
            f"{summary['counts']['computed']} frames, {summary['cracks_so_far']} cracks",
            flush=True,
        )


def share(given: argparse.Namespace) -> None:
    """Frame rate at shares of a core."""
    for size in given.size or ("640x480",):
        for part in given.share or (1.0, 0.25):
            with tempfile.TemporaryDirectory() as out, source(given, size, out) as where:
                process = watch(where, out, given, f"--seconds={given.seconds}", f"--share={part}")
                used_s = began_s = 0.0
                while process.poll() is None:
                    computed = lines(out)
                    if computed and not began_s:
                        began_s, first, first_s = time.monotonic(), computed, cpu_s(process.pid)
                    last, used_s, now_s = computed, cpu_s(process.pid) or used_s, time.monotonic()
                    time.sleep(0.2)
                counts = finished(process, out)["counts"]
            frames, seconds = max(last - first, 1), now_s - began_s
            print(
                f"{size}, share {part:g}: {frames / seconds:.2f} frames/s, {1000 * (used_s - first_s) / frames:.0f} ms "
                f"of processor a frame, {(used_s - first_s) / seconds:.2f} of a core; {counts['dropped']} dropped",
                flush=True,
            )


def tiles(given: argparse.Namespace) -> None:
    """What small tiles cost in accuracy and time."""
    from crackwise.backends import load_predictor
    from crackwise.data.folder import open_items
    from crackwise.data.masks import read_mask
    from crackwise.imaging.image import read_image
    from crackwise.imaging.tiles import predict_tiled
    from crackwise.watch.economy import InSmallTiles

    predictor = load_predictor(given.model, threads=1)
    sizes = given.tile or [256, 320, 1024]
    sums = {tile: np.zeros(4) for tile in sizes}
    items = open_items(given.data, Path(given.root))
    for item in items:
        pixels = read_image(item.image)
        (label,) = read_mask(item.mask, pixels.shape[:2])
        for tile in sizes:
            began_s = time.process_time()
            found = predict_tiled(InSmallTiles(predictor, tile), pixels)[0] >= predictor.card.threshold
            used_s = time.process_time() - began_s
            wanted = label == 1
            sums[tile] += (np.count_nonzero(found & wanted), found.sum(), wanted.sum(), used_s)
    whole = sums[max(sizes)]
    for tile, (both, found, wanted, used_s) in sums.items():
        f1 = 2 * both / (found + wanted)
        print(f"tile {tile}: F1 {f1:.4f}, {used_s / whole[3]:.2f} of the time of tile {max(sizes)}")


def soak(given: argparse.Namespace) -> None:
    """Whether memory, descriptors and threads stay what they are."""
    (size,) = given.size or ("640x480",)
    rows: list[tuple[float, float, int, int]] = []
    with tempfile.TemporaryDirectory() as out, camera(given, size) as drive:
        process = watch(drive.url, out, given, f"--seconds={60 * given.minutes}", "--serve=127.0.0.1:18090")
        began_s = time.monotonic()
        stop = threading.Event()
        for job in (power_cuts(drive, given.up, given.down, stop), browsers(stop)):
            threading.Thread(target=lambda steps=job: [None for _ in steps], daemon=True).start()
        while process.poll() is None:
            now = status(process.pid)
            if now:
                rows.append(((time.monotonic() - began_s) / 60, now["VmRSS"] / MB, now["fds"], now["Threads"]))
            if len(rows) % round(60 / SAMPLE_S) == 1:  # once a minute
                print("minute {:5.1f}: {:6.1f} MB, {} descriptors, {} threads".format(*rows[-1]), flush=True)
            time.sleep(SAMPLE_S)
        stop.set()
        summary = finished(process, out)
        written = lines(out)
    minutes, rss, fds, threads = (np.array(column) for column in zip(*rows, strict=True))
    half = minutes > minutes[-1] / 2
    slope = np.polyfit(minutes[half], rss[half], 1)[0]
    print(
        f"{minutes[-1]:.0f} minutes: slope {slope:+.2f} MB/min over the second half, peak {rss.max():.0f} MB; "
        f"descriptors {fds[half].min()} to {fds[half].max()}, threads {threads[half].min()} to {threads[half].max()}; "
        f"{written} lines; {json.dumps(summary['counts'])}; {summary['cracks_so_far']} cracks"
    )


def power_cuts(drive: Camera, up_s: float, down_s: float, stop: threading.Event) -> Iterator[None]:
    """The stream dies and returns."""
    while not stop.wait(up_s):
        drive.stop()
        stop.wait(down_s)
        drive.start()
        yield


def browsers(stop: threading.Event) -> Iterator[None]:
    """One comes every ten seconds, takes some of the stream and leaves without a word."""
    while not stop.wait(10):
        try:
            with urllib.request.urlopen("http://127.0.0.1:18090/stream.mjpg", timeout=5) as stream:
                stream.read(100_000)
        except OSError:
            pass
        yield


@contextmanager
def camera(given: argparse.Namespace, size: str) -> Iterator[Camera]:
    """The drive, as a stream."""
    width, height = map(int, size.split("x"))
    wall = lay_out(given.photo or sorted(EXAMPLES.glob("*.jpg")), height)
    with Camera(Pan(wall, width, height, SPEED_PX_S), FPS) as drive:
        yield drive


@contextmanager
def source(given: argparse.Namespace, size: str, folder: str) -> Iterator[str]:
    """The drive, as a stream or as a film."""
    if given.source == "mjpeg":
        with camera(given, size) as drive:
            yield drive.url
        return
    width, height = map(int, size.split("x"))
    pan = Pan(lay_out(given.photo or sorted(EXAMPLES.glob("*.jpg")), height), width, height, SPEED_PX_S)
    film = str(Path(folder) / "film.mp4")
    writer = cv2.VideoWriter(film, cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for number in range(given.frames + 1):
        writer.write(pan(number / FPS)[:, :, ::-1])
    writer.release()
    yield film


def watch(where: str, out: str, given: argparse.Namespace, *more: str) -> subprocess.Popen[bytes]:
    """The program, on one thread."""
    command = [sys.executable, "-m", "crackwise", "watch", where, "--model", given.model, "--out", f"{out}/watched"]
    return subprocess.Popen(
        [*command, "--threads=1", *more, *given.option],
        stdout=subprocess.DEVNULL,
        stderr=(Path(out) / "said").open("w"),
    )


def finished(process: subprocess.Popen[bytes], out: str) -> dict[str, dict[str, int]]:
    """The summary of a watch that ended well."""
    if process.wait() != 0:
        raise SystemExit(f"the watch ended with {process.returncode}: {(Path(out) / 'said').read_text()[-500:]}")
    return json.loads((Path(out) / "watched" / "summary.json").read_bytes())


def lines(out: str) -> int:
    """Lines that a watch has written so far."""
    path = Path(out) / "watched" / "frames.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def status(pid: int) -> dict[str, int] | None:
    """Memory in bytes, threads and descriptors of a process; None where it is gone."""
    try:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        memory = {name: 1024 * int(fields[name].split()[0]) for name in ("VmHWM", "VmRSS", "RssFile")}
        return memory | {"Threads": int(fields["Threads"]), "fds": len(list(Path(f"/proc/{pid}/fd").iterdir()))}
    except (OSError, KeyError):
        return None


def cpu_s(pid: int) -> float:
    """Processor time of a process and its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def processor() -> str:
    """Its name."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


if __name__ == "__main__":
    main()
