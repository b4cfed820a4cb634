"""The audit of labels, on drawn walls whose cracks, labels and faults are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.evaluation.labels.audit import AuditedSet, audit_set
from crackwise.evaluation.labels.checks import LABEL_CHECKS, findings_of
from crackwise.evaluation.labels.listing import list_set
from crackwise.evaluation.labels.look import WINDOW_PX, Look, look_at, windows_of
from crackwise.evaluation.labels.summary import summarise

Pixels = NDArray[np.uint8]
SIZE_PX = 224


def zigzag(seed: int, width_px: int) -> Pixels:
    """A mask of 0 and 255 with a crooked line of a width."""
    rng = np.random.default_rng(seed)
    corners = np.linspace(20, SIZE_PX - 20, 5)
    across = rng.uniform(35, SIZE_PX - 35, 5)
    line = np.stack((corners, across) if seed % 2 else (across, corners), axis=1)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    pixels = np.stack((columns, rows), axis=-1).astype(np.float64)
    near = np.full((SIZE_PX, SIZE_PX), np.inf)
    for start, end in pairwise(line):
        along = ((pixels - start) @ (end - start) / ((end - start) @ (end - start))).clip(0, 1)
        near = np.minimum(near, np.linalg.norm(pixels - start - along[..., None] * (end - start), axis=-1))
    return (near <= width_px / 2) * np.uint8(255)


def wall(crack: Pixels, seed: int = 0) -> Pixels:
    """A grey wall (h, w, 3) that is dark, and a little blurred, where a mask says so."""
    ground = 170 + np.random.default_rng(seed).normal(0, 3, crack.shape)
    grey = ground - 115 * cv2.GaussianBlur(crack.astype(np.float64) / 255, (0, 0), 0.7)
    return np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def write_set(folder: Path, pairs: dict[str, tuple[Pixels, Pixels]]) -> Path:
    """A folder of named pairs of picture and label."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, (picture, label) in pairs.items():
        cv2.imwrite(str(folder / "images" / f"{name}.png"), picture)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), label)
    return folder


def clean_pair(seed: int) -> tuple[Pixels, Pixels]:
    crack = zigzag(seed, 4)
    return wall(crack, seed), crack


def audit_of(folder: Path, **options: object) -> AuditedSet:
    return audit_set(str(folder), list_set(str(folder)), **options)  # type: ignore[arg-type]


def look_of(tmp_path: Path, picture: Pixels, label: Pixels, predictor: object = None) -> Look:
    (look,) = audit_of(write_set(tmp_path / "set", {"a": (picture, label)}), predictor=predictor).looks
    return look


def names(look: Look) -> set[str]:
    return {finding.check for finding in findings_of(look)}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_label_drawn_n_times_as_wide_has_the_ratio_n(tmp_path: Path, times: int) -> None:
    look = look_of(tmp_path, wall(zigzag(1, 5)), zigzag(1, 5 * times))
    assert look.thickness is not None
    assert look.thickness.ratio == pytest.approx(times, rel=0.15)
    assert ("wide" in names(look)) == (times == 3 or look.thickness.ratio >= 2)


@pytest.mark.parametrize("step", [(3, -2), (-4, 0), (0, 0)])
def test_a_displaced_label_is_found_to_half_a_pixel(tmp_path: Path, step: tuple[int, int]) -> None:
    picture, label = clean_pair(3)
    look = look_of(tmp_path, picture, np.roll(label, step[::-1], axis=(0, 1)))
    assert look.fit is not None
    assert look.fit.alignment.right_px == pytest.approx(step[0], abs=0.5)
    assert look.fit.alignment.down_px == pytest.approx(step[1], abs=0.5)
    assert ("displaced" in names(look)) == (step != (0, 0))


def test_a_set_of_displaced_labels_lies_beside_and_a_true_one_does_not(tmp_path: Path) -> None:
    pairs = {str(seed): clean_pair(seed) for seed in range(6)}
    true = audit_of(write_set(tmp_path / "true", pairs)).summary
    moved = {name: (picture, np.roll(label, (2, 3), axis=(0, 1))) for name, (picture, label) in pairs.items()}
    beside = audit_of(write_set(tmp_path / "moved", moved)).summary
    assert (true.beside, beside.beside) == (False, True)
    assert true.width == "right"
    assert (beside.right_px.value, beside.down_px.value) == pytest.approx((3, 2), abs=0.5)
    assert beside.right_px.low <= 3.2
    assert beside.right_px.high >= 2.8


def test_swapped_labels_are_told_and_whose_they_are(tmp_path: Path) -> None:
    pairs = {str(seed): clean_pair(seed) for seed in range(6)}
    pairs["0"], pairs["1"] = (pairs["0"][0], pairs["1"][1]), (pairs["1"][0], pairs["0"][1])
    audited = audit_of(write_set(tmp_path / "set", pairs))
    wrong = {finding.picture: finding.sentence for finding in audited.findings if finding.check == "wrong_pair"}
    assert set(wrong) == {"set/0", "set/1"}
    assert "set/1" in wrong["set/0"]
    assert audited.grave


def test_a_mirrored_label_is_told_as_such(tmp_path: Path) -> None:
    picture, label = clean_pair(3)
    look = look_of(tmp_path, picture, label[:, ::-1])
    assert look.belongs_to == "the picture when it is mirrored left to right"


def predictor(value: float) -> SimpleNamespace:
    """A model that sees the same everywhere."""

    class Everywhere(SimpleNamespace):
        def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
            return np.full((1, *pixels.shape[:2]), value, np.float32)

    card = SimpleNamespace(classes=("crack",), threshold=0.5, tile_px=SIZE_PX, overlap_px=0, fixed_px=None, stride_px=1)
    return Everywhere(card=card)


def save(path: Path, picture: Image.Image, **options: object) -> None:
    path.unlink(missing_ok=True)
    picture.save(path, **options)  # type: ignore[arg-type]


def label_as(change: Callable[[Path, Pixels], None]) -> Callable[[Path], Look]:
    """A clean pair whose label file is written anew."""

    def look(folder: Path) -> Look:
        picture, label = clean_pair(3)
        write_set(folder, {"a": (picture, label)})
        change(folder / "masks" / "a.png", label)
        return audit_of(folder).looks[0]

    return look


def changed(change: Callable[[Pixels], Pixels]) -> Callable[[Path], Look]:
    return label_as(lambda path, label: save(path, Image.fromarray(change(label))))


def jpeg(path: Path, label: Pixels) -> None:
    path.unlink()
    Image.fromarray(label).save(path.with_suffix(".jpg"), quality=70)


def alone(kind: str) -> Callable[[Path], Look]:
    def look(folder: Path) -> Look:
        write_set(folder, {"a": clean_pair(3), "b": clean_pair(4)})
        (folder / kind / "a.png").unlink()
        missing = "picture" if kind == "images" else "label"
        return next(look for look in audit_of(folder).looks if look.missing == missing)

    return look


def turned_picture(folder: Path) -> Look:
    picture, label = clean_pair(3)
    write_set(folder, {"a": (picture[:, :160], label[:, :160])})
    exif = Image.Exif()
    exif[274] = 6
    save(folder / "images" / "a.png", Image.fromarray(picture[:, :160]), exif=exif)
    return audit_of(folder).looks[0]


def on_white(label: Pixels, alpha: Pixels) -> Image.Image:
    return Image.fromarray(np.dstack([label, label, label, alpha]))


def framed(label: Pixels) -> Pixels:
    return cv2.rectangle(label.copy(), (0, 0), (SIZE_PX - 1, SIZE_PX - 1), 255, 1)


def specked(label: Pixels) -> Pixels:
    return cv2.rectangle(label.copy(), (5, 5), (6, 5), 255, -1)


def in_palette(path: Path, label: Pixels) -> None:
    picture = Image.fromarray((label > 0).astype(np.uint8), mode=None).convert("P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    save(path, picture)


def faded(seed: int = 3) -> Callable[[Path], Look]:
    """A label as good here as in a tenth of the other places."""

    def look(folder: Path) -> Look:
        seen = look_of(folder, *clean_pair(seed))
        assert seen.fit is not None
        return replace(seen, fit=seen.fit._replace(alignment=seen.fit.alignment._replace(chance=0.1)))

    return look


def same_twice(folder: Path) -> Look:
    pairs = {"a": clean_pair(3), "b": (wall(zigzag(3, 4), 9), zigzag(3, 4))}
    return audit_of(write_set(folder, pairs)).looks[0]


CASES: dict[str, Callable[[Path], Look]] = {
    "missing_picture": alone("images"),
    "missing_label": alone("masks"),
    "unreadable": label_as(lambda path, _: path.write_bytes(path.read_bytes()[:200]) and None),
    "size": changed(lambda label: label[:100]),
    "inverted": changed(lambda label: 255 - label),
    "wrong_pair": changed(lambda label: label[:, ::-1].copy()),
    "unaligned": faded(),
    "displaced": changed(lambda label: np.roll(label, (3, 3), axis=(0, 1))),
    "on_bright": lambda folder: look_of(folder, 255 - wall(zigzag(3, 4)), zigzag(3, 4)),
    "wide": lambda folder: look_of(folder, wall(zigzag(3, 4)), zigzag(3, 13)),
    "thin": lambda folder: look_of(folder, wall(zigzag(3, 9)), zigzag(3, 2)),
    "frame": changed(framed),
    "same_label": same_twice,
    "specks": changed(specked),
    "turned": turned_picture,
    "zero_and_one": changed(lambda label: label // 255),
    "as_jpeg": label_as(jpeg),
    "in_between": changed(lambda label: cv2.GaussianBlur(label, (0, 0), 1.0)),
    "several_levels": changed(lambda label: np.where(np.arange(SIZE_PX) < 110, label, label // 255 * 200)),
    "colours": changed(lambda label: np.dstack([label, label * 0, label * 0])),
    "palette": label_as(in_palette),
    "in_transparency": label_as(lambda path, label: save(path, on_white(label * 0, label))),
    "deep": label_as(lambda path, label: cv2.imwrite(str(path), label.astype(np.uint16) * 257) and None),
    "overlooked": lambda folder: look_of(folder, wall(zigzag(3, 4)), zigzag(3, 4) * 0, predictor(0.9)),
    "nothing_under": lambda folder: look_of(folder, *clean_pair(3), predictor(0.1)),
}


def test_every_check_has_a_case() -> None:
    assert list(CASES) == list(LABEL_CHECKS)


@pytest.mark.parametrize("check", CASES)
def test_every_fault_is_found(check: str, tmp_path: Path) -> None:
    assert check in names(CASES[check](tmp_path / "set"))


@pytest.mark.parametrize("seed", [0, 3])
def test_a_clean_pair_has_no_finding(seed: int, tmp_path: Path) -> None:
    assert not names(look_of(tmp_path, *clean_pair(seed)))


def test_an_empty_label_is_no_fault(tmp_path: Path) -> None:
    audited = audit_of(write_set(tmp_path / "set", {"a": (wall(zigzag(3, 4) * 0), zigzag(3, 4) * 0)}))
    assert not audited.findings
    assert (audited.summary.empty, audited.summary.beside, audited.summary.width) == (1, None, "open")


def test_large_pictures_are_looked_at_where_their_labels_are() -> None:
    label = np.zeros((3000, 3000), np.bool_)
    label[2000:2100, 1600] = True
    ((rows, columns),) = windows_of(label)
    assert rows.stop - rows.start <= WINDOW_PX
    assert label[rows, columns].sum() == 100


def test_the_same_seed_draws_the_same_pictures(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {str(seed): clean_pair(seed) for seed in range(6)})
    first, second = (list_set(str(folder), pictures=3, seed=7) for _ in range(2))
    assert first == second
    assert (len(first.items), first.listed) == (3, 6)


def test_nothing_to_summarise_is_undefined() -> None:
    summary = summarise([], [])
    assert np.isnan(summary.ratio.value)
    assert summary.beside is None


def test_the_command_writes_three_files_and_says_whether_it_is_grave(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {str(seed): clean_pair(seed) for seed in range(3)})
    runner, out = CliRunner(), tmp_path / "out"
    assert runner.invoke(app, ["data", "labels", str(folder), "--out", str(out)]).exit_code == 0
    write_set(folder, {"bad": (wall(zigzag(3, 4)), 255 - zigzag(3, 4)), "<b>": clean_pair(7)})
    (folder / "masks" / "0.png").unlink()
    (folder / "images" / "1.png").write_bytes(b"no picture")
    ran = runner.invoke(app, ["data", "labels", str(folder), "--out", str(out), "--worst", "5"])
    assert ran.exit_code == 1
    record = json.loads((out / "labels.json").read_text())
    assert record["schema"] == "crackwise.labels/1"
    assert record["grave"]
    (found,) = record["sets"].values()
    assert set(found["counts"]) == {"missing_label", "unreadable", "inverted"}
    assert len((out / "labels.csv").read_text().splitlines()) == 1 + 5
    page = (out / "labels.html").read_text()
    assert "Nothing to draw" in page
    assert "<b>0" not in page


def test_look_at_never_raises(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {"a": clean_pair(1)})
    (item,) = list_set(str(folder)).items
    (folder / "masks" / "a.png").write_bytes(b"")
    assert look_at(item).error
