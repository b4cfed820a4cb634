"""Two thousand spoilt and odd files through the command line and the service, and names that want out of a folder."""

from __future__ import annotations

import asyncio
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin
from service_client import Running, exchange, post

from crackwise.backends import load_predictor
from crackwise.batch import Settings, find_photos, inspect_batch, name_outputs

__all__ = ["run_files", "run_names"]

Spoil = Callable[[random.Random, bytes], bytes]
CLIENTS, SLOW_S = 4, 5.0
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp"}
ORIENTATION = 0x0112


class File(NamedTuple):
    """A file and what was done to it."""

    kind: str
    name: str
    content: bytes


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def cut(rng: random.Random, content: bytes) -> bytes:
    """The end is missing: some bytes, or nearly all."""
    return content[: rng.randrange(1, len(content) - 2)]


def flip(rng: random.Random, content: bytes) -> bytes:
    """A few bits are turned."""
    spoilt = bytearray(content)
    for _ in range(rng.randrange(1, 17)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def blank(rng: random.Random, content: bytes) -> bytes:
    """A stretch is zero, as where a card was not written."""
    length = rng.randrange(512, max(513, len(content) // 2))
    start = rng.randrange(len(content) // 4, max(len(content) // 4 + 1, len(content) - length))
    return content[:start] + bytes(length) + content[start + length :]


SPOILT: dict[str, Spoil] = {"cut": cut, "bits": flip, "zeroed": blank}


def odd(picture: Image.Image) -> Iterator[tuple[str, str, bytes]]:
    """Files that are whole and unusual: those that can be read, and those that must be refused with a reason."""
    grey, rgb = picture.convert("L"), np.asarray(picture)
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield "readable", "16bit.png", encoded(wide, "PNG")
    yield "readable", "16bit.tif", encoded(wide, "TIFF")
    yield "readable", "cmyk.jpg", encoded(picture.convert("CMYK"), "JPEG")
    yield "readable", "palette.png", encoded(picture.convert("P"), "PNG")
    yield "readable", "alpha.png", encoded(picture.convert("RGBA"), "PNG")
    yield "readable", "grey.jpg", encoded(grey, "JPEG")
    yield "readable", "progressive.jpg", encoded(picture, "JPEG", progressive=True)
    yield "readable", "jpeg_called.png", encoded(picture, "JPEG")
    yield "readable", "png_called.jpg", encoded(picture, "PNG")
    yield "readable", "strips.tif", encoded(picture, "TIFF", compression="tiff_lzw", strip_size=4096)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = turn
        yield "readable", f"exif{turn}.jpg", encoded(picture, "JPEG", exif=exif)
    moved = Image.fromarray(rgb[::-1])
    yield "refused", "animated.webp", encoded(picture, "WEBP", save_all=True, append_images=[moved])
    yield "refused", "animated.gif.png", encoded(picture.convert("P"), "GIF", save_all=True, append_images=[moved])
    yield "refused", "pages.tif", encoded(picture, "TIFF", save_all=True, append_images=[moved])
    holes = np.asarray(grey, np.float32).copy()
    holes[::7] = np.nan
    yield "refused", "nan.tif", encoded(Image.fromarray(holes), "TIFF")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[259] = 34712  # JPEG 2000 by its number, and no such data
    yield "refused", "claimed.tif", encoded(picture, "TIFF", tiffinfo=tags)[:-100]
    yield "refused", "empty.jpg", b""
    yield "refused", "text.jpg", b"This is no picture.\n" * 40
    yield "refused", "page.png", b"<html><body>404</body></html>"
    yield "refused", "archive.jpg", b"PK\3\4" + bytes(400)
    yield "refused", "noise.jpg", random.Random(0).randbytes(4000)


def corpus(photos: Sequence[Path], count: int) -> Iterator[File]:
    """So many files: every odd one of every photograph, and the rest spoilt in turn."""
    pictures = [Image.open(photo).convert("RGB") for photo in photos]
    number = 0
    for picture in pictures[: max(1, count // 400)]:
        for kind, name, content in odd(picture):
            number += 1
            yield File(kind, f"{number:05}_{name}", content)
    rng = random.Random(0)
    while number < count:
        for form, suffix in SUFFIXES.items():
            for kind, spoil in SPOILT.items():
                number += 1
                whole = encoded(rng.choice(pictures), form)
                yield File(f"{kind} {form}", f"{number:05}{suffix}", spoil(rng, whole))


def run_files(photos: Sequence[Path], count: int, folder: Path) -> dict[str, Any]:
    """R1: what the command line and the service make of every file, and whether that is the same."""
    files = list(corpus(photos, count))
    place, out = folder / "spoilt", folder / "spoilt_out"
    place.mkdir()
    for file in files:
        (place / file.name).write_bytes(file.content)
    jobs = name_outputs(find_photos([place], out))
    began_s = time.monotonic()
    entries = inspect_batch(jobs, out, load_predictor(threads=1), Settings(only=frozenset({"masks"})), workers=2)
    line_s = time.monotonic() - began_s
    by_line = {job.path.name: (entry.error, job.stem) for job, entry in zip(jobs, entries, strict=True)}
    counts: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {}
    slowest_s = 0.0

    async def client(url: str, left: list[File]) -> None:
        nonlocal slowest_s
        while left:
            file = left.pop()
            began_s = time.monotonic()
            status, _, body = await exchange(url, post("/inspect?answer=mask", file.content))
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            error, stem = by_line[file.name]
            if status == 200:
                same = error is None and body == (out / "masks" / f"{stem}.png").read_bytes()
            else:
                same = error is not None and json.loads(body)["code"] == "photo_refused"
            counts["the same as the command line"] += same
            counts[f"status {status}"] += 1
            kinds.setdefault(file.kind, Counter())["taken" if status == 200 else "refused"] += 1

    async def all_clients(url: str) -> None:
        left = list(files)
        await asyncio.gather(*(client(url, left) for _ in range(CLIENTS)))

    with Running("--queue", "16") as service:
        asyncio.run(all_clients(service.url))
        alive = service.process.poll() is None
    return {
        "files": len(files), "errors in words by the command line": sum(e is not None for e, _ in by_line.values()),
        "s by the command line": round(line_s, 1), **counts, "slowest s": round(slowest_s, 2),
        "over 5 s": slowest_s > SLOW_S, "alive at the end": alive,
        "kinds": {kind: dict(found) for kind, found in sorted(kinds.items())},
    }  # fmt: skip


OUTSIDE = ("/etc/passwd", "/tmp/crackwise_was_here.jpg", "C:\\windows\\win.ini", "\\\\host\\share\\a.jpg", "~/.bashrc")
STEPS = (
    "../",
    "..\\",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%c0%af",
    "..%5c",
    "....//",
    "./../",
    "/../",
    "..;/",
    "\u2025/",
)
ENDS = ("a.jpg", "etc/passwd", "a.jpg\0.png", "CON", "\u2025/x.jpg")
"""What follows a step: a picture, a file of the system, a name cut by NUL, a device of Windows, two dots in one."""
ODD = (
    "",
    ".",
    "..",
    "...",
    " ",
    "-rf",
    "$(touch here).jpg",
    "`touch here`.jpg",
    "; touch here",
    "a" * 4000,
    "nul.jpg:b",
)


def names() -> list[str]:
    """Names that want out of the folder they are put into, or to be run."""
    return [*OUTSIDE, *ODD, *(3 * step + end for step in STEPS for end in ENDS)]


def run_names(photo: bytes, folder: Path) -> dict[str, Any]:
    """R10: as names of uploads, one by one and in a batch; nothing may appear anywhere near."""
    near = [folder, Path.cwd(), Path("/tmp")]
    before = {place: set(place.iterdir()) for place in near}
    counts: Counter[str] = Counter()

    def part(name: str) -> bytes:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"').encode()
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="' + escaped + b'"\r\n'
        return head + b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n"

    async def all_names(url: str) -> None:
        for name in names():
            request = post("/inspect", part(name) + b"--b--\r\n", "multipart/form-data; boundary=b")
            status, _, body = await exchange(url, request)
            source = str(json.loads(body).get("source", "")) if status == 200 else ""
            counts[f"status {status}"] += 1
            counts["names with a way in them"] += "/" in source or "\0" in source
        together = b"".join(map(part, names()[:32])) + b"--b--\r\n"
        status, _, body = await exchange(url, post("/inspect/batch", together, "multipart/form-data; boundary=b"))
        counts[f"batch {status} of {len(json.loads(body))}"] += 1

    with Running("--queue", "4") as service:
        asyncio.run(all_names(service.url))
    appeared = [str(new) for place in near for new in set(place.iterdir()) - before[place]]
    return {"names": len(names()), **counts, "files that appeared": appeared}
