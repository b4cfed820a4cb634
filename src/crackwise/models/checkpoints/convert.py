"""An original ``.pth`` file to a folder that the option ``base`` opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor
from transformers import CLIPModel, CLIPSegForImageSegmentation, PreTrainedModel, Sam2VisionModel, SamModel

from crackwise.errors import ModelError
from crackwise.imaging.files import refuse_filled, write_folder
from crackwise.models.checkpoints import clipseg, sam, sam2
from crackwise.models.checkpoints.fit import refuse_misfits
from crackwise.models.checkpoints.original import read_original
from crackwise.models.checkpoints.pretrained import read_config, read_tensors, tokenizer_of
from crackwise.models.clipseg import END, START, clip_facts

__all__ = ["FAMILIES", "Family", "convert"]

FUSED = re.compile(r"self_attn\.([qkv])_proj\.(?=weight|bias)")


class Family(NamedTuple):
    """How the files of one publisher are laid out."""

    model: type[PreTrainedModel]
    """What opens the folder."""
    names: tuple[tuple[str, str], ...]
    """Patterns from transformers' names to those in the file."""
    configurations: Callable[[Mapping[str, Tensor]], Mapping[str, Any]]
    """The sizes that a file may be of."""
    key: str | None = None
    """Where in the file the tensors are."""
    unused: str = r"(?!)"
    """Names in the file that the model has no place for."""
    part: str = ""
    """Prefix of what the file holds, where it is not the whole model."""


FAMILIES: dict[str, Family] = {
    "cracksam": Family(SamModel, sam.NAMES, sam.configurations),
    "sam2": Family(Sam2VisionModel, sam2.NAMES, sam2.configurations, key="model", unused=sam2.UNUSED),
    "clipseg": Family(
        CLIPSegForImageSegmentation, clipseg.NAMES, clipseg.configurations, unused=clipseg.UNUSED, part="decoder."
    ),
}
"""Model, as in ``MODELS``, to the files it can start from."""


class Place(NamedTuple):
    """Where in the file a tensor is."""

    name: str
    third: int | None = None
    """Query, key and value lie in one tensor: which third of its rows."""


def convert(path: Path, model: str, out: Path, *, clip: str | None = None) -> str:
    """Write the folder of a checkpoint from its original file; returns the size that was found.

    ``clip``: folder or hub name of the CLIP that a CLIPSeg decoder was trained on, for its weights and tokenizer.

    Raises:
        ModelError: the file is damaged, wants to run code, or is not exactly a checkpoint of this model.
        CrackwiseError: ``out`` is in use or cannot be written; whatever is wrong, nothing is left there.
    """
    if model not in FAMILIES:
        same = " Convert with --model cracksam: sam takes the same folder." if model == "sam" else ""
        raise ModelError(f"No original files are known for {model!r}; there is {', '.join(FAMILIES)}.{same}")
    if (clip is None) == (model == "clipseg"):
        raise ModelError(
            "A CLIPSeg file holds only the decoder: name the CLIP below it, --clip openai/clip-vit-base-patch16 or "
            "its folder."
            if clip is None
            else f"--clip is for clipseg alone; a file of {model} holds the whole encoder."
        )
    refuse_filled(out)
    family = FAMILIES[model]
    state = {n: t for n, t in read_original(path, family.key).items() if not re.match(family.unused, n)}
    size, config, places = nearest_size(family, state, path)
    tensors = dict(taken(state, places))
    files = {}
    if clip is not None:
        tensors |= clip_tensors(clip, config)
        files = tokenizer_files(clip)
    config.architectures = [family.model.__name__]
    files["config.json"] = config.to_json_string().encode()
    files["model.safetensors"] = save(tensors, {"format": "pt"})
    write_folder(out, files)
    return size


def nearest_size(family: Family, state: Mapping[str, Tensor], path: Path) -> tuple[str, Any, dict[str, Place]]:
    """The size that the file fits, its configuration, and where its tensors are in the file.

    Raises:
        ModelError: it fits none exactly; says how it differs from the nearest.
    """
    candidates = []
    for size, config in family.configurations(state).items():
        with torch.device("meta"):
            net = family.model(config)
        places = {name: place_of(name, family.names) for name in net.state_dict() if name.startswith(family.part)}
        expected = in_file(net.state_dict(), places)
        alike = sum(name in state and state[name].shape == tensor.shape for name, tensor in expected.items())
        candidates.append((alike / len(expected), size, config, places, expected))
    _, size, config, places, expected = max(candidates, key=lambda candidate: candidate[0])
    refuse_misfits(expected, state, f"{str(path)!r} (nearest: size={size})")
    return size, config, places


def place_of(name: str, names: tuple[tuple[str, str], ...]) -> Place:
    """Where in the file the tensor is that transformers calls so."""
    fused = FUSED.search(name)
    original = name
    for pattern, replacement in names:
        original = re.sub(pattern, replacement, original)
    return Place(original, "qkv".index(fused[1]) if fused and "in_proj_" in original else None)


def in_file(tensors: Mapping[str, Tensor], places: Mapping[str, Place]) -> dict[str, Tensor]:
    """Names and shapes as they must be in the file."""
    expected = {}
    for name, place in places.items():
        tensor = tensors[name]
        expected[place.name] = tensor if place.third is None else tensor.new_empty((3 * len(tensor), *tensor.shape[1:]))
    return expected


def taken(state: Mapping[str, Tensor], places: Mapping[str, Place]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the file under transformers' name; of two names for one tensor the first."""
    seen: set[Place] = set()
    for name, place in places.items():
        if place not in seen:
            tensor = state[place.name]
            part = tensor if place.third is None else tensor.chunk(3)[place.third]
            yield name, part.detach().to(torch.float32, copy=True).contiguous()
        seen.add(place)


def clip_tensors(clip: str, config: Any) -> dict[str, Tensor]:
    """CLIP's tensors by the names they have inside CLIPSeg.

    Raises:
        ModelError: this CLIP is not the one below such a decoder.
    """
    kind, found = read_config(clip, {"clip": CLIPModel})
    if clip_facts(found) != clip_facts(config):
        raise ModelError(
            f"The CLIP {clip!r} is not the one below this decoder: {clip_facts(found)}, not {clip_facts(config)}. "
            "The published decoders were trained on openai/clip-vit-base-patch16."
        )
    tensors = {f"clip.{name}": t.contiguous() for name, t in read_tensors(clip, kind, found).items()}
    with torch.device("meta"):
        whole = CLIPSegForImageSegmentation(config).state_dict()
    refuse_misfits({n: t for n, t in whole.items() if n.startswith("clip.")}, tensors, f"the CLIP {clip!r}")
    return tensors


def tokenizer_files(clip: str) -> dict[str, bytes]:
    """The files of CLIP's tokenizer, by name."""
    tokenizer = tokenizer_of(clip, start=START, end=END)
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
