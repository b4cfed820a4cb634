"""Open a checkpoint as transformers stores it: a local folder, or a name on the hub."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import CLIPTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from crackwise.errors import ModelError
from crackwise.models.checkpoints.fit import listed, sides

__all__ = ["Facts", "pretrained", "read_config", "read_tensors", "tokenizer_of"]

Facts = Mapping[str, object]
"""What tells one size of a family from another: ``{"hidden_size": 768, ...}``."""

Kinds = Mapping[str, type[PreTrainedModel]]
"""``model_type`` of a config.json to the class that opens it."""

HUB_NAME = re.compile(r"(?!.*\.(pth?|bin|safetensors|onnx)$)[A-Za-z0-9][\w.-]*/[\w.-]+")
CONFIG, WEIGHTS = "config.json", ("model.safetensors", "model.safetensors.index.json")
TOKENIZER = "tokenizer.json"
UNUSED = re.compile(r"(^|\.)position_ids$")
"""Old checkpoints store the numbers 0, 1, 2, ... that positions are looked up by."""

UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    StrictDataclassError,
    SafetensorError,
    pickle.UnpicklingError,
    ImportError,
)
"""What transformers raises at a base that is absent, out of reach, damaged, or asks for a package that is not here."""


def pretrained(
    base: str, kinds: Kinds, *, size: str, published: Mapping[str, Facts], facts: Callable[[Any], Facts]
) -> dict[str, Tensor]:
    """The float32 tensors of a base, after its configuration proved to be that of ``size``.

    ``published``: the facts of every size that there is; ``facts`` reads them from a configuration.

    Raises:
        ModelError: there is no such base, it is of another kind or size, out of reach or damaged.
    """
    kind, config = read_config(base, kinds)
    with reading(base):
        found = facts(config)
    if found != published[size]:
        named = [name for name, known in published.items() if known == found]
        differs = [f"{k} is {found[k]}, not {v}" for k, v in published[size].items() if found[k] != v]
        raise ModelError(
            f"The base {base!r} is not of size={size}: {'; '.join(differs)}. "
            + (f"Set size={named[0]}, or name another base." if named else "Name a base of a size that is published.")
        )
    return read_tensors(base, kind, config)


def read_config(base: str, kinds: Kinds) -> tuple[type[PreTrainedModel], Any]:
    """What opens a base, and its configuration; its weights are not touched.

    Raises:
        ModelError: there is no such base, it is out of reach, or of none of the kinds.
    """
    refuse_what_is_no_base(base)
    with reading(base):
        values, _ = PreTrainedConfig.get_config_dict(base)
        found = values.get("model_type")
    if found not in kinds:
        raise ModelError(f"The base {base!r} holds a model of the kind {found!r}; expected {' or '.join(kinds)}.")
    refuse_quantised(base, values)
    kind: Any = kinds[str(found)]
    with reading(base):
        return kind, kind.config_class.from_dict(values)


def refuse_quantised(base: str, values: Mapping[str, Any]) -> None:
    """Accept plain weights: quantised ones cannot be compared, tuned or merged tensor by tensor."""
    quantised = values.get("quantization_config")
    if quantised is not None:
        method = quantised.get("quant_method", "no method named") if isinstance(quantised, dict) else quantised
        raise ModelError(
            f"The base {base!r} is quantised ({method}); a base must hold plain floating-point weights. "
            "Name the one that was quantised, as its publisher has it."
        )


def read_tensors(base: str, kind: type[PreTrainedModel], config: Any) -> dict[str, Tensor]:
    """All tensors of a base in float32 on the CPU, by the names of transformers.

    Raises:
        ModelError: the weights are damaged, or not exactly those of the configuration.
    """
    net: Any
    report: dict[str, Any]
    with reading(base), torch.device("cpu"):
        net, report = kind.from_pretrained(  # type: ignore[misc]  # two values, because the report is asked for
            base, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    unknown = [name for name in report["unexpected_keys"] if not UNUSED.search(name)]
    wrong = [f"{name}: {sides_of(got)} instead of {sides_of(due)}" for name, got, due in report["mismatched_keys"]]
    faults = [
        listed("missing", sorted(report["missing_keys"])),
        listed("not expected", sorted(unknown)),
        listed("of the wrong shape", sorted(wrong)),
        *report["error_msgs"],
    ]
    if any(faults):
        raise ModelError(
            f"The weights of the base {base!r} are not those of its {CONFIG}: {'; '.join(filter(None, faults))}. "
            "Get it again from its publisher, or convert the original file with `crackwise model convert`."
        )
    return dict(net.state_dict())


def sides_of(shape: torch.Size) -> str:
    """``"3x4"``."""
    return sides(torch.empty(shape, device="meta"))


def tokenizer_of(base: str, *, start: int, end: int) -> CLIPTokenizer:
    """The tokenizer that lies with the weights of a base; its marks of start and end must have these numbers.

    Raises:
        ModelError: there is none, or it is that of another network.
    """
    if not (Path(base) / TOKENIZER).is_file():
        refuse_what_is_no_base(base)
    with reading(base):
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(base)
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    if marks != (start, end):
        raise ModelError(
            f"The base {base!r} has no tokenizer of CLIP: start and end of a phrase are {marks[0]} and {marks[1]}, not "
            f"{start} and {end}. Put CLIP's vocab.json and merges.txt (or tokenizer.json) beside the weights."
        )
    return tokenizer


def refuse_what_is_no_base(base: str) -> None:
    """Accept a folder that holds a checkpoint, or what can be a name on the hub."""
    path = Path(base)
    if path.is_dir():
        absent = [CONFIG] * (not (path / CONFIG).is_file())
        absent += [WEIGHTS[0]] * (not any((path / name).is_file() for name in WEIGHTS))
        if absent:
            raise ModelError(
                f"The base {base!r} has no {' and no '.join(absent)}. It must be a folder as transformers writes it; "
                "`crackwise model convert` makes one from an original .pth file."
            )
    elif path.is_file():
        from crackwise.models.checkpoints.convert import FAMILIES  # it imports this file

        raise ModelError(
            f"The base {base!r} is a file, expected a folder or a name on the hub. "
            f"Make the folder: crackwise model convert {base} --model {'|'.join(FAMILIES)} --out FOLDER"
        )
    elif not HUB_NAME.fullmatch(base):
        raise ModelError(f"No base {base!r}: {no_folder(base)}, and it is no name on the hub (owner/name).")


def no_folder(base: str) -> str:
    """That there is none, and where it was looked for."""
    looked = "" if Path(base).is_absolute() else f" below the working directory {str(Path.cwd())!r}"
    return f"there is no such folder{looked}"


@contextmanager
def reading(base: str) -> Iterator[None]:
    """Transformers' own reports stay silent; whatever it fails with becomes one sentence."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        if Path(base).is_dir():
            raise ModelError(f"The base {base!r} is damaged: {reason}. Get it again from its publisher.") from error
        raise ModelError(
            f"No base {base!r}: {no_folder(base)}, and as a name on the hub it could not be read: {reason} "
            "Fetch it once with internet (HF_HUB_OFFLINE=1 then stays off the net), or name a local folder."
        ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
