"""From a run folder or a model file to one file that holds everything, proven to compute the same."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackwise.backends import load_predictor, source_path
from crackwise.backends.graph import GraphPredictor
from crackwise.backends.parity import Reference, measure_parity, refuse_difference
from crackwise.backends.shown import Shown, cut_to, drawn, drawn_photo
from crackwise.errors import ModelError, needs_extra
from crackwise.imaging.files import appearing
from crackwise.predictor import ModelCard, Parity, Predictor
from crackwise.trust.temperature import Tempered

__all__ = ["FORMATS", "Exported", "Format", "checked_wish", "drawn_photo", "export"]

MODULE = "crackwise.backends."


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that models are exported to."""

    suffix: str
    module: str
    """Has ``rewrite(onnx, out, card, *, precision, fixed_px, calibration)``, ``write_card(path, card)``,
    ``read_card(path)``, and ``beside(path)``, the file of its weights."""
    extra: str
    """What to install to write it."""
    precisions: tuple[str, ...]
    any_size: bool = True
    """Whether one file can take pictures of any size."""


FORMATS = {
    "onnx": Format(".onnx", f"{MODULE}onnx_file", "lab", ("f32", "f16")),
    "openvino": Format(".xml", f"{MODULE}openvino_export", "openvino", ("f32", "f16", "bf16", "int8")),
    "tensorrt": Format(".trt", f"{MODULE}onnx_file", "lab", ("f32", "f16"), any_size=False),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written, and what it lost."""

    path: Path
    weights: Path | None
    """The file beside it that holds the weights, of OpenVINO and of large networks."""
    parity: Parity


@dataclass(frozen=True, slots=True)
class Wish:
    """What a file is to be."""

    to: str
    precision: str
    fixed_px: tuple[int, int] | None

    @property
    def format(self) -> Format:
        """The row of `FORMATS`."""
        return FORMATS[self.to]

    def name(self, stem: str) -> str:
        """The file's name where nobody chose one: ``model-int8-448x448.xml``."""
        size = "" if self.fixed_px is None else f"-{self.fixed_px[1]}x{self.fixed_px[0]}"
        return f"{stem}{'' if self.precision == 'f32' else f'-{self.precision}'}{size}{self.format.suffix}"


def export(
    source: str | Path,
    to: str = "onnx",
    out: str | Path | None = None,
    *,
    precision: str = "f32",
    fixed_px: tuple[int, int] | None = None,
    shown: Shown | None = None,
    calibration: Shown | None = None,
    asked: Sequence[str] = (),
) -> Exported:
    """Write the model of a run folder or an ``.onnx`` file, or ``packaged``, as another file.

    The file appears only after it was compared with its source on photographs: those ``shown``, else drawn ones. Its
    card tells the comparison. ``fixed_px`` is the height and width of the only pictures that its graph will take,
    ``calibration`` what int8 takes its ranges from, ``asked`` the options that chose ``shown``, for the command
    that is told where this machine cannot do it.

    Raises:
        ModelError: an unknown or impossible format, no finished run, or a file that lost more than it may.
    """
    wish = checked_wish(to, precision, fixed_px)
    if (precision == "int8") != (calibration is not None):
        raise ModelError("int8, and only int8, takes its ranges from pictures: pass --calibrate-on SET with it.")
    path = source_path(source)
    if to == "tensorrt":
        from crackwise.backends.tensorrt import refuse_elsewhere

        refuse_elsewhere(command_of(source, wish, out, asked))
    with needs_extra(wish.format.extra):
        writer = import_module(wish.format.module)
    with TemporaryDirectory() as folder:
        graph, reference = graph_of(path, Path(folder))
        wish = sized(wish, reference.card)
        final = place_of(source, path, out, wish)
        with appearing(final) as unproven:
            parity = written(writer, graph, unproven, reference, wish, (shown or drawn()).filled(), calibration)
            weights = writer.beside(unproven)
    return Exported(final, weights and final.parent / weights.name, parity)


def written(
    writer: Any,
    graph: Path,
    out: Path,
    reference: Reference,
    wish: Wish,
    shown: Shown,
    calibration: Shown | None,
) -> Parity:
    """The parity of a file that is written, compared, refused where it lost too much, and told of it in its card."""
    card = reference.card.model_copy(update={"fixed_px": wish.fixed_px})
    pictures = [] if calibration is None else ranges_from(calibration, wish, card)
    writer.rewrite(graph, out, card, precision=wish.precision, fixed_px=wish.fixed_px, calibration=pictures)
    exported = untempered(load_predictor(out))
    assert isinstance(exported, GraphPredictor)
    parity = measure_parity(reference, exported, shown)
    refuse_difference(parity, wish.precision, f"{wish.precision} {wish.to} file")
    writer.write_card(out, card.model_copy(update={"parity": (*card.parity, parity)}))
    return parity


def checked_wish(to: str, precision: str, fixed_px: tuple[int, int] | None) -> Wish:
    """What a file is to be, where that can be.

    Raises:
        ModelError: there is no such format, or not in that precision or for that size.
    """
    if to not in FORMATS:
        raise ModelError(f"Cannot export to {to!r}; there is {', '.join(sorted(FORMATS))}.")
    row = FORMATS[to]
    if precision not in row.precisions:
        having = [name for name, each in FORMATS.items() if precision in each.precisions]
        hint = f"--to {' or '.join(having)} has it" if having else "there is no such precision"
        raise ModelError(f"{to} is written in {', '.join(row.precisions)}, not in {precision!r}; {hint}.")
    if fixed_px is not None and min(fixed_px) < 1:
        raise ModelError(f"A picture is at least 1x1, not {fixed_px[1]}x{fixed_px[0]}.")
    if fixed_px is None and not row.any_size:
        raise ModelError(f"{to} builds an engine for one size of pictures; choose it: --input 448x448.")
    return Wish(to, precision, fixed_px)


def sized(wish: Wish, card: ModelCard) -> Wish:
    """The wish, for the size that its source takes, if that is only one.

    Raises:
        ModelError: another size is asked for.
    """
    if card.fixed_px is None or wish.fixed_px == card.fixed_px:
        return wish
    if wish.fixed_px is not None:
        raise ModelError(
            f"{card.name} takes pictures of {card.fixed_px[1]}x{card.fixed_px[0]} px only. Export from its run folder, "
            "or from a file that takes any size."
        )
    return Wish(wish.to, wish.precision, card.fixed_px)


def graph_of(path: Path, folder: Path) -> tuple[Path, Reference]:
    """The ONNX graph of a model, written into ``folder`` if need be, and the model to compare with.

    Raises:
        ModelError: neither a run folder nor an ``.onnx`` file in f32.
    """
    if path.is_dir():
        return graph_of_run(path, folder)
    if path.exists() and path.suffix.lower() != ".onnx":
        raise ModelError(f"Only run folders and .onnx files are exported, not {str(path)!r}.")
    predictor = untempered(load_predictor(path))
    if predictor.precision != "f32":
        raise ModelError(f"{str(path)!r} has lost precision already ({predictor.precision}). Export from the f32 file.")
    return path, Reference(predictor, predictor.card, f"{predictor.runtime} f32")


def graph_of_run(run: Path, folder: Path) -> tuple[Path, Reference]:
    """The network of a run folder as ONNX, tunings merged."""
    with needs_extra("lab"):
        import torch

        from crackwise.backends.onnx_export import to_onnx
        from crackwise.backends.pytorch import PixelsToProbabilities
        from crackwise.training.load import load_run
    net, card, recipe = load_run(run)
    if recipe.tuning:
        from crackwise.models.tuning.lora import merge_lora  # peft takes seconds to import

        merge_lora(net)
    graph = PixelsToProbabilities(net.eval())
    to_onnx(graph, card, folder / "model.onnx")

    def torch_runs(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(graph(torch.from_numpy(pixels)).numpy(), dtype=np.float32)

    return folder / "model.onnx", Reference(torch_runs, card, "torch f32")


def untempered(predictor: Predictor) -> Predictor:
    """What a predictor says before its card's temperature: no graph knows of that."""
    return predictor.raw if isinstance(predictor, Tempered) else predictor


def ranges_from(calibration: Shown, wish: Wish, card: ModelCard) -> list[NDArray[np.uint8]]:
    """The pictures of a set, the middle of those that are larger than what the graph will see at a time."""
    pictures = []
    for picture in calibration:
        height, width = picture.pixels.shape[:2]
        size_px = wish.fixed_px or (min(height, card.tile_px), min(width, card.tile_px))
        pictures.append(np.ascontiguousarray(cut_to(picture, size_px).pixels))
    return pictures


def place_of(source: str | Path, path: Path, out: str | Path | None, wish: Wish) -> Path:
    """Where the file goes: into the run folder, beside the file it is made from, or here if that is the packaged one.

    Raises:
        ModelError: it would have another suffix than its kind, or take its source's place.
    """
    folder = path if path.is_dir() else path.parent if path == Path(source) else Path()
    final = folder / wish.name("model" if path.is_dir() else path.stem) if out is None else Path(out)
    if final.suffix.lower() != wish.format.suffix:
        raise ModelError(f"A file for {wish.to} ends in {wish.format.suffix}, not {final.name!r}.")
    if final.exists() and final.samefile(path):
        raise ModelError(f"{str(final)!r} is that file already. Choose another --precision, --input or --out.")
    return final


def command_of(source: str | Path, wish: Wish, out: str | Path | None, asked: Sequence[str]) -> str:
    """The same export, to be run on another machine."""
    assert wish.fixed_px is not None
    height, width = wish.fixed_px
    words = ["crackwise", "export", source, "--to", wish.to, "--precision", wish.precision]
    words += ["--input", f"{width}x{height}", *(() if out is None else ("--out", out)), *asked]
    return shlex.join(map(str, words))
