"""The two commands of an inspector, as they are typed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import parser
from PIL import Image

from crackwise import __version__
from crackwise.backends.onnx import CARD_KEY
from crackwise.batch import PARTS
from crackwise.cli import main
from crackwise.cli.field import Part
from crackwise.predictor import ModelCard

DARKNESS = """
<ir_version: 9, opset_import: ["" : 18]>
darkness (uint8[height, width, 3] image) => (float[1, height, width] probabilities)
<int64[1] last = {2}, int64[1] first = {0}, float level = {110.0}, float gain = {0.08}>
{
    grey = Cast<to = 1>(image)
    mean = ReduceMean<keepdims = 0>(grey, last)
    below = Sub(level, mean)
    logit = Mul(below, gain)
    plane = Sigmoid(logit)
    probabilities = Unsqueeze(plane, first)
}
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    darkness = parser.parse_model(DARKNESS)
    onnx.helper.set_model_props(darkness, {CARD_KEY: ModelCard(name="darkness", version="1").model_dump_json()})
    onnx.save(darkness, tmp_path / "darkness.onnx")
    return str(tmp_path / "darkness.onnx")


def draw_wall(path: Path) -> Path:
    wall = np.full((120, 160, 3), 175, np.uint8)
    cv2.line(wall, (10, 30), (150, 70), (40, 40, 40), 4, cv2.LINE_AA)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(wall).save(path)
    return path


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """The program in a process of its own; an interrupt reaches it even where tests run in the background."""
    command = [sys.executable, "-m", "crackwise", *map(str, arguments)]
    environment = os.environ | {"NO_COLOR": "1"}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs inherit it ignored
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, text=True, env=environment, preexec_fn=heard)


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def crackwise(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the program in this process: exit status, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["crackwise", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_a_photo_is_one_line_and_its_files(tmp_path: Path, model: str, crackwise: Command) -> None:
    photo = draw_wall(tmp_path / "wall.jpg")
    code, out, err = crackwise(
        "inspect", photo, "--out", tmp_path / "out", "--model", model, "--scale", "0.2mm", "--maps"
    )
    assert (code, err) == (0, "")
    first, last = out.splitlines()
    assert first.startswith(f"{photo}: 1 crack, 2")
    assert " mm in all, at most " in first
    assert last == f"Report: {tmp_path / 'out' / 'report.html'}"
    result = json.loads((tmp_path / "out" / "results" / "wall.json").read_bytes())
    assert (result["mm_per_px"], result["mm_per_px_source"]) == (0.2, "command line")
    assert (tmp_path / "out" / "maps" / "wall.tif").is_file()


def test_masks_alone_are_one_line_and_a_table(tmp_path: Path, model: str, crackwise: Command) -> None:
    photo, out = draw_wall(tmp_path / "wall.jpg"), tmp_path / "out"
    code, said, err = crackwise("inspect", photo, "--out", out, "--model", model, "--only", "masks", "--workers", "3")
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(photo))}: \d\.\d % crack\nFiles: {re.escape(str(out))}\n", said)
    assert sorted(path.name for path in out.iterdir()) == ["masks", "masks.csv"]


def test_the_parts_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert [part.value for part in Part] == list(PARTS)


@pytest.mark.parametrize("option", ["--json", "--uncertainty"])
def test_what_stands_in_results_needs_them(tmp_path: Path, model: str, crackwise: Command, option: str) -> None:
    code, _, err = crackwise("inspect", draw_wall(tmp_path / "w.jpg"), "--model", model, "--only", "masks", option)
    assert code == 2
    assert "--only results" in " ".join(err.replace("│", " ").split())


def test_results_go_to_a_folder_of_their_own_unless_told_otherwise(
    tmp_path: Path, model: str, crackwise: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_wall(tmp_path / "wall.jpg")
    monkeypatch.chdir(tmp_path)
    code, out, _ = crackwise("inspect", "wall.jpg", "--model", model)
    assert code == 0
    assert out.splitlines()[-1] == f"Report: {Path('inspection', 'report.html')}"


def test_a_bad_file_is_one_line_and_the_rest_goes_on(tmp_path: Path, model: str, crackwise: Command) -> None:
    draw_wall(tmp_path / "photos" / "wall.jpg")
    (tmp_path / "photos" / "text.jpg").write_text("hello")
    code, out, err = crackwise("inspect", tmp_path / "photos", "--out", tmp_path / "out", "--model", model)
    assert code == 1
    assert err == (
        f"error: {tmp_path / 'photos' / 'text.jpg'} is not a JPEG, PNG, TIFF, WebP or BMP picture. "
        "Convert it to one of these.\n"
    )
    assert "wall.jpg: 1 crack, 14" in out
    assert (tmp_path / "out" / "results" / "wall.json").is_file()


def test_a_file_that_may_not_be_read_is_one_line_and_a_row(
    tmp_path: Path, model: str, crackwise: Command, forbid: Callable[[Path], None]
) -> None:
    photos = [draw_wall(tmp_path / f"{name}.png") for name in "ab"]
    forbid(photos[0])
    code, out, err = crackwise("inspect", *photos, "--out", tmp_path / "out", "--model", model)
    assert (code, err) == (1, f"error: Cannot read {photos[0]}: Permission denied.\n")
    assert "b.png: 1 crack" in out
    assert f"Cannot read {photos[0]}: Permission denied." in (tmp_path / "out" / "cracks.csv").read_text()


@pytest.mark.parametrize("locked", ["mask.png", "wall.png"])
def test_a_mask_or_photo_that_may_not_be_read_is_one_line(
    tmp_path: Path, crackwise: Command, forbid: Callable[[Path], None], locked: str
) -> None:
    Image.new("L", (160, 120)).save(tmp_path / "mask.png")
    forbid(tmp_path / locked)
    code, _, err = crackwise("measure", tmp_path / "mask.png", "--image", draw_wall(tmp_path / "wall.png"))
    assert (code, err) == (1, f"error: Cannot read {tmp_path / locked}: Permission denied.\n")


def test_an_error_is_one_line_whatever_a_file_is_called(tmp_path: Path, model: str, crackwise: Command) -> None:
    odd = tmp_path / "two\nlines\x1b[31m\u2028.png"
    odd.write_text("no picture")
    for arguments in (["measure", odd], ["inspect", odd, "--out", tmp_path / "out", "--model", model]):
        code, _, err = crackwise(*arguments)
        assert code == 1
        assert err.startswith(f"error: {tmp_path}/two\\nlines\\x1b[31m\\u2028.png is not a JPEG")
        assert len(err.splitlines()) == 1


def test_json_is_all_that_standard_output_holds(tmp_path: Path, model: str, crackwise: Command) -> None:
    photos = [draw_wall(tmp_path / f"{name}.png") for name in "ab"]
    (tmp_path / "c.png").write_bytes(b"")
    code, out, err = crackwise(
        "inspect", *photos, tmp_path / "c.png", "--out", tmp_path / "out", "--model", model, "--json"
    )  # fmt: skip
    assert code == 1
    results = json.loads(out)
    assert [result["source"] for result in results] == [str(tmp_path / f"{name}.png") for name in "abc"]
    assert results[0] == json.loads((tmp_path / "out" / "results" / "a.json").read_bytes())
    assert "empty" in results[2]["error"]
    assert "a.png: 1 crack" in err
    assert "Report:" in err


def test_the_threshold_is_obeyed(tmp_path: Path, model: str, crackwise: Command) -> None:
    photo = draw_wall(tmp_path / "wall.png")
    for threshold in ("0.2", "0.9"):
        assert (
            crackwise("inspect", photo, "--out", tmp_path / threshold, "--model", model, "--threshold", threshold)[0]
            == 0
        )
    low, high = (json.loads((tmp_path / t / "results" / "wall.json").read_bytes()) for t in ("0.2", "0.9"))
    assert high["totals"]["crack_area_px"] < low["totals"]["crack_area_px"]
    assert high["model"]["threshold"] == 0.9


def test_behind_a_screen_only_what_is_suspected_is_segmented(tmp_path: Path, model: str, crackwise: Command) -> None:
    photo = draw_wall(tmp_path / "wall.png")
    options = ("inspect", photo, "--out", tmp_path / "out", "--model", model, "--screen", model)
    code, out, err = crackwise(*options)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith(" wide; 100 % segmented")
    code, out, _ = crackwise(*options, "--screen-threshold", "0.9999")
    assert out.splitlines()[0] == f"{photo}: no crack; 0 % segmented"
    result = json.loads((tmp_path / "out" / "results" / "wall.json").read_bytes())
    assert result["model"]["name"] == "darkness behind darkness"
    assert result["triage"]["screen"]["threshold"] == 0.9999
    code, _, err = crackwise(*options[:-2], "--screen-threshold", "0.5")
    assert code == 2
    assert "goes with --screen" in err


def test_the_limit_of_megapixels_is_obeyed(tmp_path: Path, model: str, crackwise: Command) -> None:
    photo = draw_wall(tmp_path / "wall.png")
    code, _, err = crackwise("inspect", photo, "--out", tmp_path / "out", "--model", model, "--max-megapixels", "0.01")
    assert code == 1
    assert "the limit is 0.01" in err
    code, _, err = crackwise("measure", photo, "--max-megapixels", "0.01")
    assert code == 1
    assert "the limit is 0.01" in err
    assert crackwise("measure", photo, "--max-megapixels", "nan")[0] == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--scale", "0"], "for example 0.2mm"),
        (["--scale", "two"], "for example 0.2mm"),
        (["--scale", "0.2M"], "for example 0.2mm"),
        (["--scale", "1e12m"], "from 0.00001 to 10000"),
        (["--threshold", "1"], "between 0 and 1"),
        (["--threshold", "nan"], "between 0 and 1"),
        (["--max-megapixels", "0"], "above 0"),
        (["--screen", "packaged", "--screen-threshold", "1"], "between 0 and 1"),
        (["--colour"], "--colour"),
    ],
)
def test_what_is_wrongly_asked_for_ends_with_two(
    tmp_path: Path, options: list[str], complaint: str, crackwise: Command
) -> None:
    code, _, err = crackwise("inspect", tmp_path, "--out", tmp_path / "out", *options)
    assert code == 2
    assert complaint in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["absent.jpg"], "No file or folder at 'absent.jpg'"),
        ([".", "--model", "absent.onnx"], "No photograph in '.'"),
        (["wall.png", "--model", "absent.onnx"], "No model at 'absent.onnx'"),
        (["wall.png", "--model", "wall.png"], "'wall.png' is no model"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_ends_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str, crackwise: Command
) -> None:
    if arguments[0] == "wall.png":
        draw_wall(tmp_path / "wall.png")
    monkeypatch.chdir(tmp_path)
    code, out, err = crackwise("inspect", *arguments, "--out", "out")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {complaint}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_interrupt_ends_with_130_and_leaves_only_whole_files(tmp_path: Path, model: str) -> None:
    for i in range(400):
        draw_wall(tmp_path / "photos" / f"{i:03}.png")
    process = start("inspect", tmp_path / "photos", "--out", tmp_path / "out", "--model", model)
    assert process.stdout is not None
    assert process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not list((tmp_path / "out").rglob("*.part"))
    assert not (tmp_path / "out" / "report.html").exists()
    for path in (tmp_path / "out" / "results").iterdir():
        assert json.loads(path.read_bytes())["totals"]["crack_count"] == 1


def test_a_mask_is_measured_for_programs_and_for_people(tmp_path: Path, crackwise: Command) -> None:
    mask = np.zeros((100, 300), np.uint8)
    cv2.line(mask, (20, 50), (280, 50), 255, 5)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    code, out, _ = crackwise("measure", tmp_path / "mask.png", "--scale", "500um", "--json")
    assert code == 0
    measured = json.loads(out)
    assert list(measured) == ["cracks", "totals"]
    assert measured["cracks"][0]["length_mm"] == pytest.approx(132, abs=3)
    code, out, _ = crackwise("measure", tmp_path / "mask.png")
    assert code == 0
    assert out.splitlines()[0].split() == ["crack", "length", "mean", "width", "median", "widest", "direction"]
    assert out.splitlines()[-1].startswith("1 crack, 26")


def test_small_scales_do_not_round_everything_to_nothing(tmp_path: Path, crackwise: Command) -> None:
    mask = np.zeros((100, 300), np.uint8)
    cv2.line(mask, (20, 50), (280, 50), 255, 5)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    _, out, _ = crackwise("measure", tmp_path / "mask.png", "--scale", "4um")
    number, crack, totals = r"0\.0*[1-9]\d*", *out.splitlines()[1:]
    assert re.search(rf"{number} ± {number} mm +{number} mm +{number} mm", crack)
    assert re.search(rf"{number} mm²", totals)


def test_a_mask_and_a_photo_that_do_not_fit_are_one_line(tmp_path: Path, crackwise: Command) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "mask.png")
    photo = draw_wall(tmp_path / "wall.png")
    code, _, err = crackwise("measure", tmp_path / "mask.png", "--image", photo)
    assert code == 1
    assert err.startswith("error: The mask is 40x30 px, the photograph 160x120.")


def test_the_version_is_printed(crackwise: Command) -> None:
    assert crackwise("--version") == (0, f"crackwise {__version__}\n", "")


def test_help_waits_for_nothing_that_takes_long_to_import() -> None:
    script = "import sys; from crackwise.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    process = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True)
    for command in ("inspect", "measure", "train", "evaluate", "export", "show", "list", "data"):
        assert f"  {command} " in process.stdout
    slow = {"torch", "numpy", "scipy", "cv2", "skimage", "onnxruntime", "pydantic", "jinja2"}
    assert "crackwise.cli" in process.stderr.split()
    assert not slow & set(process.stderr.split())


@pytest.mark.real
def test_real_photos_are_inspected_with_the_packaged_model(
    tmp_path: Path, shared_data: Path, crackwise: Command
) -> None:
    if not list((Path(__file__).parents[2] / "src" / "crackwise" / "packaged").glob("*.onnx")):
        pytest.skip("needs the packaged model")
    code, out, err = crackwise("inspect", shared_data / "examples", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 5
