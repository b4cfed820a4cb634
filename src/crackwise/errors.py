"""Every error a user can meet: what was wrong, what we got, what to do.

::

    CrackwiseError
    ├── ImageError           a photograph or mask cannot be used
    ├── ScaleUnknownError    millimetres were asked for and no scale is known
    ├── ModelError           a model is unknown, damaged or of the wrong kind
    ├── ModelReplacedError   behind a server stands another model than before
    ├── DataError            a data set, split or label file cannot be used
    ├── RecipeError          a recipe or one of its values is wrong
    ├── StreamError          a camera, stream or film cannot be watched
    └── MissingExtraError    an optional package is not installed
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CrackwiseError",
    "DataError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "ModelReplacedError",
    "RecipeError",
    "ScaleUnknownError",
    "StreamError",
    "needs_extra",
    "printable",
    "without_secrets",
]

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines, and what bytes that are no UTF-8 become in the name of a file."""

LOGIN = re.compile(r"^(?:[^/]*|[^?]*)@")
"""User and password before a host, also one with a / that should have been written %2F."""
NO_PORT = re.compile(r"^([^/:[]+:)(?!\d*(?:/|$))[^/]*")
"""What stands where a port should: a password whose host was forgotten."""
VALUE_IN_PATH, VALUE_IN_QUERY = re.compile(r"=[^/&]*"), re.compile(r"=[^&]*")
"""Cameras take passwords as ``?pwd=...``, and some as ``/user=...&password=...``."""


class CrackwiseError(Exception):
    """The parent of all errors meant for a user: one sentence, no traceback needed."""


class ImageError(CrackwiseError):
    """A photograph or mask is missing, damaged, too large or of an unknown kind."""


class ScaleUnknownError(CrackwiseError):
    """A value in millimetres was asked for, and the millimetres per pixel are not known."""


class ModelError(CrackwiseError):
    """A model is unknown, its file damaged, or an option does not fit it."""


class ModelReplacedError(CrackwiseError):
    """Behind a predictor stands another model than at the start: no later answer belongs to what it began."""


class DataError(CrackwiseError):
    """A data set, split or label file is missing, damaged, or would leak."""


class RecipeError(CrackwiseError):
    """A recipe has an unknown key or an impossible value."""


class StreamError(CrackwiseError):
    """A camera, stream, film or folder to watch is not there, or was lost."""


class MissingExtraError(CrackwiseError):
    """An optional package is needed; the message says which extra to install."""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn an ImportError inside the block into one sentence that names the extra.

    >>> with needs_extra("lab"):
    ...     import json
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name or 'A package'} is not installed. Run: pip install 'crackwise[{extra}]'"
        ) from error


def printable(text: str | Path) -> str:
    """A path or message on one line that every encoding can carry; characters that cannot stand there are escaped."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))


def without_secrets(address: str) -> str:
    """An address as it may be shown and stored: no user, no password, and no value of its query; no address is itself.

    >>> without_secrets("rtsp://admin:hunter2@10.0.0.7:554/live?user=admin&pwd=hunter2")
    'rtsp://10.0.0.7:554/live?user=…&pwd=…'
    """
    scheme, slashes, rest = address.partition("://")
    place, mark, query = LOGIN.sub("", rest).partition("?")
    place = VALUE_IN_PATH.sub("=…", NO_PORT.sub(r"\1…", place))
    return scheme + slashes + place + mark + VALUE_IN_QUERY.sub("=…", query)
