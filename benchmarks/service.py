"""The service under strain: what reliability promises, counted, and what HTTP costs. Starts services of its own.

    python benchmarks/service.py crowd --minutes 10      64 clients, 10 % of them leaving early, 5 % sending nonsense
    python benchmarks/service.py attacks                 bodies without end, slow callers, bombs; memory and /health
    python benchmarks/service.py stops --times 20        SIGTERM under load: is every accepted request answered?
    python benchmarks/service.py contract --cases 1000   schemathesis; cases for each operation and mode
    python benchmarks/service.py cost --photos 60        throughput and CPU time against a folder, side by side
    python benchmarks/service.py queue --seconds 60      latency of who is let in, share of who is sent away
    python benchmarks/service.py spoilt --files 2000     damaged and odd files: the command line's answer to each?
    python benchmarks/service.py names                   names of uploads that want out of a folder

Photographs are squares cut from ``examples/``, ``--side`` px; all but ``contract`` use the packaged model. Every answer
of 200 is compared with the file that ``crackwise inspect`` writes for the same photograph. One line of JSON is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import service_attacks
import service_spoiled
from service_client import Running, batter, exchange, get, health_ms, post, slope_mib_per_minute

from crackwise.backends import load_predictor
from crackwise.batch import Settings as BatchSettings
from crackwise.batch import find_photos, inspect_batch, name_outputs
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import encode_jpeg
from crackwise.serve.answer import Options, inspect_one
from crackwise.serve.upload import Upload

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTS = Path(__file__).parents[1] / "tests"
CLIENTS = 64


def cut_photos(folder: Path, count: int, side_px: int) -> list[Path]:
    """So many squares of the examples, turned and cut at random, as JPEG."""
    rng = np.random.default_rng(0)
    pictures = [read_image(path) for path in sorted(EXAMPLES.glob("*.jpg"))]
    folder.mkdir()
    for i in range(count):
        picture = np.rot90(pictures[i % len(pictures)], i // len(pictures))
        top, left = (int(rng.integers(0, length - side_px + 1)) for length in picture.shape[:2])
        square = np.ascontiguousarray(picture[top : top + side_px, left : left + side_px])
        (folder / f"{i:04}.jpg").write_bytes(encode_jpeg(square))
    return sorted(folder.iterdir())


def masks_by_command_line(photos: list[Path], out: Path) -> list[bytes]:
    """What ``crackwise inspect`` writes into ``masks/``."""
    jobs = name_outputs(find_photos(photos, out))
    inspect_batch(jobs, out, load_predictor(), BatchSettings())
    return [(out / "masks" / f"{job.stem}.png").read_bytes() for job in jobs]


def crowd(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R13."""
    photos = cut_photos(folder / "photos", 24, options.side)
    bodies = [photo.read_bytes() for photo in photos]
    masks = masks_by_command_line(photos, folder / "out")
    counts: Counter[str] = Counter()
    waits: list[float] = []

    async def client(url: str, seed: int, end: float) -> None:
        rng = random.Random(seed)
        while time.monotonic() < end:
            i, fate = rng.randrange(len(bodies)), rng.random()
            request = post("/inspect?answer=mask", bodies[i])
            if fate < 0.10:
                counts["left"] += 1
                await exchange(url, request[: rng.randrange(1, len(request) + 1)], leave_after_s=rng.random() / 5)
                continue
            if fate < 0.15:
                request = nonsense(rng, bodies[i])
            status, headers, body = await exchange(url, request)
            sent = "good" if fate >= 0.15 else "malformed"
            counts[f"{sent} {status}"] += 1
            if status == 200 and sent == "good":
                counts["mask differs"] += body != masks[i]
            if status == 503:
                await asyncio.sleep(rng.uniform(0.2, 1) * float(headers["retry-after"]))

    async def all_clients(service: Running) -> list[tuple[float, float]]:
        end = time.monotonic() + 60 * options.minutes
        watching = asyncio.create_task(watch(service, waits, end))
        await asyncio.gather(*(client(service.url, seed, end) for seed in range(CLIENTS)))
        return await watching

    with Running("--queue", "16") as service:
        memory = asyncio.run(all_clients(service))
    later = [row for row in memory if row[0] > memory[-1][0] / 4]
    return {
        "requests": sum(n for name, n in counts.items() if name != "mask differs"), **counts,
        "health_ms_p50": round(float(np.median(waits)), 1), "health_ms_max": round(max(waits), 1),
        "rss_mib": [round(memory[0][1]), round(memory[-1][1])],
        "rss_mib_per_minute": round(slope_mib_per_minute(later), 2),
    }  # fmt: skip


async def watch(service: Running, waits: list[float], end: float) -> list[tuple[float, float]]:
    """Memory, (s, MiB), and how long /health takes, twice a second."""
    start, memory = time.monotonic(), []
    while time.monotonic() < end:
        waits.append(await health_ms(service.url))
        memory.append((time.monotonic() - start, service.rss_mib()))
        await asyncio.sleep(0.5)
    return memory


def nonsense(rng: random.Random, body: bytes) -> bytes:
    """A request that must not be answered with 200."""
    return rng.choice([
        post("/inspect", body[: len(body) // 2]), post("/inspect", rng.randbytes(500)), post("/inspect", b""),
        post("/inspect?treshold=0.5", body), post("/inspect?scale=1km", body), post("/inspect", body, "text/plain"),
        post("/inspect", body, "multipart/form-data; boundary=b"), post("/predict?height=9&width=9", body),
        b"\0\1\2\r\n\r\n",
    ])  # fmt: skip


def stops(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R15: one signal under load, then two."""
    body = cut_photos(folder / "photos", 1, options.side)[0].read_bytes()
    rows = [stop(body, seed, signals=1) for seed in range(options.times)]
    twice = [stop(body, seed, signals=2) for seed in range(options.times)]
    return {
        "stops": len(rows), "accepted": sum(row["accepted"] for row in rows),
        "not finished": sum(row["accepted"] - row["finished"] for row in rows),
        "answered by the service": sum(row["answered"] for row in rows),
        "received whole": sum(row["received"] for row in rows),
        "exit statuses": sorted({row["exit"] for row in rows}), "slowest exit s": max(row["seconds"] for row in rows),
        "exit statuses of two signals": sorted({row["exit"] for row in twice}),
        "slowest exit s of two signals": max(row["seconds"] for row in twice),
    }  # fmt: skip


def stop(body: bytes, seed: int, *, signals: int) -> dict[str, Any]:
    """Sixteen clients, a signal, and who got what."""
    received: Counter[int] = Counter()
    stopping = False

    async def client(url: str) -> None:
        while not stopping:
            status, _, _ = await exchange(url, post("/inspect", body))
            received[status] += 1
            await asyncio.sleep(0.02)

    async def load(service: Running) -> float:
        nonlocal stopping
        clients = [asyncio.create_task(client(service.url)) for _ in range(16)]
        await asyncio.sleep(0.5 + random.Random(seed).random())
        for _ in range(signals):
            signalled = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            while (await exchange(service.url, get("/health")))[0] == 200:  # the system may join two signals into one
                await asyncio.sleep(0.01)
        stopping = True
        while service.process.poll() is None:
            await asyncio.sleep(0.01)
        seconds = time.monotonic() - signalled
        await asyncio.gather(*clients)
        return seconds

    with Running("--queue", "8") as service:
        seconds = asyncio.run(load(service))
        log = service.log()
    answered = sum(row.get("path") == "/inspect" and row.get("status") == 200 for row in log)
    last = log[-1] if log and log[-1]["event"] == "stopped" else {"accepted": 0, "finished": 0}
    return {"accepted": last["accepted"], "finished": last["finished"], "answered": answered, "received": received[200],
            "exit": service.process.returncode, "seconds": round(seconds, 2)}  # fmt: skip


def contract(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R16, on the model of the tests."""
    sys.path.insert(0, str(TESTS))
    from schemathesis import GenerationMode

    from contract import ask, contract_of
    from crackwise.predictor import ModelCard
    from crackwise.serve import Settings, create_app
    from drawn_onnx import write_brightness

    model = write_brightness(folder / "m.onnx", ModelCard(name="m", version="1"), black=200.0, white=0.0)
    promised = contract_of(create_app(load_predictor(model, threads=1), Settings(workers=1)))
    asked = {
        f"{path} {mode.value}": ask(promised, path, "POST", mode, options.cases)
        for path in ("/inspect", "/inspect/batch", "/predict")
        for mode in GenerationMode
    }
    return {"cases": sum(asked.values()), "failures": 0, **asked}


def cost(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """P13: rounds in turns; photographs per second, and CPU time of each with nothing but the work, and over HTTP."""
    photos = cut_photos(folder / "photos", options.photos, options.side)
    bodies = [photo.read_bytes() for photo in photos]
    cores = os.cpu_count() or 1
    predictor, alone = load_predictor(threads=1), ThreadPoolExecutor(cores)
    asked = Options(answer="mask")
    jobs = name_outputs(find_photos(photos, folder / "out"))
    rounds: list[dict[str, float]] = []

    def jobs_alone() -> None:
        list(alone.map(lambda body: inspect_one(Upload("upload", body), asked, predictor), bodies))

    with Running("--queue", "64") as service:
        for _ in range(options.rounds):
            row = {"job": timed(jobs_alone), "job cpu": 0.0}
            before = time.process_time()
            jobs_alone()
            row["job cpu"] = time.process_time() - before
            before = service.cpu_s()
            row["http"] = timed(lambda: asyncio.run(batter(service.url, "/inspect?answer=mask", bodies, 8)))
            row["http cpu"] = service.cpu_s() - before
            row["all by http"] = timed(lambda: asyncio.run(batter(service.url, "/inspect?answer=all", bodies, 8)))
            for name, only in (("folder", {"masks"}), ("folder, all", ())):
                settings = BatchSettings(only=frozenset(only))
                row[name] = timed(partial(inspect_batch, jobs, folder / "out", predictor, settings, workers=cores))
            rounds.append(row)
    best = {name: min(row[name] for row in rounds) for name in rounds[0]}
    return {
        "ms per photo": {name: round(1000 * seconds / len(photos), 1) for name, seconds in best.items()},
        "throughput, http / job": round(best["job"] / best["http"], 3),
        "throughput, http / folder": round(best["folder"] / best["http"], 3),
        "throughput, all by http / folder, all": round(best["folder, all"] / best["all by http"], 3),
        "cpu, http / job": round(best["http cpu"] / best["job cpu"], 3),
    }


def timed(work: Callable[[], Any]) -> float:
    """Seconds of wall time."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def queue(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """P14: four clients for every core, who ask again at once."""
    body = cut_photos(folder / "photos", 1, options.side)[0].read_bytes()
    cores, places = os.cpu_count() or 1, options.places
    let_in: list[float] = []
    counts: Counter[int] = Counter()

    async def client(url: str, end: float) -> None:
        while time.monotonic() < end:
            start = time.monotonic()
            status, _, _ = await exchange(url, post("/inspect?answer=mask", body))
            counts[status] += 1
            if status == 200:
                let_in.append(time.monotonic() - start)
            else:
                await asyncio.sleep(0.1)

    async def clients(url: str, count: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        await asyncio.gather(*(client(url, end) for _ in range(count)))

    with Running("--queue", str(places)) as service:
        asyncio.run(clients(service.url, cores, 10))  # as many as there are workers: nobody waits
        service_s = float(np.mean(let_in[len(let_in) // 5 :]))
        let_in.clear(), counts.clear()
        asyncio.run(clients(service.url, 4 * cores, options.seconds))
    p50, p99 = (float(np.percentile(let_in, q)) for q in (50, 99))
    return {
        "clients": 4 * cores, "places in the queue": places, "let in": counts[200], "sent away": counts[503],
        "others": sum(counts.values()) - counts[200] - counts[503], "service ms": round(1000 * service_s),
        "p50 ms": round(1000 * p50), "p99 ms": round(1000 * p99),
        "p99 / (queue + 1) / service": round(p99 / (places + 1) / service_s, 2),
    }  # fmt: skip


def attacks(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R2 and R12."""
    sys.path.insert(0, str(TESTS))
    from drawn_bombs import bombs

    photo = cut_photos(folder / "photos", 1, options.side)[0]
    tiles = np.tile(read_image(EXAMPLES / "wall_stains.jpg"), (7, 9, 1))  # 12.6 megapixels
    return service_attacks.run(bombs(), photo.read_bytes(), encode_jpeg(tiles))


def spoilt(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R1."""
    return service_spoiled.run_files(cut_photos(folder / "photos", 24, options.side), options.files, folder)


def named(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """R10."""
    (photo,) = cut_photos(folder / "photos", 1, options.side)
    return service_spoiled.run_names(photo.read_bytes(), folder)


SUBJECTS = {
    "crowd": crowd, "attacks": attacks, "stops": stops, "contract": contract, "cost": cost, "queue": queue,
    "spoilt": spoilt, "names": named,
}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=SUBJECTS)
    for name, kind, default in (
        ("minutes", float, 10), ("times", int, 20), ("cases", int, 1000), ("photos", int, 60), ("rounds", int, 5),
        ("seconds", float, 60), ("places", int, 4), ("side", int, 224), ("files", int, 2000),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=default)
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        found = SUBJECTS[given.subject](given, Path(place))
    print(json.dumps({"subject": given.subject, "load before": round(load_before, 1), **found}))
