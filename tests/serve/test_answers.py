"""What the service answers is what the command line writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from crackwise.backends import load_predictor
from crackwise.batch import Settings as BatchSettings
from crackwise.batch import find_photos, inspect_batch, name_outputs
from crackwise.errors import CrackwiseError
from crackwise.predictor import ModelCard, Predictor
from crackwise.serve import Settings, create_app
from drawn_onnx import write_brightness
from drawn_walls import draw_wall, parts_of

EXAMPLES = Path(__file__).parents[2] / "examples"
JPEG = {"Content-Type": "image/jpeg"}
KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")


def without_source(result: bytes) -> dict[str, Any]:
    told = json.loads(result)
    return {key: value for key, value in told.items() if key not in {"source", "mm_per_px_source"}}


def assert_same_as_files(
    client: TestClient, predictor: Predictor, photos: Path, out: Path, scale: float | None
) -> None:
    """Every photograph of a folder, sent and inspected from disk."""
    jobs = name_outputs(find_photos([photos], out))
    inspect_batch(jobs, out, predictor, BatchSettings(mm_per_px=scale))
    for job in jobs:
        options = {"answer": "all"} | ({} if scale is None else {"scale": f"{scale}mm"})
        answer = client.post("/inspect", params=options, files={"image": (job.path.name, job.path.read_bytes())})
        assert answer.status_code == 200, answer.text
        parts = parts_of(answer.headers["content-type"], answer.content)
        assert parts["mask"] == (out / "masks" / f"{job.stem}.png").read_bytes()
        assert parts["overlay"] == (out / "overlays" / f"{job.stem}.jpg").read_bytes()
        written = (out / "results" / f"{job.stem}.json").read_bytes()
        assert without_source(parts["result"]) == without_source(written)
        assert parts["result"].endswith(b"}\n")
        assert len(parts) == 3


@pytest.mark.parametrize("scale", [None, 0.2])
def test_drawn_walls(client: TestClient, predictor: Predictor, tmp_path: Path, scale: float | None) -> None:
    (tmp_path / "walls").mkdir()
    for i, kind in enumerate(KINDS):
        content = draw_wall(i, 96 + 70 * i, kind)  # the larger ones are cut into tiles
        (tmp_path / "walls" / f"wall_{i}.{kind.lower()}").write_bytes(content)
    assert_same_as_files(client, predictor, tmp_path / "walls", tmp_path / "out", scale)


def test_example_photographs_by_the_packaged_model(tmp_path: Path) -> None:
    try:
        packaged = load_predictor()
    except CrackwiseError as error:
        pytest.skip(str(error))
    with TestClient(create_app(load_predictor(threads=1), Settings(workers=1))) as client:
        assert_same_as_files(client, packaged, EXAMPLES, tmp_path / "out", 0.4)


@pytest.mark.parametrize("answer", ["json", "mask", "overlay"])
def test_one_part_alone_is_that_of_all(client: TestClient, answer: str) -> None:
    kinds = {"json": "application/json", "mask": "image/png", "overlay": "image/jpeg"}
    alone = client.post("/inspect", params={"answer": answer}, content=draw_wall(), headers=JPEG)
    everything = client.post("/inspect", params={"answer": "all"}, content=draw_wall(), headers=JPEG)
    assert alone.headers["content-type"] == kinds[answer]
    part = parts_of(everything.headers["content-type"], everything.content)["result" if answer == "json" else answer]
    assert alone.content == part


def test_a_body_and_a_form_are_the_same_photograph(client: TestClient) -> None:
    body = client.post("/inspect", content=draw_wall(), headers={"Content-Type": "application/octet-stream"})
    form = client.post("/inspect", files={"image": ("wall.png", draw_wall())})
    assert without_source(body.content) == without_source(form.content)
    assert (body.json()["source"], form.json()["source"]) == ("upload", "wall.png")


def test_a_threshold_is_heard(client: TestClient) -> None:
    answer = client.post("/inspect", params={"threshold": 0.9}, content=draw_wall(), headers=JPEG).json()
    assert answer["model"]["threshold"] == 0.9


def test_every_class_has_its_mask(tmp_path: Path) -> None:
    predictor = TwoClasses(load_predictor(write_brightness(tmp_path / "m.onnx", CARD_OF_ONE, black=200.0, white=0.0)))
    with TestClient(create_app(predictor, Settings(workers=1))) as client:
        answer = client.post("/inspect", params={"answer": "all"}, content=draw_wall(), headers=JPEG)
    assert list(parts_of(answer.headers["content-type"], answer.content)) == [
        "result",
        "mask",
        "overlay",
        "mask-1",
        "mask-2",
    ]


CARD_OF_ONE = ModelCard(name="darkness", version="1")


class TwoClasses:
    """A model that knows seams too, and never finds any."""

    card = ModelCard(name="two", version="1", classes=("crack", "seam"))
    runtime, precision = "onnxruntime", "f32"

    def __init__(self, inner: Predictor) -> None:
        self.inner, self.sha256 = inner, inner.sha256

    def __call__(self, pixels: np.ndarray, /) -> np.ndarray:
        maps = self.inner(pixels)
        return np.concatenate([maps, np.zeros_like(maps)])


def test_a_batch_is_a_list_in_which_one_that_is_damaged_costs_no_other(client: TestClient) -> None:
    names = ["a.png", "b.png", "c.png"]
    files = [("image", (name, draw_wall(i)[: 90 if i == 1 else None])) for i, name in enumerate(names)]
    told = client.post("/inspect/batch", files=files).json()
    assert [row["source"] for row in told] == names
    assert [row["schema"] for row in told] == [f"crackwise.{kind}/1" for kind in ("inspection", "error", "inspection")]
    assert "b.png is damaged" in told[1]["error"]
    alone = client.post("/inspect", files={"image": ("c.png", draw_wall(2))})
    assert told[2] == alone.json()


def test_a_batch_of_pictures_is_a_form(client: TestClient) -> None:
    files = [("image", ("a.png", draw_wall())), ("image", ("b.png", b"no picture"))]
    answer = client.post("/inspect/batch", params={"answer": "mask"}, files=files)
    parts = parts_of(answer.headers["content-type"], answer.content)
    assert list(parts) == ["1-mask", "2-result"]
    assert "not a JPEG" in json.loads(parts["2-result"])["error"]


def test_probabilities_are_those_of_the_model_to_the_bit(
    client: TestClient, predictor: Predictor, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (37, 53, 3), np.uint8)
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post("/predict", params={"height": 37, "width": 53}, content=pixels.tobytes(), headers=headers)
    maps = np.frombuffer(answer.content, "<f4").reshape(1, 37, 53)
    np.testing.assert_array_equal(maps, predictor(pixels))
    assert answer.headers["x-model-sha256"] == predictor.sha256


def test_the_model_is_told(client: TestClient, predictor: Predictor) -> None:
    told = client.get("/model").json()
    assert ModelCard.model_validate(told["card"]) == predictor.card
    assert (told["sha256"], told["runtime"], told["precision"]) == (predictor.sha256, "onnxruntime", "f32")
    assert (told["max_megapixels"], told["max_tile_px"]) == (1, [192, 192])


def test_the_largest_tile_is_answered(client: TestClient) -> None:
    highest, widest = client.get("/model").json()["max_tile_px"]
    headers = {"Content-Type": "application/octet-stream"}
    pixels = bytes(3 * highest * widest)
    answer = client.post("/predict", params={"height": highest, "width": widest}, content=pixels, headers=headers)
    assert len(answer.content) == 4 * highest * widest


def test_metrics_count_requests_by_paths_of_ours(client: TestClient) -> None:
    client.get("/health")
    client.get("/../../etc/passwd")
    client.post("/inspect", content=b"no picture", headers=JPEG)
    text = client.get("/metrics").text
    assert 'crackwise_requests_total{path="/health",status="200"} 1.0' in text
    assert 'crackwise_requests_total{path="other",status="404"} 1.0' in text
    assert 'crackwise_refusals_total{code="photo_refused"} 1.0' in text
    assert "passwd" not in text


@pytest.mark.parametrize("given", ["abc-1.2_3", "a" * 64])
def test_a_sane_number_of_the_caller_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "a\tb", "<script>"])
def test_another_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/nothing", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] != given


def test_a_token_opens_everything_but_health_and_readiness(predictor: Predictor) -> None:
    with TestClient(create_app(predictor, Settings(workers=1, token="s3cret"))) as client:
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        for path in ("/model", "/metrics", "/openapi.json", "/nothing"):
            for wrong in (
                {},
                {"Authorization": "Bearer s3cre"},
                {"Authorization": "s3cret"},
                {"Authorization": b"Bearer \xff"},
            ):
                answer = client.get(path, headers=wrong)
                assert (answer.status_code, answer.json()["code"]) == (401, "no_token")
                assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/model", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        told = client.get("/openapi.json", headers={"Authorization": "Bearer s3cret"}).json()
        assert told["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_a_mistake_of_ours_is_an_answer_too(app: FastAPI, predictor: Predictor) -> None:
    class Broken(TwoClasses):
        card = predictor.card

        def __call__(self, pixels: np.ndarray, /) -> np.ndarray:
            raise RuntimeError("secret") if pixels.shape[0] != 64 else ValueError("warm")

    broken = create_app(Broken(predictor), Settings(workers=1))
    answer = TestClient(broken).post("/inspect", content=draw_wall(), headers=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (500, "mistake")
    assert "secret" not in answer.text
