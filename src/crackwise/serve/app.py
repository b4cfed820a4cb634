"""The service itself: which paths there are and what each does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.security import HTTPBearer
from numpy.typing import NDArray
from prometheus_client import CONTENT_TYPE_LATEST

from crackwise import __version__
from crackwise.errors import ImageError
from crackwise.imaging.tiles import largest_tile_px
from crackwise.inspection import inspect_image
from crackwise.predictor import Predictor
from crackwise.serve.answer import Options, Part, inspect_all, inspect_one, join, refuse_unusable
from crackwise.serve.contract import (
    BATCH,
    HEALTH,
    INSPECT,
    METRICS,
    MODEL,
    MODEL_SHA256,
    PREDICT,
    READY,
    Health,
    Model,
    Tile,
)
from crackwise.serve.desk import Desk
from crackwise.serve.gate import Gate
from crackwise.serve.metrics import Metrics
from crackwise.serve.refusal import RefusalError, answer_refusals
from crackwise.serve.settings import Settings
from crackwise.serve.upload import BYTES, Upload, media_type, unpack

__all__ = ["create_app"]

JSON = "application/json"


def create_app(predictor: Predictor, settings: Settings | None = None) -> FastAPI:
    """A service around one model, which several threads call at the same time; `app.state.desk` is its queue."""
    settings = settings or Settings()
    desk = Desk(settings)
    metrics = Metrics(desk, predictor)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        blank = np.zeros((64, 64, 3), np.uint8)
        await asyncio.to_thread(inspect_image, blank, predictor)  # the first photograph is the slowest
        yield
        desk.close()

    app = FastAPI(
        title="crackwise", version=__version__, summary="Photographs in, measured cracks out.", lifespan=lifespan,
        docs_url=None, redoc_url=None,  # their pages load scripts from elsewhere
    )  # fmt: skip
    app.state.desk = desk
    answer_refusals(app)
    shown = [Depends(HTTPBearer(auto_error=False))] if settings.token else []  # for /openapi.json; the gate looks at it
    app.include_router(inspections(predictor, settings, desk), dependencies=shown)
    app.include_router(predictions(predictor, settings, desk), dependencies=shown)
    app.include_router(facts(predictor, settings, metrics), dependencies=shown)
    app.include_router(conditions(desk))
    app.add_middleware(Gate, metrics=metrics, token=settings.token)
    return app


def inspections(predictor: Predictor, settings: Settings, desk: Desk) -> APIRouter:
    """Photographs in."""
    router = APIRouter()

    def uploads_of(body: bytes, request: Request, most: int) -> list[Upload]:
        uploads = unpack(body, request.headers.get("content-type", ""), most=most)
        note(request, bytes=len(body), photos=len(uploads))
        return uploads

    @router.post("/inspect", **INSPECT)
    async def inspect(request: Request, options: Annotated[Options, Query()]) -> Response:
        """Find and measure the cracks on one photograph."""
        async with desk.body(request, partial(uploads_of, request=request, most=1)) as uploads:
            await asyncio.to_thread(refuse_unusable, uploads, settings.max_megapixels)
            with desk.place():
                parts = await desk.work(request, partial(inspect_one, uploads[0], options, predictor))
        return to_response(parts)

    @router.post("/inspect/batch", **BATCH)
    async def inspect_batch(request: Request, options: Annotated[Options, Query()]) -> Response:
        """The same for several photographs, one after another; one that cannot be used costs no other its answer."""
        found: list[list[Part]] = []
        async with desk.body(request, partial(uploads_of, request=request, most=settings.max_photos)) as uploads:
            with desk.place():
                for upload in uploads:
                    job = partial(inspect_all, upload, options, predictor, settings.max_megapixels)
                    found.append(await desk.work(request, job))
        if options.answer == "json":
            return Response(b"[" + b",".join(parts[0].content for parts in found) + b"]\n", media_type=JSON)
        named = [part._replace(name=f"{i}-{part.name}") for i, parts in enumerate(found, 1) for part in parts]
        content, kind = join(named)
        return Response(content, media_type=kind)

    return router


def predictions(predictor: Predictor, settings: Settings, desk: Desk) -> APIRouter:
    """Pixels in, probabilities out: what `crackwise.backends.remote` asks."""
    router = APIRouter()
    highest, widest = largest_tile_px(predictor.card)

    @router.post("/predict", **PREDICT)
    async def predict(request: Request, tile: Annotated[Tile, Query()]) -> Response:
        """Probabilities of one tile, as the network says them: (classes, height, width) little-endian float32."""
        if media_type(request.headers.get("content-type", "")) != BYTES:
            raise RefusalError("wrong_type", f"Pixels come as {BYTES}.")
        if tile.height > highest or tile.width > widest:
            raise ImageError(
                f"{tile.width}x{tile.height} px are no tile of this model, which takes {widest}x{highest} px at once. "
                "Send the whole photograph to /inspect, or cut it into tiles as --model with this address does."
            )
        if tile.height * tile.width > settings.max_megapixels * 1e6:
            raise ImageError(f"{tile.width}x{tile.height} px are over the limit of {settings.max_megapixels:g} MP.")
        async with desk.body(request, partial(pixels_of, tile=tile)) as pixels:
            note(request, bytes=pixels.nbytes)
            with desk.place():
                maps: NDArray[np.float32] = await desk.work(request, partial(predictor, pixels))
        content = np.ascontiguousarray(maps, "<f4").tobytes()
        return Response(content, media_type=BYTES, headers={MODEL_SHA256: predictor.sha256})

    return router


def pixels_of(body: bytes, tile: Tile) -> NDArray[np.uint8]:
    """A tile (h, w, 3) as it was announced, in memory of its own, as torch wants it."""
    expected = tile.height * tile.width * 3
    if len(body) != expected:
        raise RefusalError(
            "bad_request", f"{tile.width}x{tile.height} RGB pixels are {expected} bytes, not {len(body)}."
        )
    return np.frombuffer(body, np.uint8).reshape(tile.height, tile.width, 3).copy()


def conditions(desk: Desk) -> APIRouter:
    """How the service is."""
    router = APIRouter()

    @router.get("/health", **HEALTH)
    async def health() -> Health:
        """Whether the process is alive, however busy."""
        return Health(status="ok")

    @router.get("/ready", **READY)
    async def ready() -> Health:
        """Whether another photograph would be taken in now."""
        desk.refuse_if_full()
        return Health(status="ready")

    return router


def facts(predictor: Predictor, settings: Settings, metrics: Metrics) -> APIRouter:
    """What the service knows."""
    router = APIRouter()

    @router.get("/model", **MODEL)
    async def model() -> Model:
        """Which model answers, and within which limits."""
        return Model(
            card=predictor.card, sha256=predictor.sha256, runtime=predictor.runtime, precision=predictor.precision,
            max_megapixels=settings.max_megapixels, max_body_bytes=settings.max_body_bytes,
            max_photos=settings.max_photos, max_tile_px=largest_tile_px(predictor.card),
            per_caller=settings.per_caller,
        )  # fmt: skip

    @router.get("/metrics", **METRICS)
    async def metrics_text() -> Response:
        """What Prometheus reads."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def to_response(parts: list[Part]) -> Response:
    """One part as it is, several as a form."""
    if len(parts) == 1:
        return Response(parts[0].content, media_type=parts[0].media_type)
    content, kind = join(parts)
    return Response(content, media_type=kind)


def note(request: Request, **told: Any) -> None:
    """For the log: numbers only."""
    request.state.told = told
