"""Folders of photographs, good and bad, to files that are whole."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crackwise.batch import Settings, find_photos, inspect_batch, name_outputs, read_results
from crackwise.batch import job as one_photo
from crackwise.batch import run as whole_run
from crackwise.errors import CrackwiseError, ImageError, ModelError, ModelReplacedError, ScaleUnknownError
from crackwise.imaging.image import read_image, read_mask
from crackwise.inspection import inspect_image
from crackwise.predictor import ModelCard
from crackwise.report.table import COLUMNS, Entry


@dataclass
class Darkness:
    """A predictor that takes dark pixels for cracks, and stops when it has seen enough."""

    card: ModelCard = field(default_factory=lambda: ModelCard(name="darkness", version="1"))
    sha256: str = "0" * 64
    runtime: str = "numpy"
    precision: str = "f32"
    patience: int = 99
    anger: type[BaseException] = KeyboardInterrupt

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.patience -= 1
        if self.patience < 0:
            raise self.anger
        return (1 / (1 + np.exp((pixels.mean(axis=2, dtype=np.float32)[None] - 110) / 12))).astype(np.float32)


def draw_wall(path: Path, *, cracks: int = 1, size: tuple[int, int] = (160, 120)) -> Path:
    wall = np.full((size[1], size[0], 3), 175, np.uint8)
    for i in range(cracks):
        cv2.line(wall, (10, 20 + 30 * i), (size[0] - 10, 30 + 30 * i), (40, 40, 40), 4, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(wall).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three good photographs, and one each of four kinds of bad ones."""
    folder = tmp_path / "photos"
    draw_wall(folder / "a.jpg", cracks=2)
    draw_wall(folder / "b.png", cracks=0)
    draw_wall(folder / "deeper" / "c.tif")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:900])
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.jpg").write_text("these are no pixels")
    (folder / "readme.txt").write_text("nor these, and not named so")
    (folder / ".hidden.jpg").write_text("nor these")
    return folder


def run(
    folder: Path, out: Path, settings: Settings | None = None, predictor: Darkness | None = None
) -> tuple[Entry, ...]:
    return inspect_batch(name_outputs(find_photos([folder], out)), out, predictor or Darkness(), settings or Settings())


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_good_photos_are_done_and_bad_ones_are_named(photos: Path, tmp_path: Path) -> None:
    heard: list[Entry] = []
    out = tmp_path / "out"
    jobs = name_outputs(find_photos([photos], out))
    entries = inspect_batch(
        jobs, out, Darkness(), Settings(mm_per_px=0.5, mm_per_px_source="a ruler"), on_entry=heard.append
    )
    assert heard == list(entries)
    assert [entry.stem for entry in entries] == ["a", "b", "cut", "empty", "notes", "c"]
    assert [entry.stem for entry in entries if entry.error] == ["cut", "empty", "notes"]
    assert sorted(tree(out)) == sorted(
        ["cracks.csv", "report.html"]
        + [f"{place}/{stem}{suffix}" for stem in "abc" for place, suffix in OUTPUTS.items()]
    )
    with (out / "cracks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["stem"] for row in rows] == ["a", "a", "b", "cut", "empty", "notes", "c"]
    assert [bool(row["error"]) for row in rows] == [False, False, False, True, True, True, False]
    assert [row["crack_id"] for row in rows] == ["1", "2", "", "", "", "", "1"]
    assert float(rows[0]["length_mm"]) == pytest.approx(0.5 * float(rows[0]["length_px"]), abs=0.01)


OUTPUTS = {"masks": ".png", "overlays": ".jpg", "results": ".json"}


def test_masks_are_of_zero_and_full_and_of_the_size_of_the_photo(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "out")
    with Image.open(tmp_path / "out" / "masks" / "a.png") as mask:
        assert mask.mode == "L"
        assert mask.size == (160, 120)
        values, counts = np.unique(np.asarray(mask), return_counts=True)
    assert values.tolist() == [0, 255]
    result = json.loads((tmp_path / "out" / "results" / "a.json").read_bytes())
    assert result["totals"]["crack_area_px"] == counts[1]
    assert read_image(tmp_path / "out" / "overlays" / "a.jpg").shape == (120, 160, 3)


def test_maps_are_written_when_asked_for(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "out", Settings(maps=True))
    heat = cv2.imread(str(tmp_path / "out" / "maps" / "a.png"))
    deep = cv2.imread(str(tmp_path / "out" / "maps" / "a.tif"), cv2.IMREAD_UNCHANGED)
    assert heat.shape == (120, 160, 3)
    assert deep.dtype == np.uint16
    expected = Darkness()(read_image(photos / "a.jpg"))[0]
    assert np.abs(deep / 65535 - expected).max() < 1e-4


def test_the_same_photos_give_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "one")
    run(photos, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_second_run_replaces_the_first(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(photos, out, Settings(maps=True))
    (photos / "a.jpg").write_bytes(b"now broken")
    (out / "masks" / ".crackwise-00.part").write_bytes(b"of a run that was killed")
    run(photos, out)
    assert not [name for name in tree(out) if Path(name).stem == "a"]
    assert not [name for name in tree(out) if name.startswith("maps") or name.endswith(".part")]


@pytest.mark.parametrize("where", ["notes/deeper", "n" * 300])
def test_a_place_where_nothing_can_be_written_is_one_sentence(photos: Path, tmp_path: Path, where: str) -> None:
    (tmp_path / "notes").write_text("a file")
    with pytest.raises(CrackwiseError, match=r"^Cannot write"):
        run(photos, tmp_path / where)


@pytest.mark.parametrize("done", [0, 1])
def test_an_interrupted_run_leaves_nothing_half_written(photos: Path, tmp_path: Path, done: int) -> None:
    out = tmp_path / "out"
    run(photos, out)
    with pytest.raises(KeyboardInterrupt):
        run(photos, out, predictor=Darkness(patience=done))
    assert sorted(tree(out)) == [f"{place}/a{suffix}" for place, suffix in OUTPUTS.items()][: 3 * done]


def test_a_model_that_was_replaced_ends_the_run_and_leaves_no_table(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ModelReplacedError):
        run(photos, out, predictor=Darkness(patience=1, anger=ModelReplacedError))
    assert sorted(tree(out)) == [f"{place}/a{suffix}" for place, suffix in OUTPUTS.items()]


@pytest.mark.parametrize("anger", [ModelError, MemoryError])
def test_a_photo_the_model_fails_on_is_one_bad_photo(photos: Path, tmp_path: Path, anger: type[Exception]) -> None:
    entries = run(photos, tmp_path / "out", predictor=Darkness(patience=2, anger=anger))
    assert [entry.stem for entry in entries if entry.result] == ["a", "b"]


@pytest.mark.parametrize(
    "fault", [ValueError("shapes\ndiffer"), IndexError("9"), cv2.error("remap"), AssertionError(), BufferError("held")]
)
@pytest.mark.parametrize("place", ["inspect_photo", "draw_overlay"])
def test_a_mistake_of_ours_costs_one_photo_and_leaves_none_of_its_files(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: str,
    fault: Exception,
) -> None:
    works = getattr(one_photo, place)
    calls = iter(range(99))

    def fails_once(*args: object, **options: object) -> object:
        if next(calls) == 1:
            raise fault
        return works(*args, **options)

    monkeypatch.setattr(one_photo, place, fails_once)
    out = tmp_path / "out"
    entries = run(photos, out)
    assert [entry.stem for entry in entries if entry.result] == ["a", "c"]
    assert f"met a mistake in crackwise ({type(fault).__name__}" in (entries[1].error or "")
    assert "\n" not in (entries[1].error or "")
    assert not [path for path in tree(out) if "b." in path]
    (told,) = caplog.records
    assert told.levelno == logging.ERROR
    assert told.exc_info is not None
    assert told.exc_info[1] is fault


def test_results_are_read_back_in_order(photos: Path, tmp_path: Path) -> None:
    entries = run(photos, tmp_path / "out")
    results = list(read_results(tmp_path / "out", entries))
    assert [result["source"] for result in results] == [entry.source for entry in entries]
    assert [result["schema"] for result in results] == [
        "crackwise.error/1" if entry.error else "crackwise.inspection/1" for entry in entries
    ]
    assert "centreline_px" in results[0]["cracks"][0]


def test_photos_of_one_name_keep_their_own_files(tmp_path: Path) -> None:
    names = ["a.jpg", "a.png", "A.jpg", "x/a.jpg", "a-2.jpg", "b.jpg"]
    photos = [draw_wall(tmp_path / "photos" / name, cracks=i % 3) for i, name in enumerate(names)]
    jobs = name_outputs(photos)
    assert [job.stem for job in jobs] == ["a", "a-2", "A-3", "a-4", "a-2-2", "b"]
    assert name_outputs(photos) == jobs
    entries = inspect_batch(jobs, tmp_path / "out", Darkness(), Settings())
    for entry, photo in zip(entries, photos, strict=True):
        result = json.loads((tmp_path / "out" / "results" / f"{entry.stem}.json").read_bytes())
        assert result["source"] == str(photo)


def test_names_no_output_could_have_are_cut() -> None:
    (job,) = name_outputs([Path("n" * 251 + ".png")])
    assert len(job.stem) == 200
    (job,) = name_outputs([Path("ü" * 120 + ".jpg")])
    assert job.stem == "ü" * 100


def test_a_photo_named_twice_is_inspected_once(photos: Path, tmp_path: Path) -> None:
    found = find_photos([photos / "a.jpg", photos, photos / "deeper" / ".." / "a.jpg"], tmp_path / "out")
    assert found[0] == photos / "a.jpg"
    assert len(found) == 6


def test_outputs_inside_the_input_are_not_inspected(photos: Path) -> None:
    for out in (photos / "out", photos):
        before = [path.name for path in find_photos([photos], out)]
        run(photos, out, Settings(maps=True))
        assert [path.name for path in find_photos([photos], out)] == before


def test_outputs_of_other_runs_are_not_inspected(photos: Path, tmp_path: Path) -> None:
    before = find_photos([photos], tmp_path / "out")
    for out in (photos / "first", photos / "deeper"):
        run(photos, out, Settings(maps=True))
    assert find_photos([photos], tmp_path / "out") == before


def test_a_folder_of_masks_without_a_table_is_one_of_photos(tmp_path: Path) -> None:
    photo = draw_wall(tmp_path / "set" / "masks" / "a.png")
    assert find_photos([tmp_path / "set"], tmp_path / "out") == (photo,)


def test_a_photo_is_never_overwritten_by_a_result(tmp_path: Path) -> None:
    photo = draw_wall(tmp_path / "set" / "masks" / "a.png")
    before = photo.read_bytes()
    with pytest.raises(CrackwiseError, match="would be overwritten"):
        inspect_batch(name_outputs([photo]), tmp_path / "set", Darkness(), Settings())
    assert photo.read_bytes() == before


def test_missing_places_and_folders_without_photos_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"No file or folder at '.*absent.jpg'"):
        find_photos([tmp_path / "absent.jpg"], tmp_path / "out")
    with pytest.raises(ImageError, match="No photograph in"):
        find_photos([tmp_path], tmp_path / "out")


def test_a_name_that_is_nowhere_does_not_stop_the_others(tmp_path: Path) -> None:
    photo = draw_wall(tmp_path / "a.jpg")
    jobs = name_outputs(find_photos([tmp_path / "absent.jpg", photo], tmp_path / "out"))
    first, second = inspect_batch(jobs, tmp_path / "out", Darkness(), Settings())
    assert "absent.jpg: No such file" in (first.error or "")
    assert second.result is not None


def test_a_name_too_long_is_one_bad_photo(photos: Path, tmp_path: Path) -> None:
    jobs = name_outputs(find_photos(["n" * 5000, photos / "a.jpg"], tmp_path / "out"))
    first, second = inspect_batch(jobs, tmp_path / "out", Darkness(), Settings())
    assert "File name too long" in (first.error or "")
    assert second.result is not None


@pytest.mark.parametrize("name", ["deeper", "a.jpg"])
def test_a_folder_or_file_that_may_not_be_read_is_one_bad_photo(
    photos: Path, tmp_path: Path, forbid: Callable[[Path], None], name: str
) -> None:
    forbid(photos / name)
    entries = run(photos, tmp_path / "out")
    (bad,) = (entry for entry in entries if entry.source == str(photos / name))
    assert bad.error == f"Cannot read {photos / name}: Permission denied."
    assert len([entry for entry in entries if entry.result]) == 2


def test_links_in_a_circle_are_bad_photos(photos: Path, tmp_path: Path) -> None:
    loop = photos / "loop.jpg"
    loop.symlink_to("pool.jpg")
    (photos / "pool.jpg").symlink_to("loop.jpg")
    out = tmp_path / "out"
    entries = inspect_batch(name_outputs(find_photos([loop, photos], out)), out, Darkness(), Settings())
    assert entries[0].error == f"Cannot read {loop}: Too many levels of symbolic links."
    assert [entry.stem for entry in entries if entry.result] == ["a", "b", "c"]


def test_a_photo_that_vanished_is_one_bad_photo(photos: Path, tmp_path: Path) -> None:
    jobs = name_outputs(find_photos([photos], tmp_path / "out"))
    (photos / "a.jpg").unlink()
    first, second, *_ = inspect_batch(jobs, tmp_path / "out", Darkness(), Settings())
    assert "No such file" in (first.error or "")
    assert second.result is not None


def test_an_output_folder_that_cannot_be_is_one_error(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CrackwiseError, match="Cannot write"):
        run(photos, tmp_path / "file")


def test_names_that_are_no_text_are_written_as_text(tmp_path: Path) -> None:
    photo = draw_wall(tmp_path / "a.jpg").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 <b>\n.jpg"))
    (entry,) = inspect_batch(name_outputs([photo]), tmp_path / "out", Darkness(), Settings())
    assert entry.source.endswith("caf\\udce9 <b>\\n.jpg")
    (result,) = read_results(tmp_path / "out", [entry])
    assert result["source"] == entry.source
    assert "<b>" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("mm_per_px", [None, 0.2, 0.004, 1e-5, 1e4])
def test_no_bar_of_the_histogram_lies_above_the_largest_counted_width(tmp_path: Path, mm_per_px: float | None) -> None:
    wall = np.full((160, 200, 3), 175, np.uint8)
    for end in ((190, 40), (190, 120), (150, 155), (60, 155)):
        cv2.line(wall, (20, 80), end, (40, 40, 40), 5, cv2.LINE_AA)
    Image.fromarray(wall).save(tmp_path / "star.png")
    cracks = inspect_image(tmp_path / "star.png", Darkness()).cracks
    counted = max(crack.widths_px[crack.counted].max() for crack in cracks)
    assert counted < 0.8 * max(crack.widths_px.max() for crack in cracks)
    inspect_batch(name_outputs([tmp_path / "star.png"]), tmp_path / "out", Darkness(), Settings(mm_per_px=mm_per_px))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    lowest = [float(number) for number in re.findall(r"<title>([\d.]+) ", page)]
    assert 3 <= len(lowest) <= 24
    assert max(lowest) <= counted * (mm_per_px or 1)


def test_a_scale_that_is_none_ends_the_run_before_it_starts(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ScaleUnknownError):
        run(photos, tmp_path / "out", Settings(mm_per_px=1e12))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_folder(tmp_path: Path) -> None:
    import tracemalloc

    photo = draw_wall(tmp_path / "a.jpg", size=(1200, 900))
    peaks = []
    for count in (2, 12):
        tracemalloc.start()
        jobs = name_outputs([photo] * count)
        inspect_batch(jobs, tmp_path / f"out{count}", Darkness(), Settings())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10_000_000


def test_a_model_of_several_classes_leaves_a_mask_of_each(tmp_path: Path) -> None:
    class DarkAndLight(Darkness):
        def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
            dark = super().__call__(pixels)
            return np.concatenate([dark, np.zeros_like(dark) + np.float32(0.9) * (pixels[None, :, :, 0] > 250)])

    wall = draw_wall(tmp_path / "wall.png")
    pixels = read_image(wall).copy()
    pixels[:, 70:80] = 255
    Image.fromarray(pixels).save(wall)
    card = ModelCard(name="two", version="1", classes=("crack", "Drywall joint/tape"))
    inspect_batch(name_outputs([wall]), tmp_path / "out", DarkAndLight(card), Settings())
    masks = {p.relative_to(tmp_path / "out" / "masks").as_posix() for p in (tmp_path / "out" / "masks").rglob("*.png")}
    assert masks == {"wall.png", "1-crack/wall.png", "2-drywall-joint-tape/wall.png"}
    both, crack, joint = (read_mask(tmp_path / "out" / "masks" / name) for name in sorted(masks, key=len))
    assert (joint > 0)[:, 70:80].all()
    assert not (crack > 0)[:, 70:80].any()
    assert np.array_equal(both, np.maximum(crack, joint))


@pytest.mark.parametrize("only", [frozenset[str](), frozenset({"masks"})])
def test_where_the_table_is_a_power_cut_takes_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: frozenset[str]
) -> None:
    out = tmp_path / "out"
    table = out / ("masks.csv" if only else "cracks.csv")
    synced: list[set[str]] = []

    def sync(folders: list[Path]) -> None:
        assert set(folders) == {path.parent for path in out.rglob("*.*")} | {out}
        assert not table.exists()
        synced.append(set(tree(out)))

    monkeypatch.setattr(whole_run, "sync_disks", sync)
    run(photos, out, Settings(only=only))
    assert synced == [set(tree(out)) - {table.name, "report.html"}]
    assert len(synced[0]) == (3 if only else 9)
