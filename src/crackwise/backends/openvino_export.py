"""An ONNX model as OpenVINO's pair of files, in full, half or, by NNCF, 8-bit precision."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackwise.backends.openvino import Notes, read_notes, weights_of, write_notes
from crackwise.errors import ModelError, needs_extra
from crackwise.exported import parse_card
from crackwise.imaging.files import sha256_of
from crackwise.predictor import ModelCard
from crackwise.quiet import quietly

with needs_extra("openvino"):
    import openvino as ov
    import openvino.opset11
    import openvino.utils

__all__ = ["beside", "read_card", "rewrite", "write_card"]

SIDES = np.array([2, 3], np.int64)
"""Where height and width are among the axes of a picture in a graph."""
SILENCE = "NNCF_CI"
"""With this variable set NNCF does not report to its makers that it was used."""


def rewrite(
    source: Path,
    out: Path,
    card: ModelCard,
    *,
    precision: str,
    fixed_px: tuple[int, int] | None,
    calibration: Sequence[NDArray[np.uint8]] = (),
) -> None:
    """Write an ONNX model as ``out``, an ``.xml`` file, and the ``.bin`` file of its weights beside it.

    ``calibration``: pictures (h, w, 3) that int8 takes its ranges from.

    Raises:
        ModelError: OpenVINO cannot read the model.
    """
    try:
        model = ov.Core().read_model(str(source))
        smooth_resizes(model)
        if fixed_px is not None:
            model.reshape([*fixed_px, 3])
        if precision == "int8":
            model = quantised(model, calibration)
        ov.save_model(model, str(out), compress_to_fp16=precision == "f16")
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"OpenVINO cannot write {card.model or card.name}: {reason}") from error
    write_notes(out, Notes(card.model_dump_json(), precision, sha256_of(weights_of(out))))


def write_card(path: Path, card: ModelCard) -> None:
    """Put another card into a file; graph and weights stay."""
    write_notes(path, read_notes(path)._replace(card=card.model_dump_json()))


def read_card(path: Path) -> ModelCard:
    """The card in a file."""
    return parse_card(read_notes(path).card, path)


def beside(path: Path) -> Path:
    """The file that holds the weights."""
    return weights_of(path)


def smooth_resizes(model: ov.Model) -> None:
    """Have pictures resized as torch and ONNX do where they smooth: OpenVINO's own mode for ONNX does not smooth.

    Its mode after Pillow does, and takes the two sides alone.
    """
    for node in model.get_ops():
        if node.get_type_name() == "Interpolate" and node.get_attributes()["antialias"]:
            sides = ov.opset11.gather(node.input_value(1), SIDES, np.int64(0))
            resized = ov.opset11.interpolate(
                node.input_value(0),
                sides,
                "bilinear_pillow",
                node.get_attributes()["shape_calculation_mode"],
                coordinate_transformation_mode="half_pixel",
                axes=SIDES,
            )
            ov.utils.replace_node(node, resized)


def quantised(model: ov.Model, calibration: Sequence[NDArray[np.uint8]]) -> ov.Model:
    """The same model with convolutions and products in 8 bits, ranges taken from these pictures."""
    with unreported(), quietly("nncf", "torch.utils.cpp_extension"), needs_extra("openvino"):
        import nncf

        return nncf.quantize(
            model,
            nncf.Dataset(calibration, lambda pixels: {"image": pixels}),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
        )


@contextmanager
def unreported() -> Iterator[None]:
    """Keep NNCF from telling its makers that it was used."""
    before = os.environ.get(SILENCE)
    os.environ[SILENCE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SILENCE]
        else:
            os.environ[SILENCE] = before
