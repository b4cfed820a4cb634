"""From an upload to what its sender asked for: the very numbers and pictures that the command line writes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from crackwise.errors import ImageError, ModelError, ModelReplacedError, ScaleUnknownError
from crackwise.imaging.image import Photo, check_header, decode_photo
from crackwise.imaging.overlay import draw_overlay, encode_jpeg, encode_mask
from crackwise.imaging.scale import parse_scale
from crackwise.inspection import Inspection, inspect_photo, mask_of, predict_photo
from crackwise.predictor import Predictor
from crackwise.serve.upload import Upload
from crackwise.strict import Strict

__all__ = ["PICTURES", "Options", "Part", "inspect_all", "inspect_one", "join", "refuse_unusable"]

NO_MEMORY = "The photograph needs more memory than there is. Cut it into parts."


class Options(Strict):
    """What can be asked for in the address."""

    scale: str | None = Field(None, description="What one pixel covers.", examples=["0.2mm"], max_length=40)
    threshold: Annotated[
        float | None, Field(gt=0, lt=1, description="Crack from this probability on; default: the model's own.")
    ] = None
    answer: Literal["json", "mask", "overlay", "all"] = Field(
        "json", description="The result, the mask (PNG), the photograph with its cracks (JPEG), or all as one form."
    )

    @field_validator("scale")
    @classmethod
    def is_a_scale(cls, text: str | None) -> str | None:
        """Refuse what is none while the query is read."""
        try:
            if text is not None:
                parse_scale(text)
        except ScaleUnknownError as error:
            raise ValueError(str(error)) from error
        return text

    @property
    def mm_per_px(self) -> float | None:
        """Of the scale."""
        return None if self.scale is None else parse_scale(self.scale)


class Part(NamedTuple):
    """One file of an answer."""

    name: str
    suffix: str
    media_type: str
    content: bytes


def overlay_of(photo: Photo, inspection: Inspection) -> bytes:
    """As ``overlays/``."""
    lines = {str(crack.id): crack.centreline for crack in inspection.cracks}
    return encode_jpeg(draw_overlay(photo.pixels, inspection.mask, lines))


PICTURES: dict[str, tuple[str, str, Callable[[Photo, Inspection], bytes]]] = {
    "mask": (".png", "image/png", lambda _, inspection: encode_mask(inspection.mask)),
    "overlay": (".jpg", "image/jpeg", overlay_of),
}
"""Name of a picture to its suffix, type and maker."""


def refuse_unusable(uploads: Iterable[Upload], max_megapixels: float) -> None:
    """Look at the headers; nothing is decoded.

    Raises:
        ImageError: one is of another format, too large, or not a single picture.
    """
    for upload in uploads:
        check_header(BytesIO(upload.content), upload.name, max_megapixels)


def inspect_one(upload: Upload, options: Options, predictor: Predictor) -> list[Part]:
    """The parts asked for of one photograph, whose header has been judged.

    Raises:
        ImageError: it is damaged.
        ModelError: the model fails on it.
    """
    try:
        photo = decode_photo(upload.content, upload.name)
        if options.answer == "mask":  # for which nothing need be measured
            seen = predict_photo(photo.pixels, predictor, threshold=options.threshold)
            return [Part("mask", ".png", "image/png", encode_mask(mask_of(seen.probabilities, seen.threshold)))]
        inspection = inspect_photo(
            photo, predictor, source=upload.name, mm_per_px=options.mm_per_px, threshold=options.threshold
        )
        wanted = PICTURES if options.answer == "all" else {options.answer} & set(PICTURES)
        pictures = [
            Part(name, suffix, kind, draw(photo, inspection))
            for name, (suffix, kind, draw) in PICTURES.items()
            if name in wanted
        ]
        planes = inspection.class_masks if options.answer == "all" and len(inspection.card.classes) > 1 else ()
    except MemoryError as error:
        raise ImageError(NO_MEMORY) from error
    masks = [Part(f"mask-{i}", ".png", "image/png", encode_mask(plane)) for i, plane in enumerate(planes, 1)]
    result = [] if options.answer in PICTURES else [result_part("result", inspection.to_dict())]
    return result + pictures + masks


def inspect_all(upload: Upload, options: Options, predictor: Predictor, max_megapixels: float) -> list[Part]:
    """As `inspect_one`; where a photograph cannot be used, the result says why."""
    try:
        refuse_unusable([upload], max_megapixels)
        return inspect_one(upload, options, predictor)
    except (ImageError, ModelError, ModelReplacedError) as error:
        reason = {"schema": "crackwise.error/1", "source": upload.name, "error": str(error)}
        return [result_part("result", reason)]


def result_part(name: str, result: dict[str, Any]) -> Part:
    """A result as the command line writes it into ``results/``."""
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Part(name, ".json", "application/json", f"{text}\n".encode())


def join(parts: Sequence[Part]) -> tuple[bytes, str]:
    """Parts as one form, and its content type."""
    boundary = secrets.token_hex(16)
    pieces: list[bytes] = []
    for part in parts:
        head = f'Content-Disposition: form-data; name="{part.name}"; filename="{part.name}{part.suffix}"'
        pieces += [f"--{boundary}\r\n{head}\r\nContent-Type: {part.media_type}\r\n\r\n".encode(), part.content, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
