"""Photographs of walls as files, for tests that send them somewhere."""

from __future__ import annotations

import io
from email.parser import BytesParser

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from conftest import draw_crack


def encode(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def draw_wall(seed: int = 0, size_px: int = 96, kind: str = "PNG") -> bytes:
    """A photograph of a wall with a crack, as a file."""
    return encode(draw_crack(size_px, seed)[0], kind)


def parts_of(content_type: str, content: bytes) -> dict[str, bytes]:
    """A form as a caller reads it: name of a part to what it holds."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + content)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.walk()
        if not part.is_multipart()
    }
