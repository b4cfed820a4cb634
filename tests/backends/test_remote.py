"""A server as a predictor: the numbers are its own to the bit, and what goes wrong is told in one sentence."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
import pytest

from conftest import draw_crack
from crackwise.backends import load_predictor
from crackwise.backends.remote import RemotePredictor
from crackwise.batch import Settings as BatchSettings
from crackwise.batch import find_photos, inspect_batch, name_outputs
from crackwise.errors import ModelError, ModelReplacedError
from crackwise.predictor import ModelCard, Predictor
from drawn_onnx import write_brightness
from drawn_walls import encode

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

CARD = ModelCard(name="darkness", version="1", tile_px=96, overlap_px=32, temperature=1.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_brightness(tmp_path_factory.mktemp("model") / "darkness.onnx", CARD, black=200.0, white=0.0)


@pytest.fixture(scope="module")
def local(model: Path) -> Predictor:
    return load_predictor(model)


@pytest.fixture(scope="module")
def url(local: Predictor) -> Iterator[str]:
    """A true service in a thread of this process."""
    import uvicorn

    from crackwise.serve import Settings, create_app

    app = create_app(local, Settings(workers=1, token="s3cret", max_body_mib=1, per_caller=2))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKWISE_TOKEN", "s3cret")


def test_it_says_what_the_servers_model_says(url: str, local: Predictor) -> None:
    remote = load_predictor(url)
    assert isinstance(remote, RemotePredictor)
    assert (remote.card, remote.sha256) == (CARD, local.sha256)
    assert (remote.runtime, remote.precision) == (local.runtime, local.precision)


def test_callers_of_ours_do_not_send_each_other_away(
    url: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = load_predictor(url)
    asking, most = 0, 0
    send = remote.send

    def counted(*told: Any) -> httpx.Response:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        try:
            time.sleep(0.02)
            return send(*told)
        finally:
            asking -= 1

    monkeypatch.setattr(remote, "send", counted)
    pictures = rng.integers(0, 256, (12, 40, 40, 3), np.uint8)
    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(remote, pictures))) == 12
    assert most == 2


@pytest.mark.parametrize("shape", [(1, 1), (37, 53), (144, 2)])
def test_its_numbers_are_the_servers_to_the_bit(
    url: str, local: Predictor, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    pixels = rng.integers(0, 256, (*shape, 3), np.uint8)
    maps = load_predictor(f"{url}/")(pixels)
    assert maps.dtype == np.float32
    assert maps.flags.writeable
    np.testing.assert_array_equal(maps, local(pixels))


def test_an_inspection_through_a_server_writes_the_same_files(url: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "walls").mkdir()
    for i in range(2):
        (tmp_path / "walls" / f"{i}.png").write_bytes(encode(draw_crack(120 + 100 * i, i)[0]))
    for source in (str(url), str(model)):
        out = tmp_path / ("remote" if source == url else "local")
        jobs = name_outputs(find_photos([tmp_path / "walls"], out))
        inspect_batch(jobs, out, load_predictor(source), BatchSettings(mm_per_px=0.2))
    names = sorted(path.relative_to(tmp_path / "local") for path in (tmp_path / "local").rglob("*.*"))
    assert len(names) == 8
    for name in names:
        if name.suffix != ".html":  # the page carries its date
            assert (tmp_path / "remote" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_a_view_is_sent_like_its_copy(url: str, rng: np.random.Generator) -> None:
    remote = load_predictor(url)
    pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
    np.testing.assert_array_equal(remote(pixels[::2, 10:]), remote(pixels[::2, 10:].copy()))


def test_without_the_token_it_says_which_to_set(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRACKWISE_TOKEN")
    with pytest.raises(ModelError, match="set CRACKWISE_TOKEN"):
        load_predictor(url)


def test_what_the_server_refuses_is_told(url: str) -> None:
    with pytest.raises(ModelError, match=r"status 422.*no tile of this model, which takes 144x144 px"):
        load_predictor(url)(np.zeros((145, 144, 3), np.uint8))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1", "Cannot reach"),
        ("http://127.0.0.1:99999", "no address|Cannot reach"),
        ("http://", "no address|Cannot reach"),
        ("http://[::1", "no address"),
        ("https://127.0.0.1:1", "Cannot reach"),
    ],
)
def test_where_nobody_answers_one_sentence_says_so(address: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        load_predictor(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["http://bob:hunter2@127.0.0.1:1", "http://bob:hun/ter2@host", "http://bob:hunter2", "http://h/?t=hunter2"],
)
def test_no_error_of_a_server_tells_a_password(address: str) -> None:
    for prompts in ((), ("crack",)):
        with pytest.raises(ModelError) as caught:
            load_predictor(address, prompts=prompts)
        assert "ter2" not in str(caught.value)


def test_an_answer_is_told_of_without_the_password(foreign: str) -> None:
    Answers.said = [(200, ABOUT), (500, b""), (200, b"", "0"), (200, b""), (200, b"", "1")]
    remote = load_predictor(foreign.replace("//", "//bob:hunter2@"))
    for _ in range(4):
        with pytest.raises((ModelError, ModelReplacedError), match=foreign) as caught:
            remote(np.zeros((2, 3, 3), np.uint8))
        assert "hunter2" not in str(caught.value)


def test_a_server_takes_no_prompts(url: str) -> None:
    with pytest.raises(ModelError, match="takes no prompts"):
        load_predictor(url, prompts=["crack"])


class Answers(BaseHTTPRequestHandler):
    """A server that says what it is told to, one answer after another, the last for ever."""

    said: ClassVar[list[tuple[int, bytes] | tuple[int, bytes, str]]] = []
    """Status, content, and where it says so the model that answered."""
    asked: ClassVar[int] = 0

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, content, *sha256 = self.said[min(self.asked, len(self.said) - 1)]
        type(self).asked += 1
        self.send_response(status)
        self.send_header("Retry-After", "0")
        for told in sha256:
            self.send_header("X-Model-SHA256", told)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer  # noqa: N815  names that the standard library looks for

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def foreign() -> Iterator[str]:
    """The address of `Answers`."""
    Answers.said, Answers.asked = [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


ABOUT = json.dumps({"card": CARD.model_dump(), "sha256": "0", "runtime": "r", "precision": "f32"}).encode()
MODELLESS = [b"", b"<html>", b"[]", b"{}", b'{"card": 1}', ABOUT.replace(b'"tile_px"', b'"tile"'), b"\xff\xfe"]


@pytest.mark.parametrize("content", MODELLESS)
def test_what_is_no_service_of_ours_is_refused(foreign: str, content: bytes) -> None:
    Answers.said = [(200, content)]
    with pytest.raises(ModelError, match="no crackwise service"):
        load_predictor(foreign)


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_busy_is_asked_again(foreign: str, status: int) -> None:
    Answers.said = [(status, b"{}"), (status, b"no JSON"), (200, ABOUT)]
    assert load_predictor(foreign).card == CARD
    assert Answers.asked == 3


def test_who_stays_busy_is_given_up(foreign: str) -> None:
    Answers.said = [(503, b'{"error": "All places\\n are taken."}')]
    with pytest.raises(ModelError, match=r"still busy after 5 tries. All places\\n are taken"):
        load_predictor(foreign)


SHORT = [b"", b"abc", bytes(4 * 5), bytes(4 * 7), np.full(6, np.nan, "<f4").tobytes(), b"<html>"]


@pytest.mark.parametrize("content", SHORT)
def test_probabilities_that_are_none_are_refused(foreign: str, content: bytes) -> None:
    Answers.said = [(200, ABOUT), (200, content, "0")]
    with pytest.raises(ModelError, match="bytes where finite numbers"):
        load_predictor(foreign)(np.zeros((2, 3, 3), np.uint8))


def test_a_model_that_was_replaced_answers_no_earlier_caller(foreign: str) -> None:
    maps = np.full((1, 2, 3), 0.5, "<f4").tobytes()
    Answers.said = [(200, ABOUT), (200, maps, "0"), (200, maps, "1" * 64), (200, maps)]
    remote = load_predictor(foreign)
    pixels = np.zeros((2, 3, 3), np.uint8)
    np.testing.assert_array_equal(remote(pixels), 0.5)
    with pytest.raises(ModelReplacedError, match=r"another model by now: 111111111111 answered.*with 0\. Start again"):
        remote(pixels)
    with pytest.raises(ModelReplacedError, match=r"does not say which model answered.*start again"):
        remote(pixels)
