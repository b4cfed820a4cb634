"""One photograph through the whole field: what comes out, and what it says when something is unknown."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import FrozenInstanceError, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crackwise import Inspection, inspect_image, read_image
from crackwise.cascade import Cascade
from crackwise.errors import ImageError, ModelError, ScaleUnknownError
from crackwise.inspection import measure_mask
from crackwise.predictor import ModelCard

KEYS = [
    "schema", "source", "sha256", "width_px", "height_px", "mm_per_px", "mm_per_px_source", "model", "triage",
    "review", "uncertainty", "cracks", "totals",
]  # fmt: skip
MODEL_KEYS = ["name", "version", "sha256", "threshold", "temperature", "runtime", "precision"]
CRACK_KEYS = [
    "id", "label", "length_px", "mean_width_px", "median_width_px", "p95_width_px", "max_width_px",
    "width_uncertainty_px", "orientation_deg", "length_mm", "mean_width_mm", "median_width_mm", "p95_width_mm",
    "max_width_mm", "width_uncertainty_mm", "bbox_px", "centreline_px", "widths_px",
]  # fmt: skip
TOTAL_KEYS = [
    "crack_count", "crack_length_px", "crack_length_mm", "crack_area_px", "crack_area_mm2", "crack_density_m_per_m2",
]  # fmt: skip


@dataclass(frozen=True)
class Darkness:
    """A predictor that takes dark pixels for cracks."""

    card: ModelCard = field(default_factory=lambda: ModelCard(name="darkness", version="1", tile_px=200, overlap_px=32))
    sha256: str = "0" * 64
    runtime: str = "numpy"
    precision: str = "f32"

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        return (1 / (1 + np.exp((pixels.mean(axis=2, dtype=np.float32)[None] - 110) / 12))).astype(np.float32)


def draw_photo(path: Path, *, width_px: int = 6) -> Path:
    """A wall of 400 x 300 px with a crack from (50, 80) to (350, 200), in x and y."""
    wall = np.full((300, 400, 3), 175, np.uint8)
    cv2.line(wall, (50, 80), (350, 200), (40, 40, 40), width_px, cv2.LINE_AA)
    Image.fromarray(wall).save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw_photo(tmp_path / "wall.png")


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "result") -> list[str]:
    """Where a value breaks a JSON Schema, as far as ours uses the language."""
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, place)
    found = [] if "const" not in schema or value == schema["const"] else [f"{place}: not {schema['const']}"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}
    wanted = schema.get("type", list(kinds))
    if not any(isinstance(value, kinds[k]) for k in ([wanted] if isinstance(wanted, str) else wanted)):
        return [f"{place}: {value!r} is no {wanted}"]
    if isinstance(value, dict):
        known = schema["properties"]
        found += [f"{place}.{key} is missing" for key in schema["required"] if key not in value]
        found += [f"{place}.{key} is unknown" for key in value if key not in known]
        for key in value.keys() & known.keys():
            found += faults(value[key], known[key], root, f"{place}.{key}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{place}: {len(value)} items")
        for i, item in enumerate(value):
            found += faults(item, schema["items"], root, f"{place}[{i}]")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        found.append(f"{place}: {value!r}")
    if isinstance(value, int | float):
        low, high = schema.get("minimum", -np.inf), schema.get("exclusiveMaximum", np.inf)
        if not (low <= value < high and value > schema.get("exclusiveMinimum", -np.inf)):
            found.append(f"{place}: {value} out of range")
    return found


@pytest.mark.parametrize("mm_per_px", [None, 0.2])
def test_the_result_is_what_its_schema_says(photo: Path, mm_per_px: float | None) -> None:
    schema = json.loads(files("crackwise.report").joinpath("results.schema.json").read_text())
    result = json.loads(json.dumps(inspect_image(photo, Darkness(), mm_per_px=mm_per_px).to_dict(), allow_nan=False))
    assert faults(result, schema, schema) == []
    assert list(result) == schema["required"] == KEYS
    assert list(result["model"]) == schema["properties"]["model"]["required"] == MODEL_KEYS
    assert list(result["cracks"][0]) == schema["$defs"]["crack"]["required"] == CRACK_KEYS
    assert list(result["totals"]) == schema["$defs"]["totals"]["required"] == TOTAL_KEYS
    spoilt = result | {"sha256": "?", "colour": 1, "width_px": 0}
    assert len(faults(spoilt, schema, schema)) == 3


def test_behind_a_screen_it_says_so_and_keeps_to_its_schema(photo: Path) -> None:
    schema = json.loads(files("crackwise.report").joinpath("results.schema.json").read_text())
    cascade = Cascade(Darkness(ModelCard(name="quick", version="1", tile_px=80)), Darkness(), 0.9)
    inspection = inspect_image(photo, cascade)
    result = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
    assert faults(result, schema, schema) == []
    assert list(result["triage"]) == schema["properties"]["triage"]["required"]
    assert 0 < result["triage"]["segmented_share"] < 1
    assert len(inspection.cracks) == 1


def test_a_drawn_crack_is_measured_in_pixels_and_millimetres(photo: Path) -> None:
    inspection = inspect_image(photo, Darkness(), mm_per_px=0.2, mm_per_px_source="a ruler")
    (crack,) = inspection.cracks
    length = np.hypot(300, 120)
    assert crack.length_px == pytest.approx(length, rel=0.03)
    assert crack.length_mm == pytest.approx(0.2 * crack.length_px)
    assert inspection.crack_length_mm == pytest.approx(crack.length_mm, rel=1e-3)
    assert inspection.crack_area_mm2 == pytest.approx(np.count_nonzero(inspection.mask) * 0.04, rel=1e-3)
    assert inspection.crack_density_m_per_m2 == pytest.approx(crack.length_mm / (80 * 60) * 1000, rel=1e-3)
    result = inspection.to_dict()
    x, y = np.array(result["cracks"][0]["centreline_px"]).T
    np.testing.assert_allclose(np.sort([x[0], x[-1]]), [50, 350], atol=6)
    np.testing.assert_allclose(np.sort([y[0], y[-1]]), [80, 200], atol=6)
    assert (result["mm_per_px"], result["mm_per_px_source"]) == (0.2, "a ruler")
    assert result["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert (result["width_px"], result["height_px"]) == (400, 300)
    assert inspection.shape == inspection.mask.shape == (300, 400)


def test_without_a_scale_millimetres_are_null_and_asking_raises(photo: Path) -> None:
    inspection = inspect_image(photo, Darkness())
    result = inspection.to_dict()
    for row in (*result["cracks"], result["totals"], result):
        assert all(
            value is None for name, value in row.items() if name.endswith(("_mm", "_mm2", "_m2")) or "mm_" in name
        )
    for name in ("crack_length_mm", "crack_area_mm2", "crack_density_m_per_m2"):
        with pytest.raises(ScaleUnknownError, match="--scale"):
            getattr(inspection, name)
    with pytest.raises(ScaleUnknownError):
        _ = inspection.cracks[0].length_mm


def test_tiles_and_the_whole_find_the_same(photo: Path) -> None:
    whole = Darkness(ModelCard(name="darkness", version="1"))
    tiled, at_once = (inspect_image(photo, predictor).to_dict() for predictor in (Darkness(), whole))
    assert tiled == at_once


def test_an_array_is_inspected_like_its_file(photo: Path) -> None:
    of_file, of_array = inspect_image(photo, Darkness()), inspect_image(read_image(photo), Darkness())
    assert of_array.source == "array"
    assert of_array.to_dict()["cracks"] == of_file.to_dict()["cracks"]
    for odd in (np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ImageError, match="uint8 RGB"):
            inspect_image(odd, Darkness())  # type: ignore[arg-type]


def test_a_higher_threshold_takes_fewer_pixels_and_is_recorded(photo: Path) -> None:
    low, high = (inspect_image(photo, Darkness(), threshold=value) for value in (0.1, 0.9))
    assert np.count_nonzero(high.mask) < np.count_nonzero(low.mask)
    assert high.to_dict()["model"]["threshold"] == 0.9
    assert inspect_image(photo, Darkness()).threshold == 0.5


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_outside_zero_and_one_is_refused(photo: Path, threshold: float) -> None:
    with pytest.raises(ModelError, match="between 0 and 1"):
        inspect_image(photo, Darkness(), threshold=threshold)


@pytest.mark.parametrize("mm_per_px", [np.float32(0.004), 1e-5, 1e4])
def test_millimetres_of_any_scale_keep_their_digits_in_json(photo: Path, mm_per_px: float) -> None:
    result = json.loads(json.dumps(inspect_image(photo, Darkness(), mm_per_px=mm_per_px).to_dict(), allow_nan=False))
    (crack,) = result["cracks"]
    for name in ("length", "mean_width", "median_width", "p95_width", "max_width", "width_uncertainty"):
        assert crack[f"{name}_mm"] == pytest.approx(
            crack[f"{name}_px"] * float(mm_per_px), rel=1e-5, abs=6e-4 * float(mm_per_px)
        )
    totals = result["totals"]
    assert totals["crack_area_mm2"] == pytest.approx(totals["crack_area_px"] * float(mm_per_px) ** 2, rel=1e-5)
    assert totals["crack_length_mm"] == pytest.approx(totals["crack_length_px"] * float(mm_per_px), rel=1e-5)


def test_a_scale_of_nothing_is_refused(photo: Path) -> None:
    with pytest.raises(ScaleUnknownError):
        inspect_image(photo, Darkness(), mm_per_px=0.0)


def test_a_wall_without_cracks_has_none(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (180, 180, 180)).save(tmp_path / "plain.jpg")
    result = inspect_image(tmp_path / "plain.jpg", Darkness(), mm_per_px=1.0).to_dict()
    assert result["cracks"] == []
    assert set(result["totals"].values()) == {0}


def test_an_inspection_cannot_be_changed(photo: Path) -> None:
    inspection = inspect_image(photo, Darkness())
    assert isinstance(inspection, Inspection)
    with pytest.raises(FrozenInstanceError):
        inspection.threshold = 0.3  # type: ignore[misc]


def test_an_inspection_equals_itself_alone(photo: Path) -> None:
    one, other = inspect_image(photo, Darkness()), inspect_image(photo, Darkness())
    assert one != other
    assert len({one, other, one}) == 2


def test_a_mask_is_measured_with_and_without_its_photo(tmp_path: Path, photo: Path) -> None:
    mask = np.zeros((300, 400), np.uint8)
    cv2.line(mask, (50, 80), (350, 200), 255, 6, cv2.LINE_AA)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    alone = measure_mask(tmp_path / "mask.png", mm_per_px=0.5)
    with_photo = measure_mask(tmp_path / "mask.png", photo, mm_per_px=0.5)
    assert list(alone) == ["cracks", "totals"]
    for measured in (alone, with_photo):
        (crack,) = measured["cracks"]
        assert list(crack) == CRACK_KEYS
        assert crack["length_mm"] == pytest.approx(0.5 * np.hypot(300, 120), rel=0.03)
    assert alone["totals"]["crack_area_px"] == np.count_nonzero(mask > 127)


@pytest.mark.parametrize("large", ["mask", "photo"])
def test_a_mask_or_its_photo_beyond_the_limit_is_refused(tmp_path: Path, photo: Path, large: str) -> None:
    Image.new("L", (400, 300) if large == "mask" else (40, 30)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"(mask|wall)\.png has 400x300 px"):
        measure_mask(tmp_path / "mask.png", photo, max_megapixels=0.1)


def test_a_mask_of_another_size_than_its_photo_is_refused(tmp_path: Path, photo: Path) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match="mask is 40x30 px, the photograph 400x300"):
        measure_mask(tmp_path / "mask.png", photo)


@pytest.mark.parametrize(
    ("size", "value"), [((1, 1), 0), ((1, 1), 255), ((50, 40), 0), ((50, 40), 255), ((1, 90), 255)]
)
def test_empty_full_and_tiny_masks_are_fine(tmp_path: Path, size: tuple[int, int], value: int) -> None:
    Image.new("L", size, value).save(tmp_path / "mask.png")
    totals = measure_mask(tmp_path / "mask.png")["totals"]
    assert totals["crack_area_px"] == (size[0] * size[1] if value else 0)
