"""An audit of labels as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from crackwise.evaluation.labels.alignment import REACH_PX
from crackwise.evaluation.labels.audit import AuditedSet
from crackwise.evaluation.labels.checks import DISPLACED_PX, LABEL_CHECKS, SEVERITIES, WIDE, Finding
from crackwise.evaluation.labels.look import Look
from crackwise.report.plot import INK, new_figure, to_svg
from crackwise.report.render import template_of

__all__ = ["Shown", "render_page", "worst_of"]

MOST_RATIO = 8.0
BINS = 24


class Shown(NamedTuple):
    """One pair on the page."""

    name: str
    sentences: tuple[str, ...]
    source: str
    """A ``data:`` address of the drawing; empty where nothing can be drawn."""


def worst_of(audited: AuditedSet, count: int) -> list[tuple[Look, list[Finding]]]:
    """The pictures with the worst findings, and those: grave ones first, then the farthest beyond what is usual."""
    by_name: dict[str, list[Finding]] = {}
    for finding in audited.findings:
        by_name.setdefault(finding.picture, []).append(finding)
    found = [(look, by_name[look.name]) for look in audited.looks if look.name in by_name]
    return sorted(found, key=lambda pair: (-badness(pair[1])[0], -badness(pair[1])[1], pair[0].name))[:count]


def badness(findings: Sequence[Finding]) -> tuple[int, float]:
    """How bad the findings of one picture are: the worst severity, then how many times beyond a limit."""
    worst = max(len(SEVERITIES) - SEVERITIES.index(finding.severity) for finding in findings)
    times = {"wide": 1 / WIDE, "displaced": 1 / DISPLACED_PX}
    return worst, sum(finding.value * times.get(finding.check, 0.0) for finding in findings)


def render_page(record: Mapping[str, Any], sets: Mapping[str, AuditedSet], shown: Mapping[str, Sequence[Shown]]) -> str:
    """The page of a record as `to_json` makes it; ``shown`` are the worst pairs of every set, drawn."""
    return template_of("crackwise.evaluation.labels", "labels.html").render(
        record=record,
        shown=shown,
        found={
            name: check for name, check in LABEL_CHECKS.items() if any(name in s.summary.counts for s in sets.values())
        },
        ratios=ratio_chart(sets),
        displacements=displacement_chart(sets),
    )


def ratio_chart(sets: Mapping[str, AuditedSet]) -> Markup:
    """Histograms of the ratio of widths, one line per set; nothing where none was measured."""
    values = {
        name: np.array([look.thickness.ratio for look in audited.looks if look.thickness is not None])
        for name, audited in sets.items()
    }
    values = {name: each[~np.isnan(each)].clip(1 / MOST_RATIO, MOST_RATIO) for name, each in values.items()}
    if not any(len(each) for each in values.values()):
        return Markup("")
    figure, axes = new_figure(7.5, 3.6)
    edges = np.geomspace(1 / MOST_RATIO, MOST_RATIO, BINS + 1)
    for name, each in values.items():
        if len(each):
            axes.hist(each, edges, weights=np.full(len(each), 1 / len(each)), histtype="step", linewidth=2, label=name)
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.125, 0.25, 0.5, 1, 2, 4, 8], ["≤ 1/8", "1/4", "1/2", "1", "2", "4", "≥ 8"])
    axes.minorticks_off()
    axes.set(xlabel="width of the label / width of the crack", ylabel="share of the pictures")
    axes.legend(labelcolor=INK, fontsize=9, frameon=False)
    return to_svg(figure, "Histogram of how many times as wide as the crack the labels are, by set")


def displacement_chart(sets: Mapping[str, AuditedSet]) -> Markup:
    """Where the labels lie as seen from the dark lines, a point per picture; nothing where none was measured."""
    figure, axes = new_figure(7.5, 4.4)
    drawn = False
    for (name, audited), mark in zip(sets.items(), "osD^vPX*" * (len(sets) // 8 + 1), strict=False):
        fits = [look.fit.alignment for look in audited.looks if look.fit is not None]
        if fits:
            right, down = [fit.right_px for fit in fits], [fit.down_px for fit in fits]
            axes.plot(right, down, mark, markersize=4, alpha=0.55, markeredgewidth=0, label=name)
            drawn = True
    if not drawn:
        return Markup("")
    axes.axhline(0, color=INK, linewidth=1, linestyle=":")
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set_aspect("equal")
    axes.set(xlim=(-REACH_PX - 1, REACH_PX + 1), ylim=(REACH_PX + 1, -REACH_PX - 1))
    axes.set(xlabel="label right of the dark line, px", ylabel="below it, px")
    axes.legend(labelcolor=INK, fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return to_svg(figure, "Displacement of every label from the dark line it means, by set")
