"""The page says what was found, believes nobody's file names, and opens in a browser without a network."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crackwise.predictor import DataTerms, ModelCard
from crackwise.report.chart import WidthCounts
from crackwise.report.page import render_page, summarise
from crackwise.report.table import CRACK_COLUMNS, Entry

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&amp;.jpg"
CARD = ModelCard(
    name="small",
    version="1.2",
    threshold=0.35,
    threshold_source="best F1 on validation",
    licence="Apache-2.0",
    summary="A small network.",
    scores={"deepcrack:test": {"iou": 0.712, "f1": 0.83, "protocol": "pooled"}, "cfd": {"f1": 0.6, "f1@5": None}},
    limits=("Not for X-rays.",),
    data=(DataTerms(name="deepcrack:train", terms="none stated"),),
)
TRIAGE = {
    "screen": {"name": "quick", "version": "3", "sha256": "cd" * 32, "threshold": 0.25},
    "segmenter": {"name": "small", "version": "1.2", "sha256": "ef" * 32},
    "parts": 12,
    "suspected": 5,
    "segmented_share": 0.4567,
}
MODEL = {"sha256": "ab" * 32, "threshold": 0.35, "runtime": "onnxruntime", "precision": "f32"}


def crack(number: int, width_px: float, mm_per_px: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {name: width_px for name in CRACK_COLUMNS if name.endswith("_px")}
    row |= {name.replace("_px", "_mm"): None if mm_per_px is None else value * mm_per_px for name, value in row.items()}
    return row | {"id": number, "label": "crack", "orientation_deg": 45.0}


def entries_of(mm_per_px: float | None) -> list[Entry]:
    def result(source: str, *widths: float) -> dict[str, Any]:
        length = sum(widths)
        return {
            "source": source,
            "width_px": 400,
            "height_px": 300,
            "mm_per_px": mm_per_px,
            "triage": TRIAGE if widths else None,
            "review": {"needed": not widths, "confidence": 0.61, "below": 0.7},
            "uncertainty": {"views": 8, "disagreement": 0.25} if widths else None,
            "cracks": [crack(i, width, mm_per_px) for i, width in enumerate(widths, 1)],
            "totals": {
                "crack_count": len(widths),
                "crack_length_px": length,
                "crack_length_mm": None if mm_per_px is None else length * mm_per_px,
                "crack_area_px": 3 * length,
                "crack_density_m_per_m2": None if mm_per_px is None else 1.5,
            },
        }

    return [
        Entry(f"walls/{EVIL}", "evil", result=result(f"walls/{EVIL}", 3.0, 7.0)),
        Entry("walls/plain.jpg", "plain", result=result("walls/plain.jpg")),
        Entry("walls/cut.jpg", "cut", error=f"walls/cut.jpg is damaged: {EVIL}"),
    ]


def jpeg(_: Entry) -> bytes:
    content = BytesIO()
    Image.new("RGB", (400, 300), "gray").save(content, "JPEG")
    return content.getvalue()


def page(entries: list[Entry], mm_per_px: float | None, *, card: ModelCard = CARD, threshold: float = 0.35) -> str:
    widths = WidthCounts(mm_per_px)
    for entry in entries:
        for row in entry.result["cracks"] if entry.result else []:
            widths.add([row["max_width_px"]] * 9)
    source = None if mm_per_px is None else "command line"
    summary = summarise(entries, mm_per_px=mm_per_px, mm_per_px_source=source)
    model = MODEL | {"threshold": threshold}
    return b"".join(render_page(entries, summary, widths, card=card, model=model, preview=jpeg)).decode()


class Words(HTMLParser):
    """The text of a page and the tags it is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in ("dt", "dd", "div", "p", "small", "td", "th") else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def words(html: str) -> Words:
    reader = Words()
    reader.feed(html)
    reader.text = re.sub(r"\s+", " ", reader.text)
    return reader


def test_the_summary_comes_first() -> None:
    text = words(page(entries_of(0.5), 0.5)).text
    places = [
        text.index(wanted)
        for wanted in (
            "Cracks were found on 1 of 3 photographs.",
            "Folder: walls",
            "Photographs 3",
            "Cracks 2",
            "Total length 5.0 mm",
            "Widest 3.50 mm crack 2 of",
            "Could not be used 1",
            "one pixel covers 0.5 mm (command line)",
            "Widths",
            "Overview",
            "Model",
        )
    ]
    assert places == sorted(places)


def test_photos_without_a_common_folder_keep_their_whole_name() -> None:
    entries = [Entry("/far/a.jpg", "a", error="broken"), Entry("near/b.jpg", "b", error="broken")]
    text = words(page(entries, None)).text
    assert "/far/a.jpg" in text
    assert "Folder:" not in text


def test_the_model_is_named_with_all_that_should_be_known() -> None:
    text = words(page(entries_of(None), None)).text
    for wanted in ("small 1.2", "0.35 (best F1 on validation)", "Apache-2.0", "onnxruntime, f32", "ab" * 32, "0.712",
                   "Not for X-rays.", "deepcrack:train", "none stated"):  # fmt: skip
        assert wanted in text


def test_a_screen_is_named_and_what_it_let_through() -> None:
    text = words(page(entries_of(None), None)).text
    for wanted in ("· 45.7 % segmented", "quick 3, from 0.25 on a part is suspected", "cd" * 32, "ef" * 32):
        assert wanted in text
    plain = [Entry("b.jpg", "b", result=(entries_of(None)[0].result or {}) | {"triage": None})]
    assert "% segmented" not in words(page(plain, None)).text


def test_another_threshold_is_said_to_be_another() -> None:
    text = words(page(entries_of(None), None, threshold=0.5)).text
    assert "0.5 (chosen for this run; the model's own is 0.35)" in text


def test_without_a_scale_the_page_says_what_pixels_mean() -> None:
    text = words(page(entries_of(None), None)).text
    assert "No scale was given, so every length and width is in pixels" in text
    assert "crackwise inspect" in text
    assert " mm" not in text.replace("mm²", "")
    assert "7.0 ± 7.0 px" in text


@pytest.mark.parametrize("mm_per_px", [None, 0.2])
def test_names_of_files_are_text_and_nothing_loads_from_elsewhere(mm_per_px: float | None) -> None:
    reader = words(page(entries_of(mm_per_px), mm_per_px))
    assert EVIL in reader.text
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            address = attributes.get(name) or ""
            assert address.startswith(("data:image/jpeg;base64,", "#")) or name not in attributes, (tag, address)
    assert "http" not in re.sub(r"http-equiv", "", page(entries_of(None), None))


def test_a_marked_picture_without_a_measured_crack_is_not_called_free_of_cracks():
    (entry,) = entries_of(None)[1:2]
    entry.result["totals"]["crack_area_px"] = 120_000
    text = page([entry], None)
    assert "No crack could be measured; on 1 photograph areas are marked" in text
    assert "no crack to measure, 100 % of the area marked" in text
    assert "No crack was found" not in text


@pytest.mark.parametrize(
    ("entries", "words_of_it"),
    [(entries_of(None)[1:2], "No crack was found."), (entries_of(None)[2:], "None of the photographs could be used.")],
)
def test_pages_without_cracks_say_so(entries: list[Entry], words_of_it: str) -> None:
    assert words_of_it in words(page(entries, None)).text


def test_a_model_of_several_classes_names_the_kind() -> None:
    card = CARD.model_copy(update={"classes": ("crack", "joint")})
    assert "Kind" in words(page(entries_of(None), None, card=card)).text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_browser_shows_it(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    (tmp_path / "report.html").write_text(page(entries_of(0.2), 0.2), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, scheme in ((1280, "light"), (360, "dark")):
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
            shown = context.new_page()
            complaints: list[str] = []
            shown.on("console", lambda message, heard=complaints: heard.append(message.text))
            shown.on("pageerror", lambda error, heard=complaints: heard.append(str(error)))
            shown.goto((tmp_path / "report.html").as_uri())
            assert shown.title() == "Crack inspection: 3 photographs"
            assert complaints == []
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert shown.evaluate("[...document.images].every(image => image.naturalWidth == 400)")
            assert shown.locator("svg rect").count() >= 2
            shown.locator("table a").first.click()
            assert shown.url.endswith("#photo-1")
            ink, paper = shown.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
            assert abs(brightness(ink) - brightness(paper)) > 150
        browser.close()


def brightness(colour: str) -> float:
    """Mean of the numbers in ``rgb(1, 2, 3)``."""
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3
