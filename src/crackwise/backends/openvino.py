"""Predict with OpenVINO from an ``.xml`` file that holds graph and card, and the ``.bin`` file of weights beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from crackwise.backends.graph import GraphPredictor, PictureToMaps, one_for_each_caller, refuse_prompts
from crackwise.errors import ModelError, needs_extra
from crackwise.exported import CARD_KEY, FOREIGN, parse_card, refuse_other_weights
from crackwise.imaging.files import sha256_of

with needs_extra("openvino"):
    import openvino as ov

__all__ = ["Notes", "load", "load_onnx", "read_notes", "weights_of", "write_notes"]

OWN = "crackwise"
"""Under which name in the file's runtime information our notes are."""
FRAMEWORK = "framework"
"""Where OpenVINO keeps what an ONNX file says about itself."""
CACHED_PRIMITIVES = 200
"""Compiled steps that are kept for pictures of sizes met before; by default they are 5000, hundreds of MB."""


class Pin(NamedTuple):
    """What the processor is told to compute in."""

    ability: str
    """What it must be able to do, as OpenVINO calls it."""
    hint: str
    """OpenVINO would choose bf16 by itself where it can."""
    told: str
    """The precision that results are recorded with."""


IN_F32 = Pin("FP32", "f32", "f32, weights f16")
PINS = {
    "f32": Pin("FP32", "f32", "f32"),
    "f16": Pin("FP16", "f16", "f16"),
    "bf16": Pin("BF16", "bf16", "bf16"),
    "int8": Pin("INT8", "f32", "int8"),
}
"""The precision asked for in export to how it is computed; what no int8 is made of stays f32."""


class Notes(NamedTuple):
    """What stands in the ``.xml`` beside the graph."""

    card: str
    """JSON."""
    precision: str
    weights: str
    """SHA-256 of the ``.bin`` file."""


def load(source: str | Path, *, threads: int | None = None, prompts: Sequence[str] = ()) -> GraphPredictor:
    """The predictor of an ``.xml`` file that ``crackwise export --to openvino`` wrote, on the CPU.

    Raises:
        ModelError: unreadable, damaged, without a card, asked for ``prompts``, or of a precision that this processor
            does not compute in. Half precision is computed in f32 where there is no other way, and told so.
    """
    path = Path(source)
    refuse_prompts(prompts, path)
    notes = read_notes(path)
    card = parse_card(notes.card, path)
    core = ov.Core()
    pin = pin_of(notes.precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), path)
    compiled = compiler(path, core, pin, threads)
    return GraphPredictor(runs(compiled), card, sha256_of(path), runtime="openvino", precision=pin.told)


def load_onnx(source: str | Path, *, threads: int | None = None) -> GraphPredictor:
    """The predictor of an ``.onnx`` file that ``crackwise export`` wrote, read and run by OpenVINO in f32.

    Raises:
        ModelError: unreadable, damaged or without a card.
    """
    path = Path(source)
    if not path.is_file():
        raise ModelError(f"No model at {str(path)!r}. Pass an exported .onnx file.")
    core = ov.Core()
    compiled = compiler(path, core, PINS["f32"], threads)
    card = parse_card(str(core.read_model(str(path)).get_rt_info([FRAMEWORK, CARD_KEY]).value), path)
    return GraphPredictor(runs(compiled), card, sha256_of(path), runtime="openvino", precision="f32")


def pin_of(precision: str, abilities: Sequence[str], path: Path) -> Pin:
    """How a file of this precision is computed on a processor of these abilities.

    Raises:
        ModelError: it cannot be.
    """
    pin = PINS.get(precision)
    if pin is not None and pin.ability in abilities:
        return pin
    if precision == "f16":
        return IN_F32
    raise ModelError(
        f"{str(path)!r} is for {precision}, and this processor computes in "
        f"{', '.join(sorted(name for name, each in PINS.items() if each.ability in abilities))}. "
        "Export it again with --precision f32."
    )


def compiler(path: Path, core: ov.Core, pin: Pin, threads: int | None) -> Callable[[], ov.CompiledModel]:
    """What makes the graph of an ``.xml`` or ``.onnx`` file ready to run, its precision pinned and looked at.

    Raises:
        ModelError: damaged, or not ours; later, computed otherwise than was asked for.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": pin.hint,
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO",  # several models on the same cores would wait for each other
        "CPU_RUNTIME_CACHE_CAPACITY": str(CACHED_PRIMITIVES),
        "SNIPPETS_MODE": "DISABLE",  # its fused steps mistake a larger picture for the smaller one before (2026.4)
        **({} if threads is None else {"INFERENCE_NUM_THREADS": str(threads)}),
    }
    damaged = f"{str(path)!r} is damaged: OpenVINO cannot open it. Export it again."
    try:
        model = core.read_model(str(path), *([str(weights_of(path))] if path.suffix == ".xml" else []))
    except RuntimeError as error:
        raise ModelError(damaged) from error
    if not fits(model):
        raise ModelError(FOREIGN.format(repr(str(path))))

    def compiled() -> ov.CompiledModel:
        try:
            ready = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(damaged) from error
        used = ready.get_property("INFERENCE_PRECISION_HINT").to_string()
        if used != pin.hint:
            raise ModelError(f"{str(path)!r} is for {pin.told}, OpenVINO computes it in {used}. Please report it.")
        return ready

    return compiled


def fits(model: ov.Model) -> bool:
    """Whether a graph takes uint8 ``image`` (h, w, 3) and returns float32 ``probabilities`` (k, h, w)."""
    ports = [
        (sorted(port.get_names()), port.get_element_type(), port.get_partial_shape().rank)
        for port in (*model.inputs, *model.outputs)
    ]
    return ports == [(["image"], ov.Type.u8, 3), (["probabilities"], ov.Type.f32, 3)]


def runs(compiled: Callable[[], ov.CompiledModel]) -> PictureToMaps:
    """The function that a graph is, a copy for each caller.

    One copy of several streams would answer as many, but brings down a process that forks later (2026.4).
    """

    def ready() -> PictureToMaps:
        request = compiled().create_infer_request()

        def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            maps = request.infer({"image": np.ascontiguousarray(pixels)}, share_inputs=True)["probabilities"]
            return np.array(maps, dtype=np.float32)

        return run

    return one_for_each_caller(ready(), ready)


def weights_of(path: Path) -> Path:
    """The file beside an ``.xml`` that holds its weights."""
    return path.with_suffix(".bin")


def read_notes(path: Path) -> Notes:
    """What stands in an ``.xml`` file of ours, its weights checked.

    Raises:
        ModelError: unreadable, damaged, without notes, or with other weights.
    """
    try:
        own = ElementTree.parse(path).getroot().find(f"rt_info/{OWN}")
        found = {} if own is None else {each.tag: each.get("value", "") for each in own}
        if not set(Notes._fields) <= found.keys():
            raise ModelError(FOREIGN.format(repr(str(path))))
        notes = Notes(**{name: found[name] for name in Notes._fields})
        refuse_other_weights(path, f"{notes.weights} {weights_of(path).name}")
    except ElementTree.ParseError as error:
        raise ModelError(f"{str(path)!r} is no OpenVINO model, or damaged. Export it again.") from error
    except OSError as error:
        raise ModelError(
            f"Cannot read {str(error.filename)!r}: {error.strerror or error}. An OpenVINO model is two files of one "
            "name, .xml and .bin; copy both."
        ) from error
    return notes


def write_notes(path: Path, notes: Notes) -> None:
    """Write them into an ``.xml`` file, in the place of those there."""
    tree = ElementTree.parse(path)
    about = tree.getroot().find("rt_info")
    if about is None:
        about = ElementTree.SubElement(tree.getroot(), "rt_info")
    for old in about.findall(OWN):
        about.remove(old)
    own = ElementTree.SubElement(about, OWN)
    for name, value in notes._asdict().items():
        ElementTree.SubElement(own, name, value=value)
    tree.write(path, encoding="utf-8", xml_declaration=True)
