"""Several photographs at once give the files that one after the other gives, and stop together."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crackwise.batch import Settings, find_photos, inspect_batch, name_outputs
from crackwise.batch.workers import AHEAD, READING, Gate, in_order
from crackwise.cascade import Cascade
from crackwise.errors import CrackwiseError
from crackwise.predictor import ModelCard
from crackwise.quiet import without_warnings
from crackwise.report.table import Entry

COUNT = 9


class Darkness:
    """Takes dark pixels for cracks; knows how many threads were in it at once, and how often it was asked.

    With ``company`` it answers nobody, for some seconds, until two were in it.
    """

    sha256, runtime, precision = "0" * 64, "numpy", "f32"

    def __init__(self, name: str = "darkness", *, company: bool = False, **card: object) -> None:
        self.card = ModelCard.model_validate({"name": name, "version": "1", **card})
        self.lock = threading.Lock()
        self.two_inside = threading.Event()
        self.patience_s = 10.0 if company else 0.0
        self.inside = self.most_inside = self.asked = 0

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        with self.lock:
            self.asked += 1
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
            if self.inside > 1:
                self.two_inside.set()
        self.two_inside.wait(self.patience_s)
        maps = (1 / (1 + np.exp((pixels.mean(axis=2, dtype=np.float32)[None] - 110) / 12))).astype(np.float32)
        with self.lock:
            self.inside -= 1
        return maps


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photographs of different sizes with different cracks, two of them broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(COUNT):
        wall = np.full((90 + 4 * i, 120, 3), 175, np.uint8)
        wall[20 : 22 + i, 10:110] = 40
        Image.fromarray(wall).save(folder / f"{i}.png")
    (folder / "2.png").write_bytes(b"no picture")
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:90])
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("workers", [2, 5])
def test_what_is_written_does_not_depend_on_the_workers(photos: Path, tmp_path: Path, workers: int) -> None:
    jobs = name_outputs(find_photos([photos], tmp_path / "out"))
    settings, predictor, heard = Settings(mm_per_px=0.2, maps=True), Darkness(company=True), list[Entry]()
    alone = inspect_batch(jobs, tmp_path / "alone", Darkness(), settings)
    shared = inspect_batch(jobs, tmp_path / "shared", predictor, settings, workers=workers, on_entry=heard.append)
    assert shared == alone
    assert heard == list(shared)
    assert [entry.stem for entry in shared if entry.error] == ["2", "7"]
    assert tree(tmp_path / "shared") == tree(tmp_path / "alone")
    assert 2 <= predictor.most_inside <= workers


def test_a_cascade_counts_every_photo_by_itself(photos: Path, tmp_path: Path) -> None:
    jobs = name_outputs(find_photos([photos], tmp_path / "out"))
    pair = Cascade(Darkness("screen", tile_px=64, threshold=0.4), Darkness("segmenter", overlap_px=8))
    alone = inspect_batch(jobs, tmp_path / "alone", pair, Settings())
    shared = inspect_batch(jobs, tmp_path / "shared", pair, Settings(), workers=3)
    assert shared == alone
    assert shared[0].result is not None
    assert shared[0].result["triage"]["parts"] == 2
    assert tree(tmp_path / "shared") == tree(tmp_path / "alone")


def test_an_interrupt_ends_all_workers_and_leaves_whole_photos(photos: Path, tmp_path: Path) -> None:
    found = name_outputs(find_photos([photos], tmp_path / "out"))
    jobs = [job._replace(stem=f"{turn}-{job.stem}") for turn in range(9) for job in found]
    out, predictor, threads = tmp_path / "out", Darkness(), threading.active_count()

    def interrupt(entry: Entry) -> None:
        if entry.stem == "0-3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_batch(jobs, out, predictor, Settings(), workers=2, on_entry=interrupt)
    assert predictor.asked <= 4 + AHEAD * (2 + READING)
    assert threading.active_count() == threads
    stems = {kind: {path.stem for path in (out / kind).iterdir()} for kind in ("masks", "overlays", "results")}
    assert stems["masks"] == stems["overlays"] == stems["results"] >= {"0-0", "0-1", "0-3"}
    assert not list(out.rglob("*.part"))
    assert not (out / "cracks.csv").exists()


def test_an_interrupted_photo_leaves_nothing_of_itself(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crackwise.batch.job.draw_overlay", interrupted)
    with pytest.raises(KeyboardInterrupt):
        inspect_batch(name_outputs([photos / "0.png"]), tmp_path / "out", Darkness(), Settings())
    assert tree(tmp_path / "out") == {}


def test_an_output_that_cannot_be_written_ends_the_run(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "overlays").write_text("in the way")
    jobs = name_outputs(find_photos([photos], tmp_path / "out"))
    with pytest.raises(CrackwiseError, match="Cannot write"):
        inspect_batch(jobs, tmp_path / "out", Darkness(), Settings(), workers=2)
    assert sorted(tree(tmp_path / "out")) == ["overlays"]


def test_results_come_in_order_and_never_far_ahead() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.005 if number % 3 == 0 else 0)
        return number

    for number, result in enumerate(in_order(work, range(50), Gate(2), threads=2)):
        assert result == number
        assert max(begun) <= number + AHEAD * 2


def test_a_shut_gate_lets_nobody_predict() -> None:
    gate, predictor = Gate(1), Darkness()
    guarded = gate.guard(predictor)
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert np.array_equal(guarded(pixels), predictor(pixels))
    assert (guarded.card, guarded.sha256, guarded.runtime) == (predictor.card, predictor.sha256, "numpy")
    gate.shut.set()
    with pytest.raises(KeyboardInterrupt):
        guarded(pixels)


def test_warnings_are_heard_again_when_the_last_thread_has_read() -> None:
    first_in, second_in = threading.Event(), threading.Event()

    def first() -> None:
        with without_warnings():
            first_in.set()
            second_in.wait(5)

    def second() -> None:
        first_in.wait(5)
        with without_warnings():
            second_in.set()
            reader.join(5)
            warnings.warn("nobody hears this", UserWarning, stacklevel=1)

    before = warnings.filters[:]
    reader, other = threading.Thread(target=first), threading.Thread(target=second)
    reader.start()
    other.start()
    other.join(10)
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
