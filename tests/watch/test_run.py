"""A watch as a whole: a drive along a drawn wall, as a film, as a folder, and as a stream that dies and returns."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from drive import Camera, Pan, draw_wall

from crackwise.errors import CrackwiseError, ModelError, ModelReplacedError, StreamError
from crackwise.imaging.image import read_image, read_mask
from crackwise.predictor import Predictor
from crackwise.watch import feed
from crackwise.watch.looks import Settings
from crackwise.watch.run import watch
from crackwise.watch.sources.table import find_source

WALL = draw_wall(1500, 260, [[(20, 60), (420, 200)], [(700, 200), (1050, 60)], [(1120, 60), (1480, 180)]])
WIDTH, HEIGHT = 320, 240
KEYS = {
    "schema", "frame", "time", "latency_ms", "width_px", "height_px", "mm_per_px", "shift_px", "cracks", "joined",
    "totals", "cracks_so_far", "last_track", "counts",
}  # fmt: skip


def views(step: int, count: int, first: int = 0) -> list[np.ndarray]:
    return [WALL[10 : 10 + HEIGHT, n * step : n * step + WIDTH] for n in range(first, first + count)]


def lines_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class InThread:
    """A watch that runs beside the test."""

    def __init__(self, source: str, model: Predictor, out: Path, settings: Settings = Settings()) -> None:  # noqa: B008
        self.out, self.stop, self.said, self.summary = out, Event(), [], {}
        self.thread = threading.Thread(target=self.run, args=(source, model, settings), daemon=True)
        self.thread.start()

    def run(self, source: str, model: Predictor, settings: Settings) -> None:
        self.summary = watch(find_source(source), model, self.out, settings, stop=self.stop, say=self.said.append)

    def lines(self) -> int:
        path = self.out / "frames.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def end(self) -> dict:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.summary


def test_a_film_is_lines_pictures_and_a_summary(
    tmp_path: Path, darkness: Predictor, film: Callable[[Iterable[np.ndarray]], Path]
) -> None:
    pictures = [*views(40, 12), *views(40, 5, first=11), *views(40, 14, first=16)]  # one view comes twice
    settings = Settings(mm_per_px=0.5, save=("frames", "masks", "overlays"))
    summary = watch(find_source(str(film(pictures))), darkness, tmp_path / "out", settings, stop=Event())
    lines = lines_of(tmp_path / "out")
    assert set(lines[0]) == KEYS
    assert [line["frame"] for line in lines] == [n for n in range(1, 32) if n != 13]
    assert lines[0]["shift_px"] is None
    assert lines[5]["shift_px"] == pytest.approx([-40, 0], abs=1)
    assert lines[0]["cracks"][0]["length_mm"] == pytest.approx(0.5 * lines[0]["cracks"][0]["length_px"], rel=1e-3)
    assert "centreline_px" not in lines[0]["cracks"][0]
    assert {crack["track"] for line in lines for crack in line["cracks"]} == {1, 2, 3}
    assert (summary["cracks_so_far"], summary["counts"]["still"], summary["counts"]["computed"]) == (3, 1, 30)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_bytes())
    for kind in settings.save:
        assert [file.stem for file in sorted((tmp_path / "out" / kind).iterdir())] == [
            f"{n['frame']:08d}" for n in lines
        ]
    mask = read_mask(tmp_path / "out" / "masks" / "00000001.png")
    assert mask.shape == read_image(tmp_path / "out" / "overlays" / "00000001.jpg").shape[:2] == (HEIGHT, WIDTH)
    assert np.count_nonzero(mask) == lines[0]["totals"]["crack_area_px"]


def test_another_watch_into_the_same_folder_goes_on(
    tmp_path: Path, darkness: Predictor, film: Callable[[Iterable[np.ndarray]], Path]
) -> None:
    source, out = find_source(str(film(views(40, 8)))), tmp_path / "out"
    watch(source, darkness, out, Settings(frames=3), stop=Event())
    with (out / "frames.jsonl").open("ab") as file:
        file.write(b'{"schema":"crackwise.frame/1","fra')  # killed as it wrote
    watch(source, darkness, out, Settings(), stop=Event())
    lines = lines_of(out)
    assert [line["frame"] for line in lines] == list(range(1, 12))
    assert [line["cracks_so_far"] for line in lines] == [1] * 3 + [2] * 8
    assert lines[-1]["counts"]["computed"] == 11


def test_what_came_after_the_last_line_counts_too(
    tmp_path: Path, darkness: Predictor, film: Callable[[Iterable[np.ndarray]], Path]
) -> None:
    standing, out = [*views(0, 9)], tmp_path / "out"
    for arrived in (9, 18):
        summary = watch(find_source(str(film(standing))), darkness, out, Settings(), stop=Event())
        assert (summary["counts"]["arrived"], summary["counts"]["still"]) == (arrived, arrived - arrived // 9)
    assert [line["frame"] for line in lines_of(out)] == [1, 10]


def test_a_link_that_leads_nowhere_is_no_picture(tmp_path: Path, darkness: Predictor) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "round.jpg").symlink_to(folder / "round.jpg")
    cv2.imwrite(str(folder / "a.png"), WALL[:HEIGHT, :WIDTH])
    watch(find_source(str(folder)), darkness, tmp_path / "out", Settings(frames=1), stop=Event())
    assert [line["file"] for line in lines_of(tmp_path / "out")] == ["a.png"]


def test_lines_of_somebody_else_are_left_alone(tmp_path: Path, darkness: Predictor) -> None:
    for text in ("my notes", "my notes\n", '{"frame": 3}\n'):
        (tmp_path / "frames.jsonl").write_text(text)
        with pytest.raises(CrackwiseError, match="Choose another --out"):
            watch(find_source(str(tmp_path)), darkness, tmp_path, Settings(), stop=Event())
        assert (tmp_path / "frames.jsonl").read_text() == text


def test_fewer_frames_of_a_film(tmp_path: Path, darkness: Predictor, film: Callable[..., Path]) -> None:
    source = find_source(str(film(views(20, 20))), fps=2.5)
    watch(source, darkness, tmp_path / "out", Settings(), stop=Event())
    assert [line["frame"] for line in lines_of(tmp_path / "out")] == [1, 5, 9, 13, 17]


def test_a_stream_that_dies_and_returns(tmp_path: Path, darkness: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FIRST_PAUSE_S", 0.05)
    with Camera(Pan(WALL, WIDTH, HEIGHT, 100), fps=25) as camera:
        camera.damage = lambda number, jpeg: jpeg[:-200] + bytes(200) if number % 9 == 4 else jpeg
        running = InThread(camera.url, darkness, tmp_path / "out", Settings(share=0.5))
        eventually(lambda: running.lines() >= 8)
        camera.stop()
        eventually(lambda: any("Trying again" in text for text in running.said))
        before = running.lines()
        time.sleep(0.3)
        assert running.lines() <= before + 1
        camera.start()
        eventually(lambda: running.lines() >= before + 8)
        summary = running.end()
    counts, lines = summary["counts"], lines_of(tmp_path / "out")
    assert counts["reconnects"] == 1
    assert any("is back after" in text for text in running.said)
    assert counts["damaged"] >= 1
    assert counts["computed"] == len(lines) >= 16
    assert 0 <= counts["arrived"] - sum(counts[n] for n in ("computed", "dropped", "damaged", "still")) <= 1
    numbers = [line["frame"] for line in lines]
    assert numbers == sorted(set(numbers))
    assert 1 <= summary["cracks_so_far"] <= 4


def test_the_newest_picture_wins(tmp_path: Path, darkness: Predictor) -> None:
    class Slow:
        card, sha256, runtime, precision = darkness.card, darkness.sha256, darkness.runtime, darkness.precision

        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            time.sleep(0.25)
            return darkness(pixels)

    with Camera(Pan(WALL, WIDTH, HEIGHT, 50), fps=40) as camera:
        running = InThread(camera.url, Slow(), tmp_path / "out", Settings(frames=6))
        running.thread.join(30)
        sent = camera.sent
    lines = lines_of(tmp_path / "out")
    assert running.summary["counts"]["dropped"] >= 5
    assert len(lines) == 6
    assert all(line["latency_ms"] < 2000 for line in lines)
    assert sent - lines[-1]["frame"] < sent - lines[0]["frame"]
    eventually(lambda: "crackwise-feed" not in [thread.name for thread in threading.enumerate()])


def test_a_folder_that_fills_gives_every_finished_picture_once(tmp_path: Path, darkness: Predictor) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    pictures = [cv2.imencode(".jpg", view[:, :, ::-1])[1].tobytes() for view in views(60, 6)]
    (folder / "a.jpg").write_bytes(pictures[0])
    (folder / "notes.txt").write_text("no picture")
    running = InThread(str(folder), darkness, tmp_path / "out")
    eventually(lambda: running.lines() == 1)
    (folder / ".hidden.jpg").write_bytes(pictures[1])
    (folder / "b.jpg").write_bytes(pictures[1])
    eventually(lambda: running.lines() == 2)
    with (folder / "c.jpg").open("wb") as slow:
        for at in range(0, len(pictures[2]), len(pictures[2]) // 6):
            slow.write(pictures[2][at : at + len(pictures[2]) // 6])
            slow.flush()
            time.sleep(0.15)
    (folder / "d.jpg").write_bytes(pictures[3][:-900])
    (folder / "e.jpg").write_bytes(pictures[4])
    eventually(lambda: running.lines() == 4)
    summary = running.end()
    assert summary["counts"] == {
        "arrived": 5, "computed": 4, "dropped": 0, "still": 0, "damaged": 1, "failed": 0, "reconnects": 0
    }  # fmt: skip
    assert [text for text in running.said if "d.jpg" in text]


def test_a_folder_is_gone_on_with_after_the_files_that_have_been_seen(tmp_path: Path, darkness: Predictor) -> None:
    folder, other, out = tmp_path / "card", tmp_path / "other", tmp_path / "out"
    jpegs = [cv2.imencode(".jpg", view[:, :, ::-1])[1].tobytes() for view in views(60, 6)]

    def put(place: Path, name: str, content: bytes) -> None:
        place.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
        time.sleep(0.02)  # file systems tell times that are nearer apart as one

    def seen(place: Path, count: int) -> list[tuple[int, str]]:
        running = InThread(str(place), darkness, out)
        eventually(lambda: running.lines() >= count)
        time.sleep(0.6)  # long enough for another look
        running.end()
        return [(line["frame"], line["file"]) for line in lines_of(out)]

    contents = {"z.jpg": jpegs[0], "still.jpg": jpegs[0], "damaged.jpg": jpegs[1][:-900], "a\udcff.jpg": jpegs[1]}
    for name, content in contents.items():
        put(folder, name, content)
    known = [(1, "z.jpg"), (4, "a\\udcff.jpg")]
    assert seen(folder, 2) == known
    put(folder, "new.jpg", jpegs[2])
    assert seen(folder, 3) == [*known, (5, "new.jpg")]
    put(folder, "z.jpg", jpegs[3])  # another picture under an old name
    known += [(5, "new.jpg"), (6, "z.jpg")]
    assert seen(folder, 4) == known
    (folder / "z.jpg").unlink()
    put(folder, "last.jpg", jpegs[4])
    known += [(7, "last.jpg")]
    assert seen(folder, 5) == known
    for name in ("new.jpg", "last.jpg"):  # of another folder
        put(other, name, jpegs[5] if name == "new.jpg" else jpegs[0])
    assert seen(other, 7) == [*known, (8, "new.jpg"), (9, "last.jpg")]
    assert lines_of(out)[-1]["counts"]["damaged"] == 1


def test_a_damaged_frame_of_a_film_costs_that_frame(
    tmp_path: Path, darkness: Predictor, film: Callable[..., Path]
) -> None:
    path = film(views(30, 10))
    content = bytearray(path.read_bytes())
    third = [at for at in range(len(content)) if content[at : at + 3] == b"\xff\xd8\xff"][2]
    content[third : third + 400] = bytes(400)
    path.write_bytes(content)
    summary = watch(find_source(str(path)), darkness, tmp_path / "out", Settings(), stop=Event())
    assert (summary["counts"]["computed"], summary["counts"]["damaged"]) == (9, 1)
    assert [line["frame"] for line in lines_of(tmp_path / "out")] == [1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_a_film_that_is_cut_short_says_so(
    tmp_path: Path, darkness: Predictor, film: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = film(views(30, 40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
    summary = watch(find_source(str(path)), darkness, tmp_path / "out", Settings(), stop=Event())
    assert 5 <= summary["counts"]["computed"] <= 10
    assert "of the 40 frames that it announces" in caplog.text


def test_a_model_that_is_out_of_reach_costs_pictures_but_not_on_the_first(
    tmp_path: Path, darkness: Predictor, film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crackwise.watch.looks.FAILED_PAUSE_S", 0)

    class Unsteady:
        card, sha256, runtime, precision = darkness.card, darkness.sha256, darkness.runtime, darkness.precision

        def __init__(self, *failing: int) -> None:
            self.calls, self.failing = 0, failing

        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls in self.failing:
                raise ModelError("No answer from the server.")
            if self.calls == 5:
                raise ZeroDivisionError
            return darkness(pixels)

    source, said = find_source(str(film(views(30, 8)))), []
    summary = watch(source, Unsteady(3), tmp_path / "out", Settings(), stop=Event(), say=said.append)
    assert (summary["counts"]["computed"], summary["counts"]["failed"]) == (6, 2)
    assert [text for text in said if "frame 3 is lost: No answer" in text.replace("Frame", "frame")]
    with pytest.raises(ModelError):
        watch(source, Unsteady(1), tmp_path / "none", Settings(), stop=Event())
    assert not (tmp_path / "none").exists()


def test_a_model_that_was_replaced_ends_the_watch_and_keeps_what_was_found(
    film: Callable[..., Path], tmp_path: Path, darkness: Predictor
) -> None:
    class Replaced:
        card, sha256, runtime, precision = darkness.card, darkness.sha256, darkness.runtime, darkness.precision
        calls = 0

        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls > 3:
                raise ModelReplacedError("The server has another model by now.")
            return darkness(pixels)

    out = tmp_path / "out"
    with pytest.raises(ModelReplacedError):
        watch(find_source(str(film(views(30, 8)))), Replaced(), out, Settings(), stop=Event())
    counts = json.loads((out / "summary.json").read_text())["counts"]
    assert (counts["computed"], counts["failed"]) == (3, 0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.mp4", "Nothing to watch at"),
        ("ftp://host/x", "addresses begin with http"),
        ("http://127.0.0.1:1/", "Connection refused"),
        ("http://:80/", "no address"),
        ("rtsp://127.0.0.1:1/x", "Cannot open"),
        ("97", "Cannot open camera 97"),
        ("notes.mp4", "Cannot open notes.mp4"),
    ],
)
def test_nothing_to_watch_is_one_clear_error_and_leaves_nothing(
    tmp_path: Path, darkness: Predictor, source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.mp4").write_text("no film")
    with pytest.raises(StreamError, match=message):
        watch(find_source(source), darkness, tmp_path / "out", Settings(), stop=Event())
    assert not (tmp_path / "out").exists()


def test_a_password_is_neither_shown_nor_stored() -> None:
    assert find_source("http://admin:secret@camera.local/video").name == "http://camera.local/video"
    assert find_source("rtsp://admin:p@ss@camera:554/1").name == "rtsp://camera:554/1"
    assert find_source("http://camera/video.cgi?user=admin&pwd=hunter2").name == "http://camera/video.cgi?user=…&pwd=…"


@pytest.mark.parametrize(
    "place",
    ["127.0.0.1:1/?user=admin&pwd=hunter2", "bob:hunter2@127.0.0.1:1/", "bob:hunter2/", "127.0.0.1:1/?pwd=hunter2 x"],
)
@pytest.mark.parametrize("scheme", ["http", "rtsp", "ftp"])
def test_no_error_of_a_stream_tells_a_password(
    tmp_path: Path, darkness: Predictor, scheme: str, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StreamError) as caught:
        watch(find_source(f"{scheme}://{place}"), darkness, tmp_path / "out", Settings(), stop=Event())
    assert "hunter2" not in str(caught.value) + "".join(capfd.readouterr())
