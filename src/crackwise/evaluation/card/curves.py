"""Precision against recall at every threshold, and scores against the width of the crack: numbers and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from markupsafe import Markup

from crackwise.evaluation.protocols.levels import THRESHOLDS, Levels, at_thresholds
from crackwise.evaluation.protocols.score import ratio

__all__ = ["curve_of", "recall_chart", "width_chart"]

DIGITS = 6
WIDTHS = {"0_2": "≤ 2", "2_5": "2-5", "5_15": "5-15", "15_inf": "> 15"}
"""Bins of the family ``widths`` and what they are called below a plot, in px."""
MARKS = "osD^vPX*"

Curve = list[tuple[float, float, float]]


def curve_of(counts: Sequence[Any]) -> Curve | None:
    """(threshold, precision, recall), pooled, at 0.01 to 0.99 where anything is predicted; None without a crack."""
    total = Levels(*(np.sum(field, axis=0) for field in zip(*cast(Sequence[Levels], counts), strict=True)))
    n_true = float(total.true_at.sum())
    if not n_true:
        return None
    found, false = at_thresholds(total.true_at), at_thresholds(total.false_at)
    precision, thresholds = ratio(found, found + false), np.arange(1, THRESHOLDS + 1) / (THRESHOLDS + 1)
    defined = ~np.isnan(precision)
    table = np.stack([thresholds, precision, found / n_true], axis=1)[defined].round(DIGITS)
    return [(float(t), float(p), float(r)) for t, p, r in table]


def recall_chart(sets: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Precision against recall of every set of the record that has a curve, with a dot at the threshold in use."""
    from crackwise.report.plot import new_figure, to_svg

    figure, axes = new_figure(6.4, 4.6)
    for of_set, (reference, curve) in drawn(sets):
        scores = of_set["subsets"]["all"]["scores"]
        _, precision, recall = zip(*curve, strict=True)
        (line,) = axes.plot(recall, precision, linewidth=2, label=short(reference))
        point = scores["pooled_recall"]["value"], scores["pooled_precision"]["value"]
        if None not in point:
            axes.plot(*point, "o", markersize=8, color=line.get_color())
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    return to_svg(figure, "precision against recall")


def width_chart(sets: Mapping[str, Mapping[str, Any]], score: str = "f1@2") -> Markup:
    """A score by the width of the crack, of every set of the record, with intervals."""
    from crackwise.report.plot import new_figure, to_svg

    figure, axes = new_figure(6.4, 4.6)
    shown = drawn(sets)
    for i, (of_set, (reference, _)) in enumerate(shown):
        scores = of_set["subsets"]["all"]["scores"]
        cells = [(place, scores[f"width_{name}_{score}"]) for place, name in enumerate(WIDTHS)]
        cells = [(place, cell) for place, cell in cells if cell["value"] is not None]
        if not cells:
            continue
        at = [place + 0.12 * (i - (len(shown) - 1) / 2) for place, _ in cells]
        values = np.array([cell["value"] for _, cell in cells])
        ends = np.array([[cell["value"] if cell[end] is None else cell[end] for _, cell in cells] for end in ENDS])
        reach = np.clip([values - ends[0], ends[1] - values], 0, None)
        axes.errorbar(at, values, reach, fmt=MARKS[i % len(MARKS)], capsize=3, markersize=7, label=short(reference))
    axes.set_xticks(range(len(WIDTHS)), WIDTHS.values())
    axes.set(xlabel="width of the labelled crack, px", ylabel="F1 within 2 px", ylim=(0, 1.02))
    if len(shown) > 1:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return to_svg(figure, "F1 within 2 px by width of the crack")


ENDS = ("low", "high")


def drawn(sets: Mapping[str, Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], tuple[str, Curve]]]:
    """The sets that have a curve."""
    return [(of_set, (name, of_set["card"]["curve"])) for name, of_set in sets.items() if has_curve(of_set)]


def has_curve(of_set: Mapping[str, Any]) -> bool:
    """Whether there was a crack to find on a set, at all thresholds."""
    return bool(of_set["card"] and of_set["card"]["curve"])


def short(reference: str) -> str:
    """The last part of a path; other references as they are."""
    return reference.rstrip("/").rpartition("/")[2] if reference.startswith(("/", ".")) else reference
