from __future__ import annotations

from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from crackwise.report.plot import FAINT, INK, SERIES, broken, new_figure, to_png, to_svg


def drawn():
    figure, axes = new_figure()
    for i in range(3):
        axes.plot([0, 1], [i, i + 1], label=f"line {i}")
    axes.legend()
    axes.set_xlabel("severity <1>")
    return figure


def test_a_plot_takes_the_colours_of_its_page():
    svg = str(to_svg(drawn(), 'score & "severity"'))
    assert "currentColor" in svg
    assert "var(--c0)" in svg
    assert "var(--c2)" in svg
    assert not any(colour in svg for colour in (INK, FAINT, *SERIES))
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    assert root.get("aria-label") == 'score & "severity"'
    assert root.get("width") is None


def test_the_same_figure_gives_the_same_bytes():
    assert to_svg(drawn(), "a") == to_svg(drawn(), "a")


def test_axes_come_alone_or_as_an_array():
    figure, axes = new_figure(columns=2)
    assert axes.shape == (1, 2)
    assert to_png(figure).startswith(b"\x89PNG")


def test_long_labels_part_where_names_have_joints():
    assert broken("deepcrack:packaged/train", 12) == "deepcrack:\npackaged/\ntrain"
    assert broken("a short one", 12) == "a short one"
    assert broken("two words more", 9) == "two words\nmore"
    assert broken("x" * 7, 3) == "xxx\nxxx\nx"
    assert broken("", 3) == ""
