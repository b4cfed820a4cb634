"""What a body holds: photographs and the names that their senders give them. Nothing of it touches the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from crackwise.errors import printable
from crackwise.serve.refusal import RefusalError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["BYTES", "NAMELESS", "PART", "Upload", "media_type", "unpack"]

PART = "image"
"""What the parts are called that hold photographs."""
NAMELESS = "upload"
LONGEST_NAME = 200
FORM = "multipart/form-data"
BYTES = "application/octet-stream"


class Upload(NamedTuple):
    """A photograph as it came."""

    name: str
    """The last part of the sender's name for it, printable: a label, never a path."""
    content: bytes


def unpack(body: bytes, content_type: str, *, most: int) -> list[Upload]:
    """The photographs in a body: itself, or the parts called ``image`` of a form.

    Raises:
        RefusalError: another content type, a form that is broken, has other parts, none or more than ``most``.
    """
    kind = media_type(content_type)
    if kind.startswith("image/") or kind == BYTES:
        return [Upload(NAMELESS, body)]
    if kind != FORM:
        raise RefusalError(
            "wrong_type",
            f"The content type {kind[:80]!r} is unknown. Send the photograph itself as image/jpeg, image/png, ... "
            f"or {BYTES}, or as the part {PART!r} of a form ({FORM}).",
        )
    uploads = parts_of(body, parse_options_header(content_type)[1].get(b"boundary", b""), most)
    if not uploads:
        raise RefusalError("bad_request", f"The form has no part {PART!r}.")
    return uploads


def media_type(content_type: str) -> str:
    """``"image/png"`` of ``"image/PNG; q=1"``."""
    return content_type.partition(";")[0].strip().lower()


def parts_of(body: bytes, boundary: bytes, most: int) -> list[Upload]:
    """The parts of a form, each a photograph."""
    form = Form(most)
    try:
        if not boundary:
            raise FormParserError("its header names no boundary")
        parser = MultipartParser(boundary, form.callbacks())
        parser.write(body)
    except FormParserError as error:
        raise RefusalError("bad_request", f"The form is broken: {error}.") from error
    if parser.state != MultipartState.END:
        raise RefusalError("bad_request", "The form is broken: it ends before its last boundary.")
    return form.uploads


class Form:
    """Collects what the parser finds."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.uploads: list[Upload] = []
        self.field = self.value = self.disposition = b""
        self.content: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self.begin,
            "on_header_field": lambda data, start, end: self.add_header(data[start:end], b""),
            "on_header_value": lambda data, start, end: self.add_header(b"", data[start:end]),
            "on_header_end": self.end_header,
            "on_headers_finished": self.look_at_headers,
            "on_part_data": lambda data, start, end: self.content.append(data[start:end]),
            "on_part_end": lambda: self.uploads.append(Upload(self.name, b"".join(self.content))),
        }

    def begin(self) -> None:
        """The next part."""
        self.disposition, self.content = b"", []

    def add_header(self, field: bytes, value: bytes) -> None:
        """A piece of a header."""
        self.field += field
        self.value += value

    def end_header(self) -> None:
        """A whole header."""
        if self.field.lower() == b"content-disposition":
            self.disposition = self.value
        self.field = self.value = b""

    def look_at_headers(self) -> None:
        """Before the content: only photographs may come, and so many of them."""
        _, options = parse_options_header(self.disposition.decode("latin-1"))
        called = options.get(b"name", b"").decode("utf-8", "replace")
        if called != PART:
            raise RefusalError(
                "bad_request",
                f"The part {called[:80]!r} of the form is unknown; photographs are called {PART!r}, and options belong "
                "into the address: /inspect?scale=0.2mm",
            )
        if len(self.uploads) == self.most:
            raise RefusalError(
                "bad_request", f"At most {self.most} photograph{'s' if self.most > 1 else ''} may come here at once."
            )
        self.name = label(options.get(b"filename", b"").decode("utf-8", "replace"))


def label(name: str) -> str:
    """The last part of a name, on one line."""
    last = printable(name.replace("\\", "/").rpartition("/")[2].strip())[:LONGEST_NAME]
    return NAMELESS if last in {"", ".", ".."} else last
