"""Read an original ``.pth`` file: numbers and names, and nothing that it asks to be run."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from crackwise.errors import ModelError

__all__ = ["read_original"]

FORBIDDEN = re.compile(r"GLOBAL (\S+)")
"""How torch names what a file wants to call."""

UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    struct.error,
    pickle.PickleError,
    zipfile.BadZipFile,
)
"""What torch raises at bytes that are no checkpoint."""


def read_original(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """Names to tensors, on the CPU; ``key`` is where in the file they are, where they are not all there is.

    Only numbers are read: a file that wants to call anything else is refused, and nothing of it is run.

    Raises:
        ModelError: no such file, damaged, not a file of torch, or more in it than named tensors.
    """
    if not path.is_file():
        raise ModelError(f"No file {str(path)!r}. Pass the .pth file as its authors publish it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ModelError(f"{str(path)!r} {what_is_wrong(error)} Get it again from its publisher.") from error
    if key is not None:
        content = content.get(key) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content or not all(is_named_tensor(*item) for item in content.items()):
        where = f" under {key!r}" if key is not None else ""
        raise ModelError(f"{str(path)!r} holds no weights: expected names and tensors{where}, and nothing else.")
    return content


def what_is_wrong(error: BaseException) -> str:
    """Torch's complaint without its advice to trust the file."""
    forbidden = FORBIDDEN.search(str(error))
    if forbidden:
        return f"wants to call {forbidden[1]}, which weights never need; nothing of it was run."
    return "is damaged, or no file of weights that torch has written."


def is_named_tensor(name: object, tensor: object) -> bool:
    """Whether this is an ordinary tensor in memory under a name."""
    return (
        isinstance(name, str)
        and isinstance(tensor, Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
    )
