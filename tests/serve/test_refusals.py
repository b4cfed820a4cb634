"""What strangers send: each is answered in one shape, and none of it is believed."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from httpx import Response
from PIL import Image
from starlette.testclient import TestClient

from conftest import draw_crack
from crackwise.predictor import Predictor
from crackwise.serve import Settings, create_app
from drawn_bombs import bombs
from drawn_walls import draw_wall, encode

JPEG = {"Content-Type": "image/jpeg"}
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def client(predictor: Predictor) -> Iterator[TestClient]:
    settings = Settings(workers=2, queue=4, max_body_mib=2, max_megapixels=100, max_photos=5, timeout_s=5)
    with TestClient(create_app(predictor, settings)) as client:
        yield client


def refused(answer: Response, status: int, code: str) -> str:
    """The sentence of a refusal, after a look at its shape."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert sorted(answer.json()) == ["code", "error", "request_id"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["error"].isprintable()
    return str(answer.json()["error"])


@pytest.mark.parametrize("name", list(bombs()))
def test_a_bomb_is_refused_from_its_header(client: TestClient, name: str) -> None:
    started = time.process_time()
    refused(client.post("/inspect", content=bombs_once()[name], headers=JPEG), 422, "photo_refused")
    assert time.process_time() - started < 2  # decoding the smallest of them takes longer


def bombs_once(kept: dict[str, bytes] = {}) -> dict[str, bytes]:  # noqa: B006  drawn once
    return kept or kept.update(bombs()) or kept


def spoilt() -> Iterator[tuple[str, bytes]]:
    """Photographs that are cut short, changed, or of kinds nobody agreed on."""
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "BMP"):
        whole = draw_wall(kind=kind)
        for share in (0.0, 0.02, 0.3, 0.7, 0.99):
            yield f"{kind} cut at {share}", whole[: int(share * len(whole))]
        for i in range(5):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 3):
                changed[place] ^= 1 << int(rng.integers(8))
            yield f"{kind} flipped {i}", bytes(changed)
        start = len(whole) // 2
        yield f"{kind} zeroed", whole[:start] + bytes(512) + whole[start + 512 :]
        yield f"{kind} with more after it", whole + bytes(1000)
    wall = draw_crack(64, 0)[0]
    yield "float TIFF", encode_mode(Image.fromarray(np.full((64, 64), np.nan, np.float32)), "TIFF")
    yield "16 bit PNG", encode_mode(Image.fromarray(wall[..., 0].astype(np.uint16) * 257), "PNG")
    for mode, kind in (("CMYK", "JPEG"), ("P", "PNG"), ("LA", "PNG"), ("1", "TIFF"), ("RGBA", "WEBP")):
        yield f"{mode} {kind}", encode_mode(Image.fromarray(wall).convert(mode), kind)
    for text in ("GIF89a" + "\0" * 50, "%PDF-1.7", "<svg xmlns='http://www.w3.org/2000/svg'/>", "%!PS", "II*\0", "BM"):
        yield f"{text[:6]!r}", text.encode()


def encode_mode(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in spoilt()])
def test_a_photograph_is_answered_or_refused_in_words(client: TestClient, content: bytes) -> None:
    answer = client.post("/inspect", content=content, headers=JPEG)
    if answer.status_code == 200:
        assert answer.json()["schema"] == "crackwise.inspection/1"
    else:
        assert "upload" in refused(answer, 422, "photo_refused")


NAMES = {
    "../../etc/passwd": "passwd", "..\\..\\boot.ini": "boot.ini", "/etc/passwd": "passwd", "C:\\x\\y.jpg": "y.jpg",
    "..": "upload", ".": "upload", "": "upload", "/": "upload", "\\\\server\\share\\a.jpg": "a.jpg",
    "%2e%2e%2fpasswd": "%2e%2e%2fpasswd", "%252e%252e%252f": "%252e%252e%252f", "....//a": "a", "a/../b.jpg": "b.jpg",
    "a\0b.jpg": "a\\x00b.jpg", "a\x1b[31mb": "a\\x1b[31mb", "~/.ssh/id": "id", "CON": "CON", "a" * 300: "a" * 200,
    "file:///etc/passwd": "passwd", "http://169.254.169.254/latest": "latest", "é\u2028b": "é\\u2028b",
}  # fmt: skip


@pytest.mark.parametrize("name", list(NAMES))
def test_names_are_labels(
    client: TestClient, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    part = f'--b\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
    answer = client.post("/inspect", content=part + draw_wall() + b"\r\n--b--\r\n", headers={"Content-Type": FORM})
    assert answer.json()["source"] == NAMES[name], answer.text
    assert list(tmp_path.iterdir()) == []
    (told,) = (record.told for record in caplog.records if record.name == "crackwise.serve.gate")
    assert sorted(told) == ["bytes", "ms", "path", "photos", "request_id", "status"]


@pytest.mark.parametrize("path", ["/inspect", "/inspect/batch"])
@pytest.mark.parametrize("text", ["http://127.0.0.1:1/a.jpg", "file:///etc/passwd", "https://[::1]/", "/etc/passwd"])
def test_addresses_are_never_followed(client: TestClient, path: str, text: str) -> None:
    for option in ("url", "image", "path", "source", "image_url"):
        refused(client.post(path, params={option: text}, content=draw_wall(), headers=JPEG), 422, "wrong_option")
    refused(client.post("/inspect", content=text.encode(), headers=JPEG), 422, "photo_refused")
    refused(client.post(path, json={"url": text}), 415, "wrong_type")
    refused(client.post(path, data={"image_url": text}), 415, "wrong_type")
    refused(client.post(path, files={"url": (None, text)}), 400, "bad_request")
    refused(client.post("/inspect", files={"image": (None, text)}), 422, "photo_refused")


def part(name: str = "image", more: str = "", content: bytes = b"x") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{more}\r\n'.encode() + content + b"\r\n"


END = b"--b--\r\n"
BROKEN: dict[str, Callable[[], tuple[str, bytes]]] = {
    "nothing": lambda: (FORM, b""),
    "no part": lambda: (FORM, END),
    "no end": lambda: (FORM, part()),
    "no boundary": lambda: ("multipart/form-data", part() + END),
    "another boundary": lambda: ("multipart/form-data; boundary=c", part() + END),
    "a long boundary": lambda: (f"multipart/form-data; boundary={'c' * 5000}", part() + END),
    "no name": lambda: (FORM, b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" + END),
    "no header": lambda: (FORM, b"--b\r\n\r\nx\r\n" + END),
    "another name": lambda: (FORM, part("scale", content=b"0.2mm") + END),
    "a hundred headers": lambda: (FORM, part(more="X-A: b\r\n" * 100) + END),
    "a long header": lambda: (FORM, part(more=f"X-A: {'b' * 10_000}\r\n") + END),
    "a bad header": lambda: (FORM, part(more="a b c\r\n") + END),
    "a huge text field": lambda: (FORM, part("text", content=b"a" * 1_900_000) + END),
    "a name of NUL": lambda: (FORM, part("image\0") + END),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_form_is_refused(client: TestClient, name: str) -> None:
    kind, body = BROKEN[name]()
    refused(client.post("/inspect", content=body, headers={"Content-Type": kind}), 400, "bad_request")


@pytest.mark.parametrize("photographs", [0, 1, 5])
def test_an_option_in_the_form_is_told_where_it_belongs(client: TestClient, photographs: int) -> None:
    body = part() * photographs + part("scale", content=b"0.2mm") + END
    path = "/inspect" if photographs < 2 else "/inspect/batch"
    told = refused(client.post(path, content=body, headers={"Content-Type": FORM}), 400, "bad_request")
    assert "'scale'" in told
    assert "/inspect?scale=0.2mm" in told


def test_the_parts_of_a_form_are_counted(client: TestClient) -> None:
    many = part(content=b"") * 10_000 + END
    started = time.process_time()
    for path in ("/inspect", "/inspect/batch"):
        assert "At most" in refused(client.post(path, content=many, headers={"Content-Type": FORM}), 400, "bad_request")
    assert time.process_time() - started < 1


KINDS = ["", "text/plain", "application/x-www-form-urlencoded", "application/json", "image", "*/*", "multipart/mixed",
         "multipart/form-data" + " " * 20_000 + "x", "image" + ";" * 20_000, 'a/b; c="' + "\\" * 20_000]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[:20])
def test_another_content_type_is_refused_at_once(client: TestClient, kind: str) -> None:
    started = time.process_time()
    refused(client.post("/inspect", content=draw_wall(), headers={"Content-Type": kind}), 415, "wrong_type")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("hostile", ["; " * 9000, ';a="' + '\\"' * 9000, "; boundary=" + "=" * 9000, ";x" * 9000])
def test_a_content_type_made_to_be_slow_is_read_at_once(client: TestClient, hostile: str) -> None:
    started = time.process_time()
    kind = "multipart/form-data" + hostile
    refused(client.post("/inspect", content=b"--b--", headers={"Content-Type": kind}), 400, "bad_request")
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "options",
    [{"scale": "0.2"}, {"threshold": "0"}, {"threshold": "1"}, {"threshold": "nan"}, {"threshold": "x"},
     {"answer": "x"}, {"treshold": "0.5"}, {"scale": "0mm"}, {"scale": "-1mm"}, {"scale": "1km"}, {"scale": ""},
     {"scale": "9" * 50}],
)  # fmt: skip
def test_an_option_is_heard_or_refused(client: TestClient, options: dict[str, str]) -> None:
    answer = client.post("/inspect", params=options, content=draw_wall(), headers=JPEG)
    if options == {"scale": "0.2"}:
        assert answer.json()["mm_per_px"] == 0.2
    else:
        assert next(iter(options)) in refused(answer, 422, "wrong_option")


@pytest.mark.parametrize(
    ("query", "content", "status", "code"),
    [
        ("height=2&width=2", b"x" * 11, 400, "bad_request"),
        ("height=2&width=2", b"x" * 13, 400, "bad_request"),
        ("height=0&width=2", b"", 422, "wrong_option"),
        ("height=-2&width=-2", b"x" * 12, 422, "wrong_option"),
        ("height=2", b"x" * 12, 422, "wrong_option"),
        ("height=99999999999999999999&width=99999999999999999999", b"", 422, "photo_refused"),
        ("height=193&width=2", b"x" * 193 * 6, 422, "photo_refused"),  # tiles of 128 px reach 192
        ("height=2&width=193", b"x" * 193 * 6, 422, "photo_refused"),
        ("height=2&width=2&stride=1", b"x" * 12, 422, "wrong_option"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(
    client: TestClient, query: str, content: bytes, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    refused(client.post(f"/predict?{query}", content=content, headers=headers), status, code)


def test_pixels_are_nothing_else(client: TestClient) -> None:
    refused(client.post("/predict?height=2&width=2", content=b"x" * 12, headers=JPEG), 415, "wrong_type")


def test_a_body_over_the_limit_is_refused_however_it_comes(client: TestClient) -> None:
    over = bytes(2 * 1024 * 1024 + 1)
    assert "2 MiB" in refused(client.post("/inspect", content=over, headers=JPEG), 413, "too_large")
    pieces = (over[i : i + 65536] for i in range(0, len(over), 65536))
    refused(client.post("/inspect", content=pieces, headers=JPEG), 413, "too_large")


def test_logs_say_what_happened_and_nothing_that_was_sent(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    wall = encode(draw_crack(96, 3)[0])
    with TestClient(app) as client:
        client.post("/inspect", files={"image": ("secret-name.png", wall)})
        client.post("/inspect?secret-option=1", content=wall, headers=JPEG)
    first, second = (record for record in caplog.records if record.name == "crackwise.serve.gate")
    assert first.told | {"ms": 0, "request_id": ""} == {
        "request_id": "", "path": "/inspect", "status": 200, "ms": 0, "photos": 1, "bytes": first.told["bytes"],
    }  # fmt: skip
    assert second.told["code"] == "wrong_option"
    assert "secret" not in json.dumps([first.told, second.told])
